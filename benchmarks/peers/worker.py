"""A worker: says what it is and what it can compute, then measures what standard input asks for, one line a measurement.

It prints `ready VERSION FIGURE…`; each line `FIGURE SECONDS` of its input is answered by the calls a second, measured for
about that long. `src/worker.rs` speaks the same. What a library prints by itself goes to standard error.
"""

import os
import sys
import time

import numpy

DIM = 8
HIDDEN = 64
COUPLINGS = {"realnvp": 8, "nsf": 6}
BINS = 8
TAIL_BOUND = 5.0


def threads():
    """As many as this process may use processors."""
    return len(os.sched_getaffinity(0))


def rows(count):
    """`count` rows as a list of lists, those of `src/reference.rs`."""
    values = [((i * 7919 % 10007) / 10007.0 - 0.5) * 3.0 for i in range(count * DIM)]
    return [values[i : i + DIM] for i in range(0, len(values), DIM)]


def log_prob_figures(log_prob):
    """Figures of one row a call and of 4,096, for `log_prob(model)`, a function from a matrix to its log-densities: from an
    array of numpy to one, whatever the library computes with, as rows come and log-densities are needed."""
    figures = {}
    for model in COUPLINGS:
        function = log_prob(model)
        if function is None:
            continue
        array = lambda rows: numpy.array(rows, dtype=numpy.float32)
        singles = [array([row]) for row in rows(64)]
        many = array(rows(4096))
        figures[f"{model}-1"] = cycle(function, singles)
        figures[f"{model}-4096"] = cycle(function, [many])
    return figures


def cycle(function, inputs):
    at = 0

    def call():
        nonlocal at
        function(inputs[at])
        at = (at + 1) % len(inputs)

    return call


def training_figures(step, tensor):
    """Figures of training steps, for `step(model)`, a function that takes a batch and makes one step."""
    figures = {}
    for model, batch in [("realnvp", 512), ("nsf", 512), ("realnvp", 4096)]:
        function = step(model)
        if function is not None:
            figures[f"{model}-{batch}"] = cycle(function, [tensor(rows(batch))])
    return figures


def serve(version, figures):
    output = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    print("ready", version, *figures, file=output)
    for line in sys.stdin:
        figure, seconds = line.split()
        print(rate(figures[figure], float(seconds)), file=output)


def rate(call, seconds):
    calls_a_look = 1
    while True:
        start = time.perf_counter()
        for _ in range(calls_a_look):
            call()
        if time.perf_counter() - start > 1e-3:
            break
        calls_a_look *= 2
    start, calls = time.perf_counter(), 0
    while True:
        for _ in range(calls_a_look):
            call()
        calls += calls_a_look
        elapsed = time.perf_counter() - start
        if elapsed > seconds:
            return calls / elapsed
