//! Every node of a training step for a GPU has a kernel in ONNX Runtime's CUDA provider and may be part of a CUDA graph: no
//! GPU is needed to see it. The provider's table is `data/cuda_kernels.txt`.

use flow_model::flow::Flow;
use flow_model::graph::{Dim, Op};
use flow_model::onnx::{self, Batch, OPSET};
use flow_model::spec::Base;
use flow_tests::trained::{cases, flow_of};
use flow_trainer::resident::resident_graph;
use flow_trainer::step::Optimiser;
use std::collections::{BTreeSet, HashMap, HashSet};
use tract_onnx::pb::{ModelProto, tensor_shape_proto::dimension, type_proto};
use tract_onnx::prelude::Framework;

const BATCH: usize = 96;
const ROWS: usize = 2000;

struct Kernel {
    versions: std::ops::RangeInclusive<i64>,
    types: Vec<String>,
    /// Inputs that are read from the host's memory.
    host: Vec<usize>,
}

fn kernels() -> HashMap<String, Kernel> {
    let lines = include_str!("data/cuda_kernels.txt").lines().filter(|line| !line.starts_with('#'));
    let kernel = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let last = if words[2] == "-" { i64::MAX } else { words[2].parse().unwrap() };
        let host = words.get(5).map(|list| list.split(',').map(|i| i.parse().unwrap()).collect());
        let types = words[3].split(',').map(str::to_owned).collect();
        let versions = words[1].parse().unwrap()..=last;
        (words[0].to_owned(), Kernel { versions, types, host: host.unwrap_or_default() })
    };
    lines.map(kernel).collect()
}

/// What keeps a model from running as a CUDA graph; and the operations it uses.
fn complaints(model: &ModelProto) -> (Vec<String>, BTreeSet<String>) {
    let (kernels, graph) = (kernels(), model.graph.as_ref().unwrap());
    let (mut complaints, mut used) = (Vec::new(), BTreeSet::new());
    let name = |number: i32| match number {
        1 => "float",
        6 => "int32",
        7 => "int64",
        other => panic!("element type {other}"),
    };
    let mut types: HashMap<&str, &str> = HashMap::new();
    for value in graph.input.iter().chain(&graph.output) {
        let Some(type_proto::Value::TensorType(tensor)) = value.r#type.as_ref().and_then(|t| t.value.as_ref()) else {
            panic!("{} is no tensor", value.name)
        };
        let dims = &tensor.shape.as_ref().unwrap().dim;
        if !dims.iter().all(|d| matches!(d.value, Some(dimension::Value::DimValue(n)) if n > 0)) {
            complaints.push(format!("{}: a dimension is not fixed: {dims:?}", value.name));
        }
        types.insert(&value.name, name(tensor.elem_type));
    }
    let constants: HashSet<&str> = graph.initializer.iter().map(|t| t.name.as_str()).collect();
    types.extend(graph.initializer.iter().map(|t| (t.name.as_str(), name(t.data_type))));
    if model.opset_import.iter().any(|set| !set.domain.is_empty() || set.version != OPSET) {
        complaints.push(format!("operator sets {:?}", model.opset_import));
    }
    for node in &graph.node {
        used.insert(node.op_type.clone());
        let mut complain = |what: String| complaints.push(format!("{} ({}): {what}", node.name, node.op_type));
        let inputs: Vec<&str> = node.input.iter().map(|input| types[input.as_str()]).collect();
        let result = match node.op_type.as_str() {
            "Less" => "bool",
            "Where" => inputs[1],
            _ => inputs[0],
        };
        types.insert(&node.output[0], result);
        // Loops and branches hold graphs as attributes.
        if node.attribute.iter().any(|a| a.g.is_some() || !a.graphs.is_empty()) {
            complain("control flow".into());
        }
        let Some(kernel) = kernels.get(&node.op_type) else {
            complain("the CUDA provider has no kernel".into());
            continue;
        };
        if !kernel.versions.contains(&OPSET) {
            complain(format!("no kernel of operator set {OPSET}"));
        }
        for (i, value) in inputs.iter().enumerate() {
            if kernel.host.contains(&i) {
                // What is read on the host must be known before the run.
                if *value != "int64" || !constants.contains(node.input[i].as_str()) {
                    complain(format!("input {i} is read on the host and is no constant"));
                }
            } else if !kernel.types.iter().any(|t| t == value) {
                complain(format!("no kernel takes {value}"));
            }
        }
        if node.output.len() != 1 || !kernel.types.iter().any(|t| t == result) {
            complain("its output is not a tensor of the device".into());
        }
    }
    (complaints, used)
}

