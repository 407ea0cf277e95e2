import jax
import jax.numpy as jnp
import numpy as np
import oracles
import pytest

from jaxseg.attention.norms import mean, plain, softmax


@pytest.mark.parametrize("norm", [plain, mean, softmax])
def test_norms_are_the_oracles(norm):
    rng = np.random.default_rng(0)
    scores, ok = rng.normal(size=(5, 7)) * 30, rng.random((5, 7)) < 0.6
    ok[2] = False
    weights = norm(jnp.asarray(scores, jnp.float32), jnp.asarray(ok))
    for row, there, found in zip(scores, ok, weights, strict=True):
        np.testing.assert_allclose(found[there], getattr(oracles, norm.__name__)(list(row[there])), rtol=1e-5)
        assert (found[~there] == 0).all()


@pytest.mark.parametrize("norm", [mean, softmax])
def test_norms_widen_and_never_narrow(norm):
    with jax.enable_x64(True):
        ok = jnp.ones(3, bool)
        assert norm(jnp.ones(3, jnp.bfloat16), ok).dtype == jnp.float32
        assert norm(jnp.ones(3, jnp.float64), ok).dtype == jnp.float64


@pytest.mark.parametrize("norm", [plain, mean, softmax])
def test_a_query_without_keys_has_a_finite_gradient(norm):
    gradient = jax.grad(lambda a: norm(a, jnp.zeros(3, bool)).sum())(jnp.ones(3))
    assert (gradient == 0).all()
