import jax.numpy as jnp
import numpy as np
from cases import random_case
from sklearn.metrics import log_loss

from jaxseg import losses


def test_cross_entropy_and_its_weighted_mean_are_scikit_learns():
    logits, labels, valid = random_case(0, (2, 5, 7), classes=3)
    arrays = [jnp.asarray(logits, jnp.float32), jnp.asarray(labels), jnp.asarray(valid)]
    probs = np.exp(logits[valid]) / np.exp(logits[valid]).sum(-1, keepdims=True)
    expected = log_loss(labels[valid], probs, labels=[0, 1, 2])
    np.testing.assert_allclose(losses.build("cross_entropy")(*arrays), expected, rtol=1e-5)
    weights = (0.5, 1.0, 3.0)
    expected = log_loss(labels[valid], probs, labels=[0, 1, 2], sample_weight=np.array(weights)[labels[valid]])
    np.testing.assert_allclose(losses.build("balanced_cross_entropy", weights=weights)(*arrays), expected, rtol=1e-5)


def test_the_default_balance_is_that_of_each_image():
    logits, labels, valid = random_case(1, (3, 5, 7), classes=3)
    total = 0.0
    for z, y, ok in zip(logits, labels, valid, strict=True):
        log_p = z - np.log(np.exp(z).sum(-1, keepdims=True))
        for c in range(3):
            total -= (1 - (y[ok] == c).mean()) * log_p[ok & (y == c)][:, c].sum()
    found = losses.build("balanced_cross_entropy")(jnp.asarray(logits), jnp.asarray(labels), jnp.asarray(valid))
    np.testing.assert_allclose(found, total / valid.sum(), rtol=1e-5)


def test_focal_without_focus_is_cross_entropy_and_alpha_weighs_classes():
    logits, labels, valid = (jnp.asarray(array) for array in random_case(2, classes=3))
    plain = losses.build("cross_entropy")(logits, labels, valid)
    np.testing.assert_allclose(losses.build("focal", gamma=0.0)(logits, labels, valid), plain, rtol=1e-6)
    one, each = (losses.build("focal", alpha=alpha)(logits, labels, valid) for alpha in (0.3, (0.7, 0.3, 0.3)))
    np.testing.assert_allclose(one, each, rtol=1e-6)
