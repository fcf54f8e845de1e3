//! Writes the list of cases: the subfolders of `FLOW_CASES` that hold a `model.flow`, each with its `rows.f32` and, where
//! more rows are to be made from these, their number in `more.txt`.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=FLOW_CASES");
    let folder = PathBuf::from(env::var_os("FLOW_CASES").expect("FLOW_CASES names a folder"));
    println!("cargo:rerun-if-changed={}", folder.display());
    let entries = fs::read_dir(&folder).expect("FLOW_CASES can be read").map(|entry| entry.expect("an entry").path());
    let mut cases: Vec<PathBuf> = entries.filter(|path| path.join("model.flow").is_file()).collect();
    cases.sort();
    assert!(!cases.is_empty(), "no case in {}", folder.display());

    let (mut modules, mut list, mut lengths) = (String::new(), String::new(), String::new());
    for (i, case) in cases.iter().enumerate() {
        let name = case.file_name().expect("a folder has a name").to_string_lossy();
        let flow = track(&case.join("model.flow"));
        let rows = track(&case.join("rows.f32"));
        track(&case.join("more.txt"));
        let more = fs::read_to_string(case.join("more.txt")).unwrap_or_else(|_| "0".to_string());
        writeln!(modules, "flow_nostd::include_flow!(mod case{i} = {flow:?});").expect("a string takes it");
        writeln!(
            list,
            "    Case {{ name: {name:?}, flow: case{i}::BYTES, rows: include_bytes!({rows:?}), more: {} }},",
            more.trim()
        )
        .expect("a string takes it");
        write!(lengths, "case{i}::SCRATCH, ").expect("a string takes it");
    }
    let code = format!(
        "{modules}\n/// All cases.\npub static CASES: [Case; {count}] = [\n{list}];\n\
         const LENGTHS: [usize; {count}] = [{lengths}];\n",
        count = cases.len()
    );
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    fs::write(out.join("cases.rs"), code).expect("write cases.rs");
}

/// The path as text; the program is built again when the file changes.
fn track(path: &Path) -> String {
    println!("cargo:rerun-if-changed={}", path.display());
    path.display().to_string()
}
