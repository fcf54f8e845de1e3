//! The example firmware boots on an emulated board and raises its alarm where it should.

use flow_export::freeze::freeze;
use flow_tests::board::MPS2_AN386;
use flow_tests::firmware::Firmware;
use flow_tests::flows;

#[test]
fn the_example_raises_its_alarm() {
    let Some(board) = MPS2_AN386.find() else { return };
    let spec = flows::mixed();
    // As they are at the start of a training: near the identity, so that the density is near that of the columns.
    let parameters = flow_model::params::Layout::of(&spec).init(0);
    let (usual, odd) = ([21.5, 12.0, 3.0, 0.0], [21.5, 400.0, 3.0, 0.0]);
    let bytes = freeze(&spec, &parameters, &[usual.to_vec()], 0).unwrap();
    let elf = Firmware { package: "example", ..Firmware::default() }
        .embed("example", &bytes, &[usual, odd, usual].concat())
        .unwrap()
        .board(board)
        .build("example")
        .unwrap();
    let output = board.run(&elf).unwrap();
    let alarms: Vec<bool> = output.lines().map(|line| line.ends_with("ALARM")).collect();
    assert_eq!(alarms, [false, true, false], "{output}");
}
