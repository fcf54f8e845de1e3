"""nflows: affine and rational-quadratic couplings."""

from importlib.metadata import version

import torch
from nflows.distributions.normal import StandardNormal
from nflows.flows.base import Flow
from nflows.transforms.base import CompositeTransform
from nflows.transforms.coupling import AffineCouplingTransform, PiecewiseRationalQuadraticCouplingTransform

import torch_flows
from worker import BINS, COUPLINGS, DIM, HIDDEN, TAIL_BOUND


class Conditioner(torch.nn.Sequential):
    """A perceptron with the signature that nflows expects."""

    def __init__(self, inputs, outputs):
        relu, linear = torch.nn.ReLU, torch.nn.Linear
        super().__init__(linear(inputs, HIDDEN), relu(), linear(HIDDEN, HIDDEN), relu(), linear(HIDDEN, outputs))

    def forward(self, x, context=None):
        return super().forward(x)


def flow(model):
    couplings = []
    for k in range(COUPLINGS[model]):
        mask = [(i + k) % 2 for i in range(DIM)]
        if model == "nsf":
            coupling = PiecewiseRationalQuadraticCouplingTransform(
                mask, Conditioner, num_bins=BINS, tails="linear", tail_bound=TAIL_BOUND
            )
        else:
            coupling = AffineCouplingTransform(mask, Conditioner)
        couplings.append(coupling)
    return Flow(CompositeTransform(couplings), StandardNormal([DIM]))


torch_flows.serve(version("nflows"), flow, lambda module, x: module.log_prob(x))
