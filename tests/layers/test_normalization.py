import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxseg.layers import BatchNorm, Numerics
from jaxseg.layers.normalization import statistics


def draw(shape, seed=0):
    rng = np.random.default_rng(seed)
    x = jnp.asarray(rng.normal(1.5, 2.0, size=shape), jnp.float32)
    channels = shape[-1]
    params = {name: jnp.asarray(rng.normal(size=channels), jnp.float32) for name in ("scale", "bias")}
    stats = {"mean": jnp.asarray(rng.normal(size=channels), jnp.float32), "var": jnp.arange(1.0, channels + 1)}
    return x, {"params": params, "batch_stats": stats}


@pytest.mark.parametrize("shape", [(4, 5, 3), (2, 5, 7, 3), (2, 3, 4, 2, 3)])
def test_equals_flax_with_the_networks_constants(shape):
    x, variables = draw(shape)
    ours, new = BatchNorm().apply(variables, x, train=True, mutable=["batch_stats"])
    theirs = nn.BatchNorm(momentum=0.9, epsilon=1e-5, use_running_average=False)
    expected, its_new = theirs.apply(variables, x, mutable=["batch_stats"])
    np.testing.assert_allclose(ours, expected, atol=2e-6)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), new, its_new)

    running = nn.BatchNorm(momentum=0.9, epsilon=1e-5, use_running_average=True).apply(variables, x)
    np.testing.assert_allclose(BatchNorm().apply(variables, x, train=False), running, atol=2e-6)


def test_statistics_stay_float32_under_bfloat16():
    x, variables = draw((4, 16, 16, 3))
    y, new = BatchNorm(Numerics(jnp.bfloat16)).apply(variables, 100 + x, train=True, mutable=["batch_stats"])
    assert y.dtype == jnp.bfloat16
    assert {leaf.dtype.name for leaf in jax.tree.leaves(new)} == {"float32"}
    moved = 0.9 * variables["batch_stats"]["mean"] + 0.1 * (100 + x).mean((0, 1, 2))
    np.testing.assert_allclose(new["batch_stats"]["mean"], moved, rtol=1e-6)


def test_eight_shards_with_an_axis_equal_one_batch():
    x, variables = draw((16, 3, 5, 3))
    shards = x.reshape(8, 2, 3, 5, 3)
    weight = jnp.cos(jnp.arange(x.size, dtype=jnp.float32)).reshape(shards.shape)

    def loss(params, x, weight, axis_name):
        module = BatchNorm(Numerics(axis_name=axis_name))
        y, new = module.apply(variables | {"params": params}, x, train=True, mutable=["batch_stats"])
        return (y**2 * weight).sum(), new

    def share(x, weight):  # as the training step does: each share's own gradient
        return jax.grad(loss, (0, 1), has_aux=True)(variables["params"], x, weight, "shards")

    whole = jax.grad(loss, (0, 1), has_aux=True)
    (one, of_x), its_new = whole(variables["params"], x, weight.reshape(x.shape), None)
    (eight, of_shards), new = jax.vmap(share, axis_name="shards")(shards, weight)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a.sum(0), b, atol=1e-4), eight, one)
    np.testing.assert_allclose(of_shards.reshape(x.shape), of_x, atol=1e-5)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, np.tile(b, (8, 1)), rtol=1e-5), new, its_new)


def test_the_initial_scale_is_an_option_and_init_leaves_the_statistics():
    x, _ = draw((2, 4, 4, 3))
    variables = BatchNorm(scale_init=nn.initializers.zeros_init()).init(jax.random.key(0), x, train=True)
    np.testing.assert_array_equal(variables["params"]["scale"], np.zeros(3))
    np.testing.assert_array_equal(variables["batch_stats"]["mean"], np.zeros(3))
    np.testing.assert_array_equal(variables["batch_stats"]["var"], np.ones(3))


@pytest.mark.parametrize("ratio", [0, 100, 1000, 3000])
@pytest.mark.parametrize("shares", [1, 2])
def test_the_variance_stands_beside_any_mean(ratio, shares):
    rng = np.random.default_rng(ratio)
    x = (ratio + rng.normal(size=(shares, 2, 17, 13, 3))).astype(np.float32)
    x[:, 0, :8, :8] += 3  # the corner of one image tells another mean
    axis_name = "shares" if shares > 1 else None
    found = jax.vmap(lambda x: statistics(x, axis_name), axis_name="shares")(x)
    centre, rest, var = (np.asarray(a, np.float64) for a in found)
    exact = x.astype(np.float64).reshape(-1, 3)
    np.testing.assert_allclose(centre + rest, np.tile(exact.mean(0), (shares, 1)), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(var, np.tile(exact.var(0), (shares, 1)), rtol=1e-5)


def test_gradients_are_those_of_a_float64_batch_normalisation_beside_a_large_mean():
    rng = np.random.default_rng(0)
    x = (1000 + rng.normal(size=(2, 9, 7, 3))).astype(np.float32)
    weight = rng.normal(size=x.shape)

    def plain(x):
        return (((x - x.mean((0, 1, 2))) / jnp.sqrt(x.var((0, 1, 2)) + 1e-5)) ** 3 * weight).sum()

    def ours(x):
        variables = draw(x.shape)[1] | {"params": {"scale": jnp.ones(3), "bias": jnp.zeros(3)}}
        y, _ = BatchNorm().apply(variables, x, train=True, mutable=["batch_stats"])
        return (y**3 * weight).sum()

    with jax.enable_x64(True):
        expected = np.asarray(jax.grad(plain)(jnp.asarray(x, jnp.float64)))
    np.testing.assert_allclose(jax.grad(ours)(jnp.asarray(x)), expected, atol=1e-4 * np.abs(expected).max())
