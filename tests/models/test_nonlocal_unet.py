"""Global aggregation by itself: the mean of values that no score tells apart, and its dropout in training."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from filling import fill

from jaxseg.layers import Numerics
from jaxseg.models.nonlocal_unet import Aggregation

X = jnp.asarray(np.random.default_rng(0).normal(size=(2, 3, 4, 5)), jnp.float32)
VALID = jnp.asarray(np.arange(12).reshape(3, 4) % 5 > 0)[None].repeat(2, 0)


def aggregation(doubles, **options):
    """Return the module, six channels wide, and random parameters."""
    module = Aggregation(
        **{"features": 6, "heads": 2, "dropout": 0.0, "numerics": Numerics()} | options, doubles=doubles
    )
    return module, fill(jax.eval_shape(lambda: module.init(jax.random.key(0), X, train=False, valid=VALID)))


def blind(variables):
    """Return the variables with queries and keys of 0."""
    params = variables["params"]
    return {"params": params | {name: jax.tree.map(jnp.zeros_like, params[name]) for name in ("query", "key")}}


@pytest.mark.parametrize("doubles", [False, True])
@pytest.mark.parametrize("valid", [None, VALID])
def test_without_queries_and_keys_every_position_has_the_mean_of_the_valid_values(doubles, valid):
    module, variables = aggregation(doubles)
    found = module.apply(blind(variables), X, train=False, valid=valid)
    value, out = (variables["params"][name] for name in ("value", "out"))
    values = X @ value["kernel"][0, 0] + value["bias"]
    real = np.ones((2, 3, 4), bool) if valid is None else np.asarray(valid)
    mean = np.stack([values[k][real[k]].mean(0) for k in range(2)]) @ out["kernel"][0, 0] + out["bias"]
    assert found.shape == ((2, 6, 8, 6) if doubles else (2, 3, 4, 6))
    np.testing.assert_allclose(found, np.broadcast_to(mean[:, None, None], found.shape), atol=1e-5)


@pytest.mark.parametrize("doubles", [False, True])
@pytest.mark.parametrize("valid", [None, VALID])
def test_stored_weights_give_what_prediction_gives(doubles, valid):
    """At a rate that drops nothing; prediction makes no weights."""
    module, variables = aggregation(doubles, dropout=1e-12)
    found = module.apply(variables, X, train=True, valid=valid, rngs={"dropout": jax.random.key(1)})
    np.testing.assert_allclose(found, module.apply(variables, X, train=False, valid=valid), atol=1e-5)


def test_half_of_the_weights_are_dropped_and_the_others_doubled():
    """Of 12 equal weights k are left: then a value of 1 becomes k / 6, at each query and head by itself."""
    module, variables = aggregation(doubles=True, dropout=0.5)
    params = blind(variables)["params"]
    ones = {"kernel": jnp.zeros_like(params["value"]["kernel"]), "bias": jnp.ones(6)}
    params |= {"value": ones, "out": {"kernel": jnp.eye(6)[None, None], "bias": jnp.zeros(6)}}
    found = np.asarray(module.apply({"params": params}, X, train=True, valid=None, rngs={"dropout": jax.random.key(1)}))
    left = 6 * found
    np.testing.assert_allclose(left, left.round(), atol=1e-4)
    assert abs(left.mean() - 6) < 0.5
    assert left.std() == pytest.approx(3**0.5, rel=0.2)  # of 12 throws of a coin
    np.testing.assert_array_equal(left[..., :3], left[..., :1].repeat(3, -1))  # a head's channels share its weights
    assert (left[..., 0] != left[..., 3]).any()
