//! A program in C and C++ with the static library: on an emulated Cortex-M4F it has the host's bits, by make and by CMake.
//! `cargo test -p flow-tests --test c_programs -- --nocapture` prints what it takes.

use flow_export::c_array;
use flow_export::frozen::Frozen;
use flow_export::verdicts::Judge;
use flow_nostd::{Detector, SensorState};
use flow_tests::board::MPS2_AN386;
use flow_tests::c_library::{build, find_gcc, include, run_in};
use flow_tests::machine_code::{allocation_routines, code_size, double_precision_routines};
use flow_tests::{require, tools};
use rand_core::Rng;
use rand_pcg::Pcg32;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const USUAL: [f32; 4] = [1.25, 3.0, 17.0, -30.0];

fn example() -> PathBuf {
    tools::repository().join("firmware/c-example")
}

fn frozen() -> Frozen {
    Frozen::read(&tools::repository().join("spec/calibrated.flow")).unwrap()
}

/// Rows around a usual one, some far, some with any finite bits.
fn rows(count: usize) -> Vec<[f32; 4]> {
    let mut rng = Pcg32::new(5, 1);
    (0..count)
        .map(|i| {
            USUAL.map(|x| {
                let unit = (rng.next_u32() >> 8) as f32 / (1 << 24) as f32 - 0.5;
                let any = f32::from_bits(rng.next_u32());
                match i % 8 {
                    0 if any.is_finite() => any,
                    1 => x + 100.0 * unit,
                    _ => x + unit,
                }
            })
        })
        .collect()
}

/// The rows as C, to the last bit.
fn in_c(rows: &[[f32; 4]]) -> String {
    let mut text = String::from("#define ROWS_COLUMNS 4\nstatic const float rows[][MODEL_COLUMNS] = {\n");
    for row in rows {
        let values = row.map(|x| format!("{x:e}f").replacen('e', ".0e", usize::from(!format!("{x:e}").contains('.'))));
        writeln!(text, "    {{{}}},", values.join(", ")).unwrap();
    }
    text + "};\n"
}

/// What the program prints of the rows, by the engine on the host.
fn on_the_host(rows: &[[f32; 4]]) -> String {
    let frozen = frozen();
    let flow = frozen.tested_flow().unwrap();
    let names = Judge::new(&frozen).unwrap().names();
    let detector = Detector::new(flow).unwrap();
    let (mut scratch, mut sensors) = (vec![0.0; flow.scratch_len()], [SensorState::default(); 4]);
    let mut text = String::new();
    for row in rows {
        let log_prob = flow.log_prob(row, &[], &mut scratch).unwrap();
        let mut watched = *row;
        let verdict = detector.watch(&mut watched, &[], &mut sensors, &mut scratch).unwrap();
        write!(text, "{:08x} {:08x}", log_prob.to_bits(), verdict.ln_p.to_bits()).unwrap();
        if verdict.alarm {
            let column = detector.blame(&watched, &[], &mut [0.0; 4], &mut scratch).unwrap();
            text += " ALARM";
            text += &column.map(|column| format!(" {}", names[column])).unwrap_or_default();
        }
        text += "\n";
    }
    text
}

/// Makes a program of the example with `make`, in a folder of its own, and returns it.
fn make(program: &str, name: &str, library: &Path, rows: &str) -> PathBuf {
    let folder = tools::target_dir().join("c").join(name);
    tools::write_if_new(&folder.join("rows.h"), rows.as_bytes()).unwrap();
    let mut make = Command::new("make");
    for (variable, path) in
        [("INCLUDE", include()), ("LIBRARY", library.to_path_buf()), ("BUILD", folder.join("build"))]
    {
        make.arg(format!("{variable}={}", path.display()));
    }
    make.arg(format!("ROWS={}", folder.join("rows.h").display()));
    let elf = folder.join("build").join(program).with_extension("elf");
    run_in(&example(), make.arg(&elf)).unwrap();
    elf
}

/// `firmware/c-example/model.h` is `spec/calibrated.flow` as this version writes it: `WRITE_C_MODEL=1` writes it anew.
#[test]
fn the_model_beside_the_example_is_current() {
    let mut text = Vec::new();
    c_array::write(&frozen(), "model", &mut text).unwrap();
    let path = example().join("model.h");
    if std::env::var_os("WRITE_C_MODEL").is_some() {
        fs::write(&path, &text).unwrap();
    }
    assert!(fs::read(path).is_ok_and(|there| there == text), "firmware/c-example/model.h: run with WRITE_C_MODEL=1");
}

