import jax
import jax.numpy as jnp
import numpy as np
from sklearn.metrics import log_loss

from jaxseg.losses import cross_entropy


def test_agrees_with_scikit_learn_over_the_real_pixels():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(2, 5, 7, 3)).astype(np.float32) * 4
    labels = rng.integers(0, 3, (2, 5, 7)).astype(np.int32)
    valid = rng.random((2, 5, 7)) < 0.7
    total, count = cross_entropy(jnp.asarray(logits), jnp.asarray(labels), jnp.asarray(valid))
    probs = np.exp(logits[valid]) / np.exp(logits[valid]).sum(-1, keepdims=True)
    assert count == valid.sum()
    np.testing.assert_allclose(total / count, log_loss(labels[valid], probs, labels=[0, 1, 2]), rtol=1e-5)


def test_padding_gives_nothing_to_loss_or_gradient_even_where_its_logits_are_wild():
    logits = jnp.zeros((1, 2, 2, 2)).at[0, 1, 1].set(jnp.array([3e38, -3e38]))
    labels = jnp.ones((1, 2, 2), jnp.int32)
    valid = jnp.ones((1, 2, 2), bool).at[0, 1, 1].set(False)
    total, count = cross_entropy(logits, labels, valid)
    gradient = jax.grad(lambda z: cross_entropy(z, labels, valid)[0])(logits)
    np.testing.assert_allclose(total / count, np.log(2), rtol=1e-6)
    assert np.all(np.asarray(gradient[0, 1, 1]) == 0)
    assert np.all(np.isfinite(gradient))
