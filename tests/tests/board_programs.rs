//! The example firmware boots on an emulated board and raises its alarm where it should.

use flow_export::freeze::freeze;
use flow_model::params::Layout;
use flow_tests::board::MPS2_AN386;
use flow_tests::firmware::Firmware;
use flow_tests::{flows, tools};
use std::fs;

const USUAL: [f32; 4] = [21.5, 12.0, 3.0, 0.0];
const ODD: [f32; 4] = [21.5, 400.0, 3.0, 0.0];

/// The flow beside the example: near the identity, as at the start of a training, so that its density is that of
/// independent columns.
fn example() -> (Vec<u8>, Vec<f32>) {
    let spec = flows::mixed();
    let probes = [USUAL.to_vec(), ODD.to_vec()];
    let bytes = freeze(&spec, &Layout::of(&spec).init(0), &probes, 0).unwrap();
    (bytes, [USUAL, ODD, USUAL].concat())
}

#[test]
fn the_example_raises_its_alarm() {
    let Some(board) = MPS2_AN386.find() else { return };
    let (bytes, rows) = example();
    let program = Firmware { package: "example", ..Firmware::default() };
    let elf = program.embed("example", &bytes, &rows).unwrap().board(board).build("example").unwrap();
    let output = board.run(&elf).unwrap();
    let alarms: Vec<bool> = output.lines().map(|line| line.ends_with("ALARM")).collect();
    assert_eq!(alarms, [false, true, false], "{output}");
}

/// `firmware/example` builds without being told of a flow: a small one lies beside it. `WRITE_EXAMPLE=1` writes it anew.
#[test]
fn the_flow_beside_the_example_is_current() {
    let (bytes, rows) = example();
    let rows: Vec<u8> = rows.iter().flat_map(|x| x.to_le_bytes()).collect();
    let folder = tools::repository().join("firmware/example");
    for (file, bytes) in [("model.flow", bytes), ("rows.f32", rows)] {
        let path = folder.join(file);
        if std::env::var_os("WRITE_EXAMPLE").is_some() {
            fs::write(&path, &bytes).unwrap();
        }
        assert!(fs::read(&path).is_ok_and(|there| there == bytes), "firmware/example/{file}: run with WRITE_EXAMPLE=1");
    }
}
