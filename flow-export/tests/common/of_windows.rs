//! A run of a flow over windows of two channels, and rows of these.
#![allow(dead_code, reason = "each test takes what it needs")]

use crate::common::Session;
use flow_export::windows::Recipe;
use flow_model::checkpoint::Checkpoint;
use flow_model::params::Layout;
use flow_model::spec::{Base, Column, Dequantization, FlowSpec, Kind, Layer, Standard, Tails};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;

pub const STEP: u64 = 300_000_000;

pub fn recipe() -> Recipe {
    let features = ["value", "lag1", "mean", "std", "slope", "min", "max", "range", "crest"];
    Recipe {
        length: 12,
        stride: 2,
        features: features.map(|name| name.parse().unwrap()).to_vec(),
        channels: vec!["temp".into(), "speed".into()],
        step: STEP,
        ranges: Vec::new(),
    }
}

impl Session {
    pub fn new() -> Self {
        Self::of(|spec| spec)
    }

    pub fn of(change: impl FnOnce(FlowSpec) -> FlowSpec) -> Self {
        Self::over(recipe(), change)
    }

    pub fn over(recipe: Recipe, change: impl FnOnce(FlowSpec) -> FlowSpec) -> Self {
        let session = Session::empty();
        let standard = Standard { center: 5.0, scale: 3.0, reach: 6.0 };
        let column = |name: &String| Column::new(name, Kind::Continuous { standard, jitter: 0.0 });
        let columns: Vec<Column> = recipe.columns().iter().map(column).collect();
        let kept = columns.len() / 2;
        let spec = change(FlowSpec {
            columns,
            tails: Tails { knee: 4.0, rate: 10.0 },
            circles: None,
            layers: vec![Layer::AffineCoupling { kept, hidden: vec![4], residual: false, scale_bound: 2.0 }],
            base: Base::Normal,
            dequantization: Dequantization::Uniform,
        });
        let mut metadata = BTreeMap::new();
        recipe.to_metadata(&mut metadata);
        let params = Layout::of(&spec).init(7);
        fs::create_dir(session.path("run")).unwrap();
        let checkpoint = Checkpoint { spec, params, trained: Default::default(), metadata }.to_bytes().unwrap();
        fs::write(session.path("run/checkpoint.safetensors"), checkpoint).unwrap();
        session.succeed(&["freeze", "run", "-o", "model.flow"]);
        session
    }
}

/// Usual rows without a gap.
pub fn usual(rows: i64) -> Vec<(i64, [f32; 2])> {
    (0..rows).map(|i| (1_714_564_800 + 300 * i, [5.0 + (0.3 * i as f32).sin(), ((i * 37) % 11) as f32])).collect()
}

pub fn csv(rows: &[(i64, [f32; 2])]) -> String {
    let mut text = "time,temp,speed\n".to_owned();
    for (time, [temp, speed]) in rows {
        writeln!(text, "{time},{temp:?},{speed:?}").unwrap();
    }
    text
}