#[test]
fn a_program_in_c_and_c_plus_plus_has_the_bits_of_the_host() {
    let Some(board) = MPS2_AN386.find() else { return };
    let Some(()) = find_gcc(board.target) else { return };
    let rows = rows(1000);
    let expected = on_the_host(&rows);
    assert!(expected.contains("ALARM flow") && expected.lines().any(|line| !line.contains("ALARM")), "{expected}");
    for opt_level in ["s", "3"] {
        let library = build(board.target, opt_level).unwrap();
        let program = make("example", &format!("example-{opt_level}"), &library, &in_c(&rows));
        let found = board.run(&program).unwrap();
        assert_eq!(found.lines().collect::<Vec<_>>(), expected.lines().collect::<Vec<_>>(), "opt-level {opt_level}");
        let elf = fs::read(&program).unwrap();
        assert_eq!(double_precision_routines(&elf), Ok(vec![]));
        assert_eq!(allocation_routines(&elf), Ok(vec![]));
    }
}

/// The panic handler is gone from the library, and all that would call it: the linker of Rust found no way there from any of
/// the functions.
#[test]
fn no_function_of_the_library_can_panic() {
    let Some(()) = find_gcc(MPS2_AN386.target) else { return };
    for opt_level in ["s", "3"] {
        let library = build(MPS2_AN386.target, opt_level).unwrap();
        let symbols = run_in(&example(), Command::new("arm-none-eabi-nm").arg(library)).unwrap();
        let functions = symbols.lines().filter(|line| line.contains(" T flow_")).count();
        assert_eq!(functions, 23, "functions of flow.h in the library");
        let panics: Vec<&str> =
            symbols.lines().filter(|line| line.contains("panic") || line.contains("unwind")).collect();
        assert!(panics.is_empty(), "opt-level {opt_level}: {panics:?}");
    }
}

/// What a model that cannot be used says.
#[test]
fn a_damaged_model_is_said() {
    let Some(board) = MPS2_AN386.find() else { return };
    let Some(()) = find_gcc(board.target) else { return };
    let library = build(board.target, "s").unwrap();
    let folder = tools::target_dir().join("c/damaged");
    let model = fs::read_to_string(example().join("model.h")).unwrap();
    // A byte of the weights, which lie last.
    let (before, last) = model.rsplit_once("0x").unwrap();
    let other = if last.starts_with("00") { "01" } else { "00" };
    tools::write_if_new(&folder.join("model.h"), format!("{before}0x{other}{}", &last[2..]).as_bytes()).unwrap();
    let mut make = Command::new("make");
    let (model, build) = (folder.join("model.h"), folder.join("build"));
    for (variable, path) in [("INCLUDE", include()), ("LIBRARY", library), ("MODEL", model), ("BUILD", build)] {
        make.arg(format!("{variable}={}", path.display()));
    }
    run_in(&example(), &mut make).unwrap();
    let said = board.run(&folder.join("build/example.elf")).unwrap_err();
    assert!(said.contains("the model: the file is damaged"), "{said}");
}

#[test]
fn cmake_builds_it_too() {
    let Some(board) = MPS2_AN386.find() else { return };
    let Some(()) = find_gcc(board.target) else { return };
    let cmake = tools::find_program("cmake", "Debian's package is cmake");
    let Some(()) = require::available("gcc", cmake) else { return };
    let library = build(board.target, "s").unwrap();
    let folder = tools::target_dir().join("c/cmake");
    let mut configure = Command::new("cmake");
    configure.arg("-B").arg(&folder).arg("-DCMAKE_TOOLCHAIN_FILE=arm-none-eabi.cmake");
    configure.arg(format!("-DFLOW_INCLUDE={}", include().display()));
    configure.arg(format!("-DFLOW_LIBRARY={}", library.display()));
    run_in(&example(), &mut configure).unwrap();
    run_in(&example(), Command::new("cmake").arg("--build").arg(&folder)).unwrap();
    let printed = board.run(&folder.join("example.elf")).unwrap();
    let alarms: Vec<bool> = printed.lines().map(|line| line.contains("ALARM")).collect();
    assert_eq!(alarms, [false, false, true, false], "{printed}");
}

/// The program, the opt-level of the library, and bytes of `.text` and `.rodata` when last measured, without the model's own
/// 3,424: the example, and the least that computes a log-density.
const MEASURED: [(&str, &str, u64); 4] =
    [("example", "s", 30_644), ("example", "3", 41_368), ("score", "s", 20_092), ("score", "3", 26_416)];

#[test]
fn the_programs_are_as_small_as_measured() {
    let Some(()) = find_gcc(MPS2_AN386.target) else { return };
    let rows = fs::read_to_string(example().join("rows.h")).unwrap();
    let mut wrong = Vec::new();
    for (program, opt_level, measured) in MEASURED {
        let library = build(MPS2_AN386.target, opt_level).unwrap();
        let elf = make(program, &format!("size-{opt_level}"), &library, &rows);
        let bytes = code_size(&fs::read(elf).unwrap()).unwrap() - frozen().bytes().len() as u64;
        println!("{program} at opt-level {opt_level}: {bytes} bytes");
        // Two percent of room, for other compilers. Much less than measured means that the figure is old.
        if bytes * 100 > measured * 102 || bytes * 100 < measured * 90 {
            wrong.push(format!("{program} at opt-level {opt_level}: {bytes} bytes, {measured} measured"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}
