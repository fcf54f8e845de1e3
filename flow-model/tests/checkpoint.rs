//! A checkpoint comes back as it was written, and anything else is refused.

use flow_model::checkpoint::{Checkpoint, CheckpointError};
use flow_model::models;
use flow_model::params::Layout;
use flow_model::spec::{Base, Column, FlowSpec, Kind, Standard, Tails};
use std::collections::BTreeMap;

fn checkpoint() -> Checkpoint {
    let standard = Standard { center: 0.1, scale: 0.3, reach: 6.0 };
    let kinds = [
        Kind::Continuous { standard, jitter: 1e-3 },
        Kind::Integer { standard },
        Kind::Constant { value: 7.0, log_mass: -0.1, log_other: -5.0, unit: 7.0 },
    ];
    let columns = kinds.into_iter().enumerate().map(|(j, kind)| Column::new(&format!("c{j}"), kind)).collect();
    let layers = models::realnvp(&models::Shape { lines: 2, layers: 2, hidden: vec![3], ..Default::default() });
    let spec = FlowSpec::new(columns, Tails { knee: 4.0, rate: 14.0 }, layers, Base::Normal);
    let params = Layout::of(&spec).init(1);
    Checkpoint { spec, params, trained: Default::default(), metadata: BTreeMap::from([("seed".into(), "1".into())]) }
}

#[test]
fn it_comes_back_and_has_the_same_bytes_each_time() {
    let bytes = checkpoint().to_bytes().unwrap();
    assert_eq!(Checkpoint::from_bytes(&bytes).unwrap(), checkpoint());
    assert_eq!(checkpoint().to_bytes().unwrap(), bytes);
}

#[test]
fn every_truncation_is_refused() {
    let bytes = checkpoint().to_bytes().unwrap();
    for end in 0..bytes.len() {
        assert!(Checkpoint::from_bytes(&bytes[..end]).is_err(), "{end} of {} bytes", bytes.len());
    }
}

#[test]
fn another_version_and_parameters_that_are_not_numbers_are_told_apart() {
    let bytes = checkpoint().to_bytes().unwrap();
    let version = br#"version\":\"1"#;
    let at = bytes.windows(version.len()).position(|w| w == version).unwrap();
    let mut newer = bytes.clone();
    newer[at + version.len() - 1] = b'9';
    assert!(matches!(Checkpoint::from_bytes(&newer), Err(CheckpointError::Version { .. })));
    let mut nan = bytes.clone();
    let end = nan.len();
    nan[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    assert!(matches!(Checkpoint::from_bytes(&nan), Err(CheckpointError::Parameter { .. })));
}

/// A few bytes that claim terabytes, or more than can be counted: refused before memory is asked for.
#[test]
fn what_a_spec_claims_is_not_believed() {
    let claiming = |units: usize| {
        let mut spec = checkpoint().spec;
        spec.layers = models::maf(&models::Shape { lines: 2, layers: 2, hidden: vec![units; 2], ..Default::default() });
        let header = serde_json::json!({ "version": "1", "spec": spec, "metadata": {} }).to_string();
        let metadata = std::collections::HashMap::from([("flow".to_string(), header)]);
        let none: Vec<(String, safetensors::tensor::TensorView)> = vec![];
        Checkpoint::from_bytes(&safetensors::serialize(none, Some(metadata)).unwrap()).unwrap_err()
    };
    let error = claiming(65_535).to_string();
    assert!(error.contains("parameter all: the spec has 8590721018 values, more than"), "{error}");
    for units in [65_536, 1 << 33, usize::MAX] {
        let error = claiming(units);
        assert!(matches!(error, CheckpointError::Spec(_)), "{error}");
        assert!(error.to_string().contains(&format!("at most 65535 units, got {units}")), "{error}");
    }
}
