"""What is linked into a program of firmware/: its crates, and a bill of materials of them in the form of CycloneDX 1.6."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FIRMWARE = ROOT / "firmware"


def say(*command, folder=FIRMWARE, **environment):
    """What a command prints; where it fails, all that it said, and the end."""
    result = subprocess.run(command, cwd=folder, env=os.environ | environment, capture_output=True, text=True)
    if result.returncode:
        sys.exit(f"{' '.join(map(str, command))}: failed\n{result.stdout}{result.stderr}")
    return result.stdout


def crates(package, targets):
    """Metadata of each crate that is linked into a package for any of the targets, by name and version; procedural macros,
    which run on the host, are none."""
    told = json.loads(say("cargo", "metadata", "--locked", "--format-version", "1"))
    packages = {(package["name"], package["version"]): package for package in told["packages"]}
    linked = set()
    for target in targets:
        tree = ["cargo", "tree", "--locked", "--package", package, "--edges", "normal,no-proc-macro", "--target", target]
        for line in say(*tree, "--prefix", "none", "--format", "{p}").splitlines():
            name, version = line.split()[:2]
            linked.add((name, version.removeprefix("v")))
    return [packages[key] for key in sorted(linked)]


def bill(package, targets):
    """The bill of materials of a package, as text. It holds no time and no number of its own: the same crates, the same text."""
    lock = tomllib.loads((FIRMWARE / "Cargo.lock").read_text())
    checksums = {(entry["name"], entry["version"]): entry.get("checksum") for entry in lock["package"]}
    components = []
    for crate in crates(package, targets):
        name, version = crate["name"], crate["version"]
        component = {
            "type": "library",
            "bom-ref": f"{name} {version}",
            "name": name,
            "version": version,
            "purl": f"pkg:cargo/{name}@{version}",
            # As SPDX writes what some manifests still separate with a bar.
            "licenses": [{"expression": crate["license"].replace("/", " OR ")}],
        }
        if checksum := checksums[name, version]:
            component["hashes"] = [{"alg": "SHA-256", "content": checksum}]
        components.append(component)
    program = next(component for component in components if component["name"] == package)
    components.remove(program)
    compiler = say("rustc", "--version").split()[1]
    components.append({"type": "library", "bom-ref": f"core {compiler}", "name": "core", "version": compiler,
                       "description": "Rust's core and compiler_builtins", "licenses": [{"expression": "MIT OR Apache-2.0"}]})
    whole = {"type": "firmware"} | {key: program[key] for key in ("bom-ref", "name", "version", "licenses")}
    content = {"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "metadata": {"component": whole}}
    return json.dumps(content | {"components": components}, indent=2) + "\n"
