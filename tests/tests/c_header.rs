//! The header of the C library is the one that cbindgen makes of its source: `WRITE_C_HEADER=1` writes it anew.

use cbindgen::{Builder, Config, DocumentationStyle, EnumConfig, Language, RenameRule, Style};
use flow_tests::tools;
use std::fs;

/// What goes before the declarations.
const HEADER: &str = "\
/* Log-densities, verdicts and samples of a frozen normalizing flow: the same bits on every machine.
 *
 * Written by cbindgen from firmware/flow-c/src: not to be edited. docs/c.md leads from a frozen file to a program.
 *
 * Every function returns FLOW_ERROR_OK, which is 0, or why it did nothing; those that return a size, 0 for what is not
 * open. Null, misaligned and short memory are errors, and so is memory that is written and overlaps other memory. What
 * cannot be checked is up to you:
 * - a pointer leads to as many values as its length says, and to one where there is no length;
 * - the file, and the memory that something was opened with, stay where they are until it is no longer used, and nobody
 *   else writes to them;
 * - of one model and all that was opened with it one call is on its way at a time: not one from an interrupt while the
 *   program is in another.
 */";

fn generated() -> String {
    let folder = tools::repository().join("firmware/flow-c/src");
    let config = Config {
        language: Language::C,
        header: Some(HEADER.to_string()),
        include_guard: Some("FLOW_H".to_string()),
        no_includes: true,
        sys_includes: ["stdbool.h", "stddef.h", "stdint.h"].map(String::from).to_vec(),
        cpp_compat: true,
        style: Style::Both,
        usize_is_size_t: true,
        documentation_style: DocumentationStyle::C99,
        line_length: 120,
        enumeration: EnumConfig {
            rename_variants: RenameRule::ScreamingSnakeCase,
            prefix_with_name: true,
            ..EnumConfig::default()
        },
        ..Config::default()
    };
    let mut builder = Builder::new().with_config(config);
    for file in ["error", "model", "random", "detector", "drift", "window"] {
        builder = builder.with_src(folder.join(file).with_extension("rs"));
    }
    let mut text = Vec::new();
    builder.generate().unwrap().write(&mut text);
    let text = String::from_utf8(text).unwrap();
    // What Rust's documentation says of safety is said once, at the top.
    let lines = text.lines().filter(|line| {
        let line = line.trim();
        line != "// # Safety" && line != "// See the crate's documentation."
    });
    let mut kept: Vec<&str> = Vec::new();
    for line in lines {
        // An empty comment line is kept only where one goes on after it.
        if !line.trim_start().starts_with("//") && kept.last().is_some_and(|last| last.trim() == "//") {
            kept.pop();
        }
        kept.push(line);
    }
    kept.join("\n") + "\n"
}

#[test]
fn the_header_is_that_of_the_source() {
    let path = tools::repository().join("firmware/flow-c/include/flow.h");
    let text = generated();
    if std::env::var_os("WRITE_C_HEADER").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &text).unwrap();
    }
    assert!(fs::read_to_string(&path).is_ok_and(|there| there == text), "flow.h is old: run with WRITE_C_HEADER=1");
}

/// Every function that a program can call is there, and no other.
#[test]
fn the_header_declares_every_function() {
    let folder = tools::repository().join("firmware/flow-c/src");
    let sources = fs::read_dir(folder).unwrap().map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap());
    let sources: String = sources.collect();
    let mut exported: Vec<&str> =
        sources.split("extern \"C\" fn ").skip(1).map(|rest| rest.split('(').next().unwrap()).collect();
    exported.sort_unstable();
    let header = generated();
    assert!(exported.len() > 20, "{exported:?}");
    for function in exported {
        assert!(header.contains(&format!(" {function}(")) || header.contains(&format!("*{function}(")), "{function}");
    }
}
