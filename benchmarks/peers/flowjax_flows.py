"""FlowJAX, compiled by XLA with the weights as constants; training steps with donated buffers.

`flowjax_flows.py host` or `training`.
"""

import os
import sys

# As many threads as the process has processors; with one, none beside the main thread computes.
if len(os.sched_getaffinity(0)) == 1:
    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
os.environ["JAX_PLATFORMS"] = "cpu"

from functools import partial
from importlib.metadata import version

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy
import optax
import paramax
from flowjax.bijections import Affine, RationalQuadraticSpline
from flowjax.distributions import Normal
from flowjax.flows import coupling_flow

import worker
from worker import BINS, COUPLINGS, DIM, HIDDEN, TAIL_BOUND


def flow(model):
    transformer = RationalQuadraticSpline(knots=BINS, interval=TAIL_BOUND) if model == "nsf" else Affine()
    return coupling_flow(
        jax.random.key(0),
        base_dist=Normal(jnp.zeros(DIM)),
        transformer=transformer,
        flow_layers=COUPLINGS[model],
        nn_width=HIDDEN,
        nn_depth=2,
        nn_activation=jax.nn.relu,
    )


def tensor(values):
    return jax.device_put(jnp.array(values, dtype=jnp.float32))


def evaluation(model):
    module = flow(model)
    compiled = jax.jit(lambda x: module.log_prob(x))
    return lambda x: numpy.asarray(compiled(x))


def training(model):
    parameters, static = eqx.partition(flow(model), eqx.is_inexact_array, is_leaf=lambda n: isinstance(n, paramax.NonTrainable))
    optimiser = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(1e-3))

    def loss(parameters, x):
        return -paramax.unwrap(eqx.combine(parameters, static)).log_prob(x).mean()

    @partial(jax.jit, donate_argnums=(0, 1))
    def step(parameters, state, x):
        value, gradient = jax.value_and_grad(loss)(parameters, x)
        updates, state = optimiser.update(gradient, state)
        return optax.apply_updates(parameters, updates), state, value

    parameters = jax.tree.map(jnp.copy, parameters)
    state = optimiser.init(parameters)

    def call(x):
        nonlocal parameters, state
        parameters, state, value = step(parameters, state, x)
        value.block_until_ready()

    return call


if sys.argv[1] == "host":
    figures = worker.log_prob_figures(evaluation)
else:
    figures = worker.training_figures(training, tensor)
worker.serve(f"{version('flowjax')}_with_JAX_{jax.__version__}", figures)
