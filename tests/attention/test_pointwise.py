from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import oracles
import pytest
from drawing import random_variables

from jaxseg.attention import build

ENDS = {
    "sigmoid": lambda a: 1 / (1 + np.exp(-a)),
    "identity": lambda a: a,
    "relu": lambda a: np.maximum(a, 0),
    "bn_relu": lambda a: np.maximum(a, 0),
    "one_plus_tanh": lambda a: 1 + np.tanh(a),
}


def convolve(x, kernel):
    """Return the 3x3 convolution of one image by the loop oracle (Eq. 2 and 3)."""
    taps = kernel.reshape(-1, *kernel.shape[-2:])
    values = np.einsum("pc,mcd->pmd", x.reshape(-1, x.shape[-1]), taps)
    regions = oracles.window(x.shape[:-1], kernel.shape[:-2])
    y = oracles.eq1(regions, lambda i, slot, j, m: float(slot == m), oracles.plain, values)
    return y.reshape(*x.shape[:-1], -1)


def normalised(x, name, variables):
    p, state = variables["params"]["factors"][name], variables["batch_stats"]["factors"][name]
    return (x - state["mean"]) / np.sqrt(state["var"] + 1e-5) * p["scale"] + p["bias"]


@pytest.mark.parametrize("activation", ENDS)
def test_the_gate_is_its_formula(activation):
    rng = np.random.default_rng(0)
    x, use_bn = rng.normal(size=(1, 4, 5, 3)), activation == "bn_relu"
    module = build("pwa", activation=activation, width=6, use_bn=use_bn)
    variables = random_variables(module, x)
    with jax.enable_x64(True):
        y = jax.jit(partial(module.apply, train=False))(variables, jnp.asarray(x))
    p = variables["params"]["factors"]
    h = convolve(x[0], p["hidden"]["kernel"]) + p["hidden"]["bias"]
    h = np.maximum(normalised(h, "hidden_norm", variables) if use_bn else h, 0)
    w = convolve(h, p["map"]["kernel"]) + p["map"]["bias"]
    w = ENDS[activation](normalised(w, "map_norm", variables) if use_bn else w)
    np.testing.assert_allclose(y[0], w * x[0], atol=1e-10)


def test_the_linear_gate_is_equation_4():
    x = np.random.default_rng(0).normal(size=(1, 4, 5, 3))
    module = build("pwa_linear")
    variables = random_variables(module, x)
    with jax.enable_x64(True):
        y = jax.jit(partial(module.apply, train=False))(variables, jnp.asarray(x))
        heads = module.apply(variables, jnp.asarray(x), method="form").heads
    np.testing.assert_allclose(y[0], x[0] * convolve(x[0], variables["params"]["factors"]["kernel"]), atol=1e-10)
    assert heads == 9 * 3


@pytest.mark.parametrize(("channels", "count"), [(96, 55_937), (384, 221_825), (768, 443_009), (2112, 1_217_153)])
def test_parameter_counts(channels, count):
    x = jax.ShapeDtypeStruct((1, 2, 2, channels), jnp.float32)
    params = jax.eval_shape(partial(build("pwa").init, train=False), jax.random.key(0), x)["params"]
    assert sum(leaf.size for leaf in jax.tree.leaves(params)) == count


def test_wrong_options_are_refused():
    with pytest.raises(ValueError, match="activation is 'tanh'; choose one of sigmoid, identity, relu"):
        build("pwa", activation="tanh")
    with pytest.raises(ValueError, match="width is 0"):
        build("pwa", width=0)
