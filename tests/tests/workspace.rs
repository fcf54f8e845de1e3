//! The crates look at each other only along the arrows of the design: data flows from the trainer to the device, and
//! the engine knows nobody.

use cargo_metadata::{DependencyKind, MetadataCommand};
use std::collections::{BTreeMap, BTreeSet};

/// Each crate of the host workspace, and whom it may use.
const ARROWS: &[(&str, &[&str])] = &[
    ("flow-nostd", &[]),
    ("flow-line", &["flow-nostd"]),
    ("flow-signature", &["flow-nostd"]),
    ("flow-model", &[]),
    ("flow-table", &[]),
    ("flow-export", &["flow-line", "flow-model", "flow-nostd", "flow-signature", "flow-table"]),
    ("flow-trainer", &["flow-export", "flow-model", "flow-table"]),
    ("flow-benchmarks", &["flow-export", "flow-model", "flow-nostd", "flow-table", "flow-trainer"]),
    ("flow-tests", &["flow-export", "flow-model", "flow-nostd", "flow-table", "flow-trainer"]),
];

#[test]
fn crates_use_each_other_only_along_the_arrows() {
    let manifest = flow_tests::tools::repository().join("Cargo.toml");
    let metadata = MetadataCommand::new().manifest_path(manifest).no_deps().exec().unwrap();
    let members: BTreeSet<String> = metadata.packages.iter().map(|p| p.name.to_string()).collect();
    let arrows: BTreeMap<&str, BTreeSet<&str>> =
        ARROWS.iter().map(|&(from, to)| (from, to.iter().copied().collect())).collect();
    assert_eq!(members.iter().map(String::as_str).collect::<BTreeSet<_>>(), arrows.keys().copied().collect());
    for package in &metadata.packages {
        for dependency in &package.dependencies {
            if members.contains(&dependency.name) {
                let allowed = &arrows[package.name.as_str()];
                let kind = if dependency.kind == DependencyKind::Normal { "" } else { " (dev or build)" };
                assert!(
                    allowed.contains(dependency.name.as_str()),
                    "{} must not depend on {}{kind}",
                    package.name,
                    dependency.name
                );
            }
        }
    }
}

#[test]
fn the_firmware_is_a_workspace_of_its_own_and_knows_only_the_engine_its_signatures_and_its_line() {
    let manifest = flow_tests::tools::repository().join("firmware/Cargo.toml");
    let metadata = MetadataCommand::new().manifest_path(manifest).no_deps().exec().unwrap();
    for package in &metadata.packages {
        for dependency in package.dependencies.iter().filter(|d| d.name.starts_with("flow-")) {
            assert!(
                ["flow-line", "flow-nostd", "flow-signature"].contains(&&*dependency.name),
                "{} uses {}",
                package.name,
                dependency.name
            );
        }
    }
}
