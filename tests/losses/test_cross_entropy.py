import jax
import jax.numpy as jnp
import numpy as np
import pytest
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


def improved(logits, labels, valid, margin, balanced):
    """The improved cross entropy in float64, pixel by pixel, and its gradient."""
    total, gradient, others = 0.0, np.zeros(logits.shape), np.zeros((len(logits), logits.shape[-1]))
    for k in range(len(logits)):
        for c in range(logits.shape[-1]):
            others[k, c] = (labels[k][valid[k]] != c).mean() if balanced else 1.0
    for place in zip(*np.nonzero(valid), strict=True):
        p, y = np.exp(logits[place]) / np.exp(logits[place]).sum(), labels[place]
        if p[y] > 1 - margin:
            continue
        total -= others[place[0], y] * np.log(p[y])
        gradient[place] = others[place[0], y] * (p - np.eye(len(p))[y])
    return total / valid.sum(), gradient / valid.sum()


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize(("margin", "balanced"), [(0.1, True), (0.4, True), (0.4, False)])
def test_improved_cross_entropy_leaves_out_what_is_right_by_a_margin(classes, margin, balanced):
    logits, labels, valid = random_case(3, (3, 5, 7), classes)
    loss = losses.build("improved_cross_entropy", margin=margin, balanced=balanced)
    found, slope = jax.value_and_grad(loss)(jnp.asarray(logits, jnp.float32), jnp.asarray(labels), jnp.asarray(valid))
    expected, gradient = improved(logits, labels, valid, margin, balanced)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    np.testing.assert_allclose(slope, gradient, rtol=1e-4, atol=1e-8)
    kept = gradient[0].any(-1)[valid[0]]  # of an image with every class
    assert kept.any()
    assert not kept.all()


def test_improved_cross_entropy_without_margin_is_the_balanced_or_the_plain_one():
    arrays = [jnp.asarray(array) for array in random_case(4, classes=3)]
    for balanced, name in ((True, "balanced_cross_entropy"), (False, "cross_entropy")):
        found = losses.build("improved_cross_entropy", margin=0.0, balanced=balanced)(*arrays)
        np.testing.assert_allclose(found, losses.build(name)(*arrays), rtol=1e-6)
