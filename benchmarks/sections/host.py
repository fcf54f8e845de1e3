"""Log-densities on this machine, one thread: the engine, the runtimes on its `log_prob.onnx`, libraries of flows."""

import tempfile

from . import machine, peers, tables
from .workers import Worker, build, rounds

ENGINE = "flow-nostd"
MODELS = {"realnvp": "realnvp, 8 affine couplings", "nsf": "nsf, 6 spline couplings of 8 bins"}


def measure(options):
    description = machine.description()
    folder = build("engine", "tract", "onnx")
    script = lambda name: [peers.python(), machine.BENCHMARKS / "peers" / name, "host"]
    with tempfile.TemporaryDirectory() as models:
        machine.run(folder / "onnx", models)
        workers = [
            Worker(ENGINE, [folder / "engine"]),
            Worker("ONNX Runtime", [*script("onnx_runtime.py"), models]),
            Worker("tract", [folder / "tract"]),
            Worker("FlowJAX, jit", script("flowjax_flows.py")),
            Worker("zuko, eager", script("zuko_flows.py")),
            Worker("nflows, eager", script("nflows_flows.py")),
            Worker("normflows, eager", script("normflows_flows.py")),
        ]
        figures = [f"{model}-{batch}" for model in MODELS for batch in (1, 4096)]
        rates = rounds(workers, figures, options)
    return write(description, workers, rates, options)


def write(description, workers, rates, options):
    versions = "; ".join(f"{w.name.split(',')[0]} {w.version}" for w in workers)
    lines = [
        "## On the host: log-densities, 8 columns, conditioners of 64×64, one thread",
        "",
        tables.paragraph(
            f"`benchmarks/run host`. {description}; {versions}. {options.rounds} rounds, in which each takes its turn for",
            f"{options.seconds:g} s at each figure, all on one processor. {ENGINE} is built for x86-64-v3, without fused",
            "multiply-add; ONNX Runtime and tract run the same flow's `log_prob.onnx`, the libraries a flow of the same",
            "layers. Weights are those before training. Every peer in Python takes rows from an array of numpy and gives",
            "log-densities as one, so that what a library does to bring them to its own arrays and back is counted; tract takes",
            "its own tensors.",
        ),
    ]
    titled = {}
    for model, title in MODELS.items():
        one, many = rates[f"{model}-1"], rates[f"{model}-4096"]
        titled |= {f"{model}, one row": one, f"{model}, 4,096 rows": many}
        lines += ["", f"### {title}: one row a call", ""]
        lines.append(tables.table(one, ENGINE, "µs a row", lambda rate: 1e6 / rate))
        lines += ["", f"### {title}: 4,096 rows a call", ""]
        lines.append(tables.table(many, ENGINE, "thousand rows/s", lambda rate: 4.096 * rate))
    return "\n".join([*lines, "", tables.ahead(titled, ENGINE)])
