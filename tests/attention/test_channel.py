import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawing import random_variables
from recorded import channels_last, linear, recorded

from jaxseg.attention import ChannelAttention, ChannelGate, SqueezeExcite, build
from jaxseg.attention.channel import largest

LAYERS = {
    "squeeze and excitation": SqueezeExcite(reduction=2),
    "all pools": ChannelGate(reduction=2, pools=("avg", "max", "lp", "lse")),
    "danet": ChannelAttention(),
}


def agree(layer, params, ref, y):
    with jax.enable_x64(True):
        x = channels_last(ref["x"])
        ours = jax.jit(lambda x: layer.apply({"params": params}, x, train=False))(x)
        np.testing.assert_allclose(ours, channels_last(ref[y]), atol=1e-7)


def test_squeeze_and_excitation_is_the_public_code():
    ref = recorded("squeeze_excite")
    params = {"reduce": linear(ref, "fc.0"), "expand": linear(ref, "fc.2")}
    agree(SqueezeExcite(reduction=4), params, ref, "y")


@pytest.mark.parametrize(("pools", "y"), [(("avg", "max"), "channel"), (("avg", "max", "lp", "lse"), "channel by all")])
def test_the_gate_of_cbam_is_its_authors(pools, y):
    ref = recorded("cbam")
    params = {"reduce": linear(ref, "ChannelGate.mlp.1"), "expand": linear(ref, "ChannelGate.mlp.3")}
    agree(ChannelGate(reduction=2, pools=pools), params, ref, y)


def test_the_channel_attention_of_danet_is_its_authors():
    ref = recorded("channel_attention")
    agree(ChannelAttention(), {"beta": ref["gamma"][0]}, ref, "y")


def test_the_papers_sign_draws_like_channels_together():
    x = np.random.default_rng(0).normal(size=(1, 3, 5, 4)).astype(np.float32)
    y = ChannelAttention(inverted=False).apply({"params": {"beta": jnp.ones(())}}, x, train=False)
    v = x.reshape(-1, 4)
    weights = np.exp(v.T @ v)
    np.testing.assert_allclose(y.reshape(-1, 4) - v, v @ (weights / weights.sum(1, keepdims=True)).T, atol=1e-5)


@pytest.mark.parametrize("name", LAYERS)
def test_padding_is_not_pooled(name):
    x = jnp.asarray(np.random.default_rng(0).normal(size=(2, 2, 3, 2, 4)), jnp.float32)
    framed = jnp.pad(x, ((0, 0), (0, 1), (0, 2), (0, 1), (0, 0)), constant_values=9.0)
    valid = jnp.zeros(framed.shape[:-1], bool).at[:, :2, :3, :2].set(True)
    weights = random_variables(LAYERS[name], x)
    run = jax.jit(lambda x, valid: LAYERS[name].apply(weights, x, train=False, valid=valid))
    np.testing.assert_allclose(run(framed, valid)[:, :2, :3, :2], run(x, None), atol=1e-5)


def test_gradients_are_finite_where_a_channel_is_closed_or_an_image_is_padding():
    x = jnp.zeros((2, 2, 3, 4))
    valid = jnp.ones((2, 2, 3), bool).at[1].set(False)
    layer = LAYERS["all pools"]
    gradient = jax.jit(jax.grad(lambda *at: layer.apply(*at, train=False, valid=valid).sum(), (0, 1)))
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient(random_variables(layer, x), x)))


def test_the_gradient_of_the_largest_entry_goes_to_the_first_of_them():
    x = jnp.array([[1.0, 3.0, 3.0], [-2.0, -jnp.inf, -5.0]])
    for axis, gradient in ((1, [[0, 1, 0], [1, 0, 0]]), (-2, [[1, 1, 1], [0, 0, 0]])):
        y, pulled = jax.vjp(lambda x, axis=axis: largest(x, axis), x)
        np.testing.assert_array_equal(y, x.max(axis))
        np.testing.assert_array_equal(pulled(jnp.ones_like(y))[0], gradient)


def test_they_compose_with_the_mechanisms():
    class Both(nn.Module):
        @nn.compact
        def __call__(self, x, *, train, valid=None, gate=None):
            x = SqueezeExcite(reduction=2)(x, train=train, valid=valid)
            return build("sa")(x, train=train, valid=valid)

    x = jnp.ones((1, 3, 4, 4), jnp.bfloat16)
    y, variables = jax.eval_shape(lambda x: Both().init_with_output(jax.random.key(0), x, train=False), x)
    assert y.shape == x.shape
    assert set(variables["params"]) == {"SqueezeExcite_0", "sa_0"}
    assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(variables))


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match="pool is 'mean'; choose one of avg, max, lp, lse"):
        ChannelGate(pools=("mean",))
    with pytest.raises(ValueError, match="reduction is 0; it must be at least 1"):
        SqueezeExcite(reduction=0)
