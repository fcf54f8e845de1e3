"""Training steps a second on this machine: the trainer's backends beside the libraries."""

from . import machine, peers, tables
from .workers import Worker, build, rounds

OURS = "flow-trainer, ONNX Runtime"
FIGURES = {
    ("realnvp-512", 1): "realnvp, 8 affine couplings, batch 512, one thread",
    ("nsf-512", 1): "nsf, 6 spline couplings of 8 bins, batch 512, one thread",
    ("realnvp-4096", 2): "realnvp, 8 affine couplings, batch 4,096, two threads",
}


def measure(options):
    description = machine.description()
    folder = build("training")
    script = lambda name: [peers.python(), machine.BENCHMARKS / "peers" / name, "training"]
    rates = {}
    for threads in (1, 2):
        workers = [
            Worker(OURS, [folder / "training", "cpu"], threads),
            Worker("flow-trainer, tract", [folder / "training", "tract"], threads),
            Worker("FlowJAX, jit", script("flowjax_flows.py"), threads),
            Worker("zuko, eager", script("zuko_flows.py"), threads),
            Worker("nflows, eager", script("nflows_flows.py"), threads),
            Worker("nflows, torch.compile", [*script("nflows_flows.py"), "compile"], threads),
            Worker("normflows, eager", script("normflows_flows.py"), threads),
        ]
        figures = [figure for figure, count in FIGURES if count == threads]
        measured = rounds(workers, figures, options)
        rates |= {FIGURES[figure, threads]: measured[figure] for figure in figures}
    versions = "; ".join(dict.fromkeys(f"{w.name.split(', ')[0]} {w.version}" for w in workers))
    lines = [
        "## Training: steps a second, 8 columns, conditioners of 64×64",
        "",
        tables.paragraph(
            f"`benchmarks/run training`. {description}; {versions}. {options.rounds} rounds, in which each takes its turn for",
            f"{options.seconds:g} s. A step is the gradient of a batch that lies ready, clipping of its norm, and Adam.",
        ),
    ]
    for title, by_worker in rates.items():
        lines += ["", f"### {title}", "", tables.table(by_worker, OURS, "steps/s", lambda rate: rate)]
    return "\n".join([*lines, "", tables.ahead(rates, OURS)])
