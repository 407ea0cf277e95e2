from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawing import random_variables
from recorded import linear, recorded

from jaxseg.attention import build
from jaxseg.attention.supports import Neighborhood, Tiles


def variables(ref, bias):
    kernels, biases = np.split(ref["qkv.weight"], 3), np.split(ref["qkv.bias"], 3)
    layers = [{"kernel": kernel.T, "bias": b} for kernel, b in zip(kernels, biases, strict=True)]
    factors = dict(zip(("query", "key", "value"), layers, strict=True)) | {"table": bias[..., None]}
    return {"params": {"factors": factors, "output": {"w_z": linear(ref, "proj")}}}


@pytest.mark.parametrize(("shift", "output"), [(0, "y"), (2, "shifted")])
def test_swin_is_microsofts(shift, output):
    ref = recorded("swin")
    # The source's table is by i - j, ours by j - i.
    bias = ref["relative_position_bias_table"][::-1].reshape(5, 5, 2)
    module = build("swin", window=3, shift=shift, heads=2)
    with jax.enable_x64(True):
        y = jax.jit(partial(module.apply, train=False))(variables(ref, bias), jnp.asarray(ref["x"]))
    np.testing.assert_allclose(y, ref[output], atol=1e-10)


def test_neighbourhood_attention_is_its_authors():
    ref = recorded("neighborhood")
    module = build("neighborhood", window=3, heads=2)
    with jax.enable_x64(True):
        y = jax.jit(partial(module.apply, train=False))(
            variables(ref, np.moveaxis(ref["rpb"], 0, -1)), jnp.asarray(ref["x"])
        )
    np.testing.assert_allclose(y, ref["y"], atol=1e-10)


@pytest.mark.parametrize(
    ("name", "support"),
    [("swin", Tiles((3, 8, 4), (3, 4, 4), (0, 2, 0))), ("neighborhood", Neighborhood((3, 8, 4), (4, 4, 4)))],
)
def test_a_side_no_longer_than_the_window_is_whole(name, support):
    module, x = build(name, window=4, **({"shift": 2} if name == "swin" else {})), np.ones((1, 3, 8, 4, 2))
    form = module.apply(random_variables(module, x), x, method="form")
    assert form.support == support
    assert form.score.terms[0].q.shape[2] == 1


def test_wrong_options_are_refused():
    with pytest.raises(ValueError, match="shift is 7; it must be at least 0 and less than window, which is 7"):
        build("swin", shift=7)
    with pytest.raises(ValueError, match="heads is 0; it must be at least 1"):
        build("neighborhood", heads=0)
