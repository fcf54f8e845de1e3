//! A frozen flow as a C header: the same bytes, the numbers of the engine, and what is refused.

mod common;

use common::Session;
use flow_nostd::{scratch_len, window_len};
use std::fs;
use std::path::PathBuf;

fn spec(file: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../spec")).join(file)
}

/// A session with a frozen flow, calibrated.
fn session() -> (Session, Vec<u8>) {
    let session = Session::empty();
    let bytes = fs::read(spec("calibrated.flow")).unwrap();
    session.write("pump-1.flow", &bytes);
    (session, bytes)
}

/// The bytes of the array of a header.
fn array(header: &str) -> Vec<u8> {
    let (_, body) = header.split_once("] = {").unwrap();
    let (body, _) = body.split_once("};").unwrap();
    let cells = body.split(',').map(str::trim).filter(|cell| !cell.is_empty());
    cells.map(|cell| u8::from_str_radix(cell.strip_prefix("0x").unwrap(), 16).unwrap()).collect()
}

fn macro_of<'h>(header: &'h str, name: &str) -> &'h str {
    let line = header.lines().find_map(|line| line.strip_prefix(&format!("#define {name} ")));
    let line = line.unwrap_or_else(|| panic!("{name} in {header}"));
    line.split_once(" /*").map_or(line, |(value, _)| value)
}

#[test]
fn the_header_holds_the_file_and_its_lengths() {
    let (session, bytes) = session();
    assert_eq!(session.succeed(&["emit-c", "pump-1.flow", "-o", "pump-1.h"]), "");
    let header = fs::read_to_string(session.path("pump-1.h")).unwrap();
    assert_eq!(array(&header), bytes);
    assert!(header.contains("alignas(16)\n") && header.contains("static const uint8_t pump_1[PUMP_1_LENGTH] = {"));
    let number = |name: &str| macro_of(&header, name).parse::<usize>().unwrap();
    assert_eq!(number("PUMP_1_LENGTH"), bytes.len());
    assert_eq!(Some(number("PUMP_1_SCRATCH")), scratch_len(&bytes));
    assert_eq!(number("PUMP_1_WINDOW"), window_len(&bytes));
    assert_eq!([number("PUMP_1_COLUMNS"), number("PUMP_1_CONTEXT"), number("PUMP_1_LATENT")], [4, 0, 3]);
    let told = session.succeed(&["inspect", "pump-1.flow", "--json"]);
    assert!(told.contains(macro_of(&header, "PUMP_1_MODEL_ID")), "{told}");
    assert_eq!(macro_of(&header, "PUMP_1_COLUMN_NAMES").matches("\"").count(), 8);

    let printed = session.succeed(&["emit-c", "pump-1.flow", "-o", "-", "--name", "pump_1"]);
    assert_eq!(printed, header);
}

#[test]
fn a_run_becomes_a_header_at_once() {
    use flow_model::checkpoint::Checkpoint;
    use flow_model::params::Layout;
    use flow_model::spec::{Base, Column, Dequantization, FlowSpec, Kind, Layer, Standard, Tails};
    let standard = Standard { center: 0.5, scale: 0.2, reach: 6.0 };
    let spec = FlowSpec {
        columns: vec![
            Column::new("load */ \"a\"", Kind::Continuous { standard, jitter: 0.0 }),
            Column::new("°C", Kind::Continuous { standard, jitter: 0.0 }),
            Column::new("season", Kind::Context { standard }),
        ],
        tails: Tails { knee: 4.0, rate: 10.0 },
        circles: None,
        layers: vec![Layer::AffineCoupling { kept: 1, hidden: vec![4], residual: false, scale_bound: 2.0 }],
        base: Base::Normal,
        dequantization: Dequantization::Uniform,
    };
    let checkpoint = Checkpoint {
        params: Layout::of(&spec).init(7),
        spec,
        trained: Default::default(),
        metadata: Default::default(),
    };
    let session = Session::empty();
    fs::create_dir(session.path("run")).unwrap();
    session.write("run/checkpoint.safetensors", checkpoint.to_bytes().unwrap());
    let weights = ["--weights", "i8", "--rollback", "3"];
    session.succeed(&[&["freeze", "run", "-o", "model.flow"], &weights[..]].concat());
    session.succeed(&[&["freeze", "run", "--emit", "c", "-o", "model.h"], &weights[..]].concat());
    let header = fs::read_to_string(session.path("model.h")).unwrap();
    assert_eq!(array(&header), fs::read(session.path("model.flow")).unwrap());
    assert_eq!(macro_of(&header, "MODEL_ROLLBACK"), "3u");
    assert_eq!(macro_of(&header, "MODEL_COLUMN_NAMES"), r#"{"load \052\057 \042a\042", "\302\260C"}"#);
    assert_eq!(macro_of(&header, "MODEL_CONTEXT_NAMES"), r#"{"season"}"#);
}

#[test]
fn what_is_wrong_is_said_and_nothing_is_written() {
    let (session, bytes) = session();
    session.write("cut.flow", &bytes[..200]);
    session.write("kept.h", "kept");
    let message = session.fail(1, &["emit-c", "cut.flow", "-o", "kept.h"]);
    assert!(message.contains("cut.flow") && message.contains("200 bytes of"), "{message}");
    let message = session.fail(1, &["emit-c", "pump-1.flow", "-o", "kept.h", "--name", "pump-1"]);
    assert!(message.contains("\"pump-1\" is no name of an array in C"), "{message}");
    session.succeed(&["emit-c", "pump-1.flow", "-o", "decltype.h"]);
    assert!(fs::read_to_string(session.path("decltype.h")).unwrap().contains("uint8_t model_decltype["));
    let message = session.fail(1, &["emit-c", "missing.flow", "-o", "kept.h"]);
    assert!(message.contains("missing.flow: cannot be read"), "{message}");
    let message = session.fail(2, &["freeze", "run", "-o", "kept.h", "--name", "pump"]);
    assert!(message.contains("--emit c"), "{message}");
    assert_eq!(fs::read_to_string(session.path("kept.h")).unwrap(), "kept");
}
