"""Workers: processes that measure when told (`src/worker.rs`, `peers/worker.py`), and rounds of measurements over them."""

import os
import subprocess
from dataclasses import dataclass, field

from . import machine, peers


@dataclass
class Worker:
    """A process on `threads` processors."""

    name: str
    command: list
    threads: int = 1
    process: subprocess.Popen = None
    version: str = ""
    figures: list = field(default_factory=list)

    def start(self):
        usable = machine.processors(self.threads)
        environment = {**machine.environment(), "OMP_NUM_THREADS": str(self.threads), "PYTHONWARNINGS": "ignore", **library()}
        self.process = subprocess.Popen(
            [str(part) for part in self.command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
            env=environment,
            preexec_fn=lambda: os.sched_setaffinity(0, usable),
        )
        ready, version, *self.figures = self.answer().split()
        self.version = version.replace("_", " ")
        machine.say(f"{self.name}: {self.version}")

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise machine.Failed(f"{self.name} stopped: {' '.join(map(str, self.command))}")
        return line

    def measure(self, figure, seconds):
        """Calls a second."""
        print(figure, seconds, file=self.process.stdin)
        return float(self.answer())

    def stop(self):
        if self.process:
            self.process.stdin.close()
            self.process.wait()


def library():
    """ONNX Runtime for the trainer: that of the environment."""
    found = list((peers.package("onnxruntime") / "capi").glob("libonnxruntime.so.*"))
    return {"ORT_DYLIB_PATH": str(found[0])} if found else {}


def rounds(workers, figures, options):
    """Calls a second by figure and worker, a list over the rounds. In a round each worker measures each figure once, one
    worker after another, so that what changes on the machine meets all of them."""
    rates = {figure: {} for figure in figures}
    try:
        for worker in workers:
            worker.start()
        for round_ in range(options.rounds):
            machine.say(f"round {round_ + 1} of {options.rounds}")
            for figure in figures:
                for worker in workers:
                    if figure in worker.figures:
                        rate = worker.measure(figure, options.seconds)
                        rates[figure].setdefault(worker.name, []).append(rate)
    finally:
        for worker in workers:
            worker.stop()
    return rates


def build(*binaries):
    """Builds the product's workers for processors with AVX2, and returns their folder."""
    arguments = [part for binary in binaries for part in ("--bin", binary)]
    environment = {**machine.environment(), "RUSTFLAGS": "-C target-cpu=x86-64-v3"}
    target = os.environ.get("CARGO_TARGET_DIR", machine.REPOSITORY / "target")
    target = machine.Path(target) / "benchmarks"
    machine.say("building")
    machine.run(
        "cargo", "build", "--locked", "--quiet", "--release", "-p", "flow-benchmarks", *arguments, "--target-dir", target,
        cwd=machine.REPOSITORY, env=environment,
    )
    return target / "release"
