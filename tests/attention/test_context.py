from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawing import random_variables
from recorded import channels_last, linear, recorded, written_out

from jaxseg.attention import build, lowering, rows


def test_danet_is_its_authors():
    ref = recorded("danet")
    factors = {name: linear(ref, f"{name}_conv") for name in ("query", "key", "value")}
    variables = {"params": {"factors": factors, "output": {"gamma": ref["gamma"]}}}
    with jax.enable_x64(True):
        y = written_out(build("danet"), variables, channels_last(ref["x"]), train=False)
        np.testing.assert_allclose(y, channels_last(ref["y"]), atol=1e-10)


def test_the_global_context_block_is_its_authors():
    ref = recorded("key_only")
    scale, bias = (ref[f"channel_add_conv.1.{name}"].ravel() for name in ("weight", "bias"))
    output = {
        "reduce": linear(ref, "channel_add_conv.0"),
        "norm": {"scale": scale, "bias": bias},
        "expand": linear(ref, "channel_add_conv.3"),
    }
    key = {"kernel": linear(ref, "conv_mask")["kernel"]}  # Its bias changes no softmax.
    variables = {"params": {"factors": {"key": key}, "output": output}}
    with jax.enable_x64(True):
        module = build("key_only", output="bottleneck", reduction=2)
        y = jax.jit(partial(module.apply, train=False))(variables, channels_last(ref["x"]))
        np.testing.assert_allclose(y, channels_last(ref["y"]), atol=1e-10)


def test_the_simplified_non_local_block_is_its_formula():
    x = np.random.default_rng(0).normal(size=(2, 3, 5, 4))
    valid = np.random.default_rng(1).random((2, 3, 5)) < 0.6
    module = build("key_only")
    variables = random_variables(module, x)
    p = variables["params"]
    with jax.enable_x64(True):
        y = np.asarray(jax.jit(partial(module.apply, train=False))(variables, x, valid=valid))
    for image in range(2):
        keys = x[image][valid[image]]
        a = np.exp(keys @ p["factors"]["key"]["kernel"])
        context = (a * keys).sum(0) / a.sum()
        added = context @ p["output"]["expand"]["kernel"] + p["output"]["expand"]["bias"]
        np.testing.assert_allclose(y[image], x[image] + added, atol=1e-10)


def test_all_queries_read_the_same_in_one_pass():
    x = np.random.default_rng(0).normal(size=(1, 3, 5, 4)).astype(np.float32)
    module = build("key_only")
    variables = random_variables(module, x)
    first, last = rows(module, variables, x, [0, 14])
    np.testing.assert_array_equal(first, last)
    assert lowering(module.apply(variables, x, method="form")).name == "shared"


@pytest.mark.parametrize(("name", "options"), [("danet", {}), ("key_only", {}), ("key_only", {"output": "bottleneck"})])
def test_the_block_starts_as_the_identity(name, options):
    x = jnp.ones((1, 2, 3, 4))
    added, _ = build(name, **options).output.init_with_output(jax.random.key(0), x, x, train=False)
    np.testing.assert_array_equal(added, 0)


def test_wrong_options_are_refused():
    with pytest.raises(ValueError, match="output is 'mlp'; choose one of linear, bottleneck"):
        build("key_only", output="mlp")
    with pytest.raises(ValueError, match="reduction is 0; it must be at least 1"):
        build("key_only", reduction=0)
    with pytest.raises(ValueError, match="width is 0; it must be at least 1"):
        build("danet", width=0)
