import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxseg.layers import BatchNorm, Numerics


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

    def sharded(params):
        total, new = jax.vmap(lambda x, weight: loss(params, x, weight, "shards"), axis_name="shards")(shards, weight)
        return total.sum(), new

    one, its_new = jax.grad(lambda p: loss(p, x, weight.reshape(x.shape), None), has_aux=True)(variables["params"])
    eight, new = jax.grad(sharded, has_aux=True)(variables["params"])
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-4), eight, one)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, np.tile(b, (8, 1)), rtol=1e-5), new, its_new)


def test_the_initial_scale_is_an_option_and_init_leaves_the_statistics():
    x, _ = draw((2, 4, 4, 3))
    variables = BatchNorm(scale_init=nn.initializers.zeros_init()).init(jax.random.key(0), x, train=True)
    np.testing.assert_array_equal(variables["params"]["scale"], np.zeros(3))
    np.testing.assert_array_equal(variables["batch_stats"]["mean"], np.zeros(3))
    np.testing.assert_array_equal(variables["batch_stats"]["var"], np.ones(3))
