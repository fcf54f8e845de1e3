"""The peers: a pinned virtual environment and unpacked sources in a folder of the user's cache, made once."""

import functools
import hashlib
import os
import shutil
import sys
import tarfile
from pathlib import Path

from .machine import BENCHMARKS, Failed, run, say


def cached(kind, pins, make):
    """The folder made by `make(folder)` for these pins; it appears whole or not at all."""
    cache = Path(os.environ.get("BENCHMARKS_CACHE") or Path.home() / ".cache" / "flow-benchmarks")
    tag = hashlib.sha256(pins.read_bytes()).hexdigest()[:12]
    folder = cache / f"{kind}-{tag}"
    if not (folder / "complete").exists():
        say(f"installing {pins.name} into {folder}")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        make(folder)
        (folder / "complete").touch()
    return folder


@functools.cache
def python():
    """The interpreter of the environment."""
    pins = BENCHMARKS / "requirements.txt"

    def make(folder):
        run(sys.executable, "-m", "venv", folder)
        run(folder / "bin/python", "-m", "pip", "install", "--quiet", "--no-deps", "-r", pins)

    return cached(f"python{sys.version_info.major}.{sys.version_info.minor}", pins, make) / "bin/python"


def package(name):
    """The folder of an installed package."""
    found = list(python().parents[1].glob(f"lib/python*/site-packages/{name}"))
    if not found:
        raise Failed(f"{name} is not in the environment")
    return found[0]


@functools.cache
def sources():
    """The folder of CMSIS-DSP's sources."""
    pins = BENCHMARKS / "sources.txt"

    def make(folder):
        command = [python(), "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", "cmsisdsp"]
        run(*command, "-r", pins, "-d", folder)
        for archive in folder.glob("*.tar.gz"):
            with tarfile.open(archive) as tar:
                tar.extractall(folder, filter="data")

    return next(cached("sources", pins, make).glob("cmsisdsp-*/"))


def versions(*names):
    """As `onnxruntime 1.32.0, emlearn 0.23.2`."""
    pins = [line for file in ("requirements.txt", "sources.txt") for line in (BENCHMARKS / file).read_text().splitlines()]
    pinned = dict(line.split("==") for line in pins if "==" in line)
    return ", ".join(f"{name} {pinned[name]}" for name in names)
