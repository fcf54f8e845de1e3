"""ONNX Runtime on the product's own `log_prob.onnx`: `onnx_runtime.py host FOLDER`, in which `realnvp.onnx` and `nsf.onnx` lie."""

import sys
from pathlib import Path

import onnxruntime

import worker


def log_prob(model):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = worker.threads()
    options.inter_op_num_threads = 1
    path = Path(sys.argv[2]) / f"{model}.onnx"
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda x: session.run(None, {"x": x})[0]


figures = worker.log_prob_figures(log_prob)
worker.serve(onnxruntime.__version__, figures)
