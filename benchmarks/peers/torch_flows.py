"""What the PyTorch libraries have in common: figures of a module that has `log_prob`, float32, eager or compiled.

Their arguments are `host` or `training`, and then `compile` for `torch.compile`, which needs a C++ compiler.
"""

import sys

import torch

import worker


def serve(version, flow, log_prob):
    """`flow(model)` makes a module, or None where the library has no such flow; `log_prob(flow, x)` its log-densities."""
    torch.manual_seed(0)
    torch.set_num_threads(worker.threads())
    tensor = lambda values: torch.tensor(values, dtype=torch.float32)
    if "compile" in sys.argv[2:]:
        log_prob = torch.compile(log_prob)

    def evaluation(model):
        module = flow(model)
        if module is None:
            return None
        module.eval()

        def call(x):
            with torch.inference_mode():
                return log_prob(module, torch.from_numpy(x)).numpy()

        return call

    def training(model):
        module = flow(model)
        if module is None:
            return None
        parameters = list(module.parameters())
        optimiser = torch.optim.Adam(parameters, lr=1e-3)

        def step(x):
            optimiser.zero_grad(set_to_none=True)
            loss = -log_prob(module, x).mean()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimiser.step()

        return step

    if sys.argv[1] == "host":
        figures = worker.log_prob_figures(evaluation)
    else:
        figures = worker.training_figures(training, tensor)
    worker.serve(f"{version}_with_PyTorch_{torch.__version__}", figures)
