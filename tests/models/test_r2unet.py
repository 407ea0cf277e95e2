import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from filling import fill, shapes

from jaxseg import models
from jaxseg.layers import Numerics
from jaxseg.models.r2unet import SHARES, Recurrent, Unit


def count(**options):
    params = shapes(models.build("r2unet", **options))["params"]
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(params))


@pytest.mark.parametrize("width", [4, 9, 64])
def test_parameter_counts_of_the_public_form(width):
    for turns in (0, 2, 3):
        assert count(width=width, turns=turns) == 9538 * width**2 + (3 + 367 + 2) * width + 2


def test_the_published_count_of_the_public_form():
    """It has one class: K w + K less."""
    assert count(width=64) - 64 - 1 == 39_091_393


def test_what_is_not_shared_grows_with_the_turns():
    one, two, three = (count(width=4, turns=turns, share="none") for turns in (1, 2, 3))
    assert three - two == two - one > 0
    one, two = (count(width=4, turns=turns, share="recurrent") for turns in (1, 2))
    layers = [4 * 2**level for level in (0, 1, 2, 3, 4, 3, 2, 1, 0)]
    assert two - one == 2 * sum(2 * channels for channels in layers)  # a scale and a bias of each normalisation


def applied(module, variables, x):
    return module.apply(variables, x, train=False)


@pytest.mark.parametrize("turns", [0, 1, 3])
def test_a_convolution_that_copies_adds_its_result_to_what_arrives(turns):
    """h = F(x + h) with F the identity on what is not negative: (t + 1) x."""
    x = jnp.asarray(np.random.default_rng(0).random((1, 5, 6, 2)), jnp.float32)
    module = Recurrent(2, turns, "all", Numerics(jnp.float32))
    variables = jax.tree.map(jnp.zeros_like, module.init(jax.random.key(0), x, train=False))
    of = variables["params"]["cbr0"]
    of["conv"]["kernel"] = of["conv"]["kernel"].at[1, 1].set(jnp.eye(2))
    of["norm"]["scale"] = jnp.ones(2)
    variables["batch_stats"]["cbr0"]["norm"]["var"] = jnp.full(2, 1 - 1e-5)
    np.testing.assert_allclose(applied(module, variables, x), (turns + 1) * x, rtol=1e-5)


@pytest.mark.parametrize("share", [share for share in SHARES if share != "all"])
def test_equals_its_formula(share):
    """What is shared as in the public code is compared with it: see test_public_unets.py."""
    rng = np.random.default_rng(1)
    x = jnp.asarray(rng.normal(size=(2, 7, 6, 3)), jnp.float32)
    module = Unit(4, 2, share, Numerics(jnp.float32))
    variables = fill(jax.eval_shape(lambda: module.init(jax.random.key(0), x, train=False)), seed=3)
    params, stats = variables["params"], variables["batch_stats"]

    def conv(x, of):
        x = jax.lax.conv_general_dilated(x, of["kernel"], (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))
        return x + of["bias"]

    def norm(x, of, state):
        x = (x - state["mean"]) / jnp.sqrt(state["var"] + 1e-5) * of["scale"] + of["bias"]
        return jax.nn.relu(x)

    def recurrent(x, of, state):
        if share == "recurrent":
            h = norm(conv(x, of["forward"]), of["norm0"], state["norm0"])
            for turn in ("norm1", "norm2"):
                h = norm(conv(x, of["forward"]) + conv(h, of["back"]), of[turn], state[turn])
            return h
        h = 0
        for name in ("cbr0", "cbr1", "cbr2"):
            h = norm(conv(x + h, of[name]["conv"]), of[name]["norm"], state[name]["norm"])
        return h

    start = conv(x, params["project"])
    h = recurrent(start, params["recurrent1"], stats["recurrent1"])
    expected = start + recurrent(h, params["recurrent2"], stats["recurrent2"])
    np.testing.assert_allclose(applied(module, variables, x), expected, rtol=1e-4, atol=1e-5)


def test_wrong_options_are_told():
    for wrong, words in (
        ({"turns": -1}, "turns is -1"),
        ({"share": "some"}, "share is 'some'"),
        ({"width": 0}, "width"),
    ):
        with pytest.raises(ValueError, match=words):
            models.build("r2unet", **wrong)
