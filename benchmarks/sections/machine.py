"""This machine: its description, programs that are run on it, progress."""

import datetime
import os
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
BENCHMARKS = REPOSITORY / "benchmarks"


class Failed(Exception):
    """Something that a user can do something about."""


def say(line):
    print(line, file=sys.stderr, flush=True)


def run(*command, **options):
    """Runs a program, and returns what it printed; its standard error passes through."""
    command = [str(part) for part in command]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL, **options)
    except FileNotFoundError:
        raise Failed(f"{command[0]} is not installed") from None
    if done.returncode != 0:
        raise Failed(f"{' '.join(command)} failed with {done.returncode}\n{done.stdout}")
    return done.stdout


def version(program):
    return run(program, "--version").splitlines()[0]


def cpu():
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return "unknown processor"


def description():
    """One line for the document, with the day; warns where something else is running."""
    load = os.getloadavg()[0]
    if load > 0.5:
        say(f"something else is running on this machine: its load is {load:.1f}")
    return f"Measured on {datetime.date.today()}, {cpu()}, {os.cpu_count()} processors, load {load:.1f} before, {version('rustc')}"


def processors(count):
    """The last processors that this process may use."""
    usable = sorted(os.sched_getaffinity(0))
    if len(usable) < count:
        raise Failed(f"needs {count} processors")
    return usable[-count:]


def environment():
    """For programs under measurement."""
    return {**os.environ, "CARGO_TERM_COLOR": "never", "PYTHONDONTWRITEBYTECODE": "1"}
