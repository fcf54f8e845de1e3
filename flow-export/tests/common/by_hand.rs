//! Small flows made by hand, frozen in a session's folder as `model.flow`, and rows for them.
#![allow(dead_code, reason = "each test takes what it needs")]

use crate::common::Session;
use flow_model::checkpoint::Checkpoint;
use flow_model::params::Layout;
use flow_model::spec::{Atom, Base, Column, Dequantization, FlowSpec, Kind, Layer, SplineShape, Standard, Tails};
use std::collections::BTreeMap;
use std::fs;

impl Session {
    /// A session with the flow of [`spec`].
    pub fn new() -> Self {
        Self::of(spec())
    }

    /// A session with a run, `run`, of this flow, and the flow itself.
    pub fn of(spec: FlowSpec) -> Self {
        let session = Session::empty();
        let params = Layout::of(&spec).init(7);
        let checkpoint = Checkpoint { spec, params, trained: Default::default(), metadata: BTreeMap::new() };
        fs::create_dir(session.path("run")).unwrap();
        fs::write(session.path("run/checkpoint.safetensors"), checkpoint.to_bytes().unwrap()).unwrap();
        session.succeed(&["freeze", "run", "-o", "model.flow"]);
        session
    }
}

/// Three columns, one of them constant, and two couplings.
pub fn spec() -> FlowSpec {
    let standard = |center, scale| Standard { center, scale, reach: 6.0 };
    let coupling = Layer::AffineCoupling { kept: 1, hidden: vec![4], residual: false, scale_bound: 2.0 };
    let column = Column::new;
    FlowSpec {
        columns: vec![
            column("speed, rpm", Kind::Integer { standard: standard(40.0, 8.0) }),
            column("unit", Kind::Constant { value: 2.0, log_mass: -0.01, log_other: -6.0, unit: 1.0 }),
            column("load", Kind::Continuous { standard: standard(0.5, 0.2), jitter: 0.0 }),
        ],
        tails: Tails { knee: 4.0, rate: 10.0 },
        circles: None,
        layers: vec![coupling.clone(), Layer::Permutation { order: vec![1, 0] }, coupling],
        base: Base::Normal,
        dequantization: Dequantization::Uniform,
    }
}

/// Rain and a heading in a context of two, and a level with an atom.
pub fn in_context() -> FlowSpec {
    let standard = |center, scale| Standard { center, scale, reach: 6.0 };
    let mut spec = spec();
    spec.columns = vec![
        Column::new("season", Kind::Context { standard: standard(0.5, 0.3) }),
        Column::new("rain", Kind::Positive { standard: standard(0.0, 1.0) }),
        Column::new("heading", Kind::Circular { origin: 0.0, period: 360.0, jitter: 0.0 }),
        Column::new("wind", Kind::Context { standard: standard(5.0, 3.0) }),
        Column::new("level", Kind::Lattice { origin: 0.0, step: 0.5, standard: standard(8.0, 4.0) }),
    ];
    spec.columns[4].atoms = vec![Atom { value: 0.0, cut: 0.0, width: 2.0 }];
    spec.circles = Some(SplineShape { hidden: vec![5], num_bins: 4 });
    spec
}

/// Two usual rows of [`spec`], and two odd ones.
pub const DATA: &str = "\"speed, rpm\",unit,load\n40,2,0.5\n44,2,0.61\n39,2,-30\n400,2,0.5\n";
