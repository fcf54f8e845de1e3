"""normflows: affine couplings (its spline couplings have another conditioner)."""

from importlib.metadata import version

import normflows
import torch

import torch_flows
from worker import COUPLINGS, DIM, HIDDEN


def flow(model):
    if model != "realnvp":
        return None
    layers = []
    for _ in range(COUPLINGS[model]):
        conditioner = normflows.nets.MLP([DIM // 2, HIDDEN, HIDDEN, DIM], init_zeros=True, leaky=0.0)
        layers += [normflows.flows.AffineCouplingBlock(conditioner), normflows.flows.Permute(DIM, mode="swap")]
    return normflows.NormalizingFlow(normflows.distributions.DiagGaussian(DIM, trainable=False), layers)


torch_flows.serve(version("normflows"), flow, lambda module, x: module.log_prob(x))
