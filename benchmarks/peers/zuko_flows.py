"""zuko: general couplings, affine or rational-quadratic."""

from importlib.metadata import version

import torch
import zuko

import torch_flows
from worker import BINS, COUPLINGS, DIM, HIDDEN


def flow(model):
    spline = {"univariate": zuko.transforms.MonotonicRQSTransform, "shapes": [(BINS,), (BINS,), (BINS - 1,)]}
    kind = spline if model == "nsf" else {}
    transforms = [
        zuko.flows.GeneralCouplingTransform(
            DIM, mask=[(i + k) % 2 == 1 for i in range(DIM)], hidden_features=(HIDDEN, HIDDEN), activation=torch.nn.ReLU, **kind
        )
        for k in range(COUPLINGS[model])
    ]
    base = zuko.flows.UnconditionalDistribution(
        zuko.distributions.DiagNormal, torch.zeros(DIM), torch.ones(DIM), buffer=True
    )
    return zuko.flows.Flow(transforms, base)


torch_flows.serve(version("zuko"), flow, lambda module, x: module().log_prob(x))
