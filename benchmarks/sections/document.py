"""BENCHMARKS.md: replaces what stands between a section's two marks, and nothing else."""

import os

from .machine import REPOSITORY, Failed, say


def write(section, text):
    path = REPOSITORY / "BENCHMARKS.md"
    begin, end = f"<!-- {section}: written by benchmarks/run -->\n", f"<!-- end of {section} -->\n"
    before, found, rest = path.read_text().partition(begin)
    _, found_end, after = rest.partition(end)
    if not found or not found_end:
        raise Failed(f"{path} lacks the marks of {section}")
    beside = path.with_suffix(".new")
    beside.write_text(f"{before}{begin}{text}\n{end}{after}")
    os.replace(beside, path)
    say(f"wrote {section} into {path}")