fn decode(bytes: &[u8]) -> ModelProto {
    tract_onnx::onnx().proto_model_for_read(&mut &*bytes).unwrap()
}

#[test]
fn every_node_of_a_training_step_runs_on_cuda_and_can_be_captured() {
    let bases = [
        Base::Normal,
        Base::StudentT,
        Base::Mixture { components: 3, full: false },
        Base::Mixture { components: 3, full: true },
    ];
    let all = Optimiser { dropout: 0.1, smoothing: 0.1, weight_decay: 1e-2, ..Optimiser::default() };
    let (mut used, mut models) = (BTreeSet::new(), 0);
    for case in cases() {
        let rows = case.rows.draw(ROWS, 1);
        let spec = flow_of(&case, &rows).spec().clone();
        for base in &bases {
            // A flow of angles alone has no line for a base.
            let mut spec = spec.clone();
            if spec.lines() > 0 {
                spec.base = base.clone();
            }
            let flow = Flow::new(spec).unwrap();
            for optimiser in [Optimiser::default(), all] {
                let graph = resident_graph(&flow, &optimiser, rows.rows());
                let needed = graph.needed();
                for (node, _) in graph.nodes().iter().zip(&needed).filter(|(_, needed)| **needed) {
                    // The batch has a size when the graph is encoded, so that every shape is a number.
                    assert!(
                        node.shape.iter().all(|d| matches!(d, Dim::Batch | Dim::Size(1..))),
                        "{}: {node:?}",
                        case.name
                    );
                    assert!(!matches!(node.op, Op::Gather) || node.shape[0] == Dim::Batch);
                }
                let model = decode(&onnx::encode(&graph, Batch::Fixed(BATCH)));
                let (complaints, operations) = complaints(&model);
                assert!(complaints.is_empty(), "{}, {base:?}: {complaints:#?}", case.name);
                used.extend(operations);
                models += 1;
            }
        }
    }
    println!("{models} training steps, of {} operations: {used:?}", used.len());
    assert!(used.contains("Gather") && models == 8 * cases().len());
    // The table says no more than what is used: what is not tested here is not claimed.
    let listed: BTreeSet<String> = kernels().into_keys().collect();
    let idle: Vec<_> = listed.difference(&used).collect();
    assert!(idle.is_empty(), "listed but in no training step: {idle:?}");
}

#[test]
fn what_cannot_be_captured_is_found() {
    let case = &cases()[0];
    let rows = case.rows.draw(ROWS, 1);
    let graph = resident_graph(&flow_of(case, &rows), &Optimiser::default(), rows.rows());
    let good = decode(&onnx::encode(&graph, Batch::Fixed(BATCH)));
    let broken = |change: fn(&mut ModelProto)| {
        let mut model = good.clone();
        change(&mut model);
        complaints(&model).0.join("\n")
    };
    assert_eq!(broken(|_| {}), "");
    let kernel = broken(|model| model.graph.as_mut().unwrap().node[5].op_type = "NonZero".into());
    assert!(kernel.contains("no kernel"), "{kernel}");
    let control = broken(|model| {
        let node = &mut model.graph.as_mut().unwrap().node[5];
        node.attribute.push(tract_onnx::pb::AttributeProto { g: Some(Default::default()), ..Default::default() });
    });
    assert!(control.contains("control flow"), "{control}");
    let version = broken(|model| model.opset_import[0].version = 25);
    assert!(version.contains("operator sets"), "{version}");
    let flow = flow_of(case, &rows);
    let scoring = flow.log_prob_graph(&flow.layout().init(0));
    let symbolic = complaints(&decode(&onnx::encode(&scoring, Batch::Symbolic))).0.join("\n");
    assert!(symbolic.contains("not fixed"), "{symbolic}");
}
