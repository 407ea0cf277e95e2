"""The loss "dacn": a sum of squares, and another loss beside it."""

import jax.numpy as jnp
import numpy as np
import pytest
from cases import labels_of, logits_of

from jaxseg import losses


def test_it_is_a_sum_of_squares_over_valid_pixels_and_images():
    loss, truth = losses.build("dacn"), [[1, 1, 0], [0, 0, 1]]
    logits, labels = logits_of([[0.9, 0.6, 0.4], [0.1, 0.5, 0.0]]), labels_of(truth)
    squares = np.array([[0.01, 0.16, 0.16], [0.01, 0.25, 1.0]])
    assert loss(logits, labels) == pytest.approx(squares.sum(), rel=1e-5)
    valid = jnp.asarray([[[1, 0, 1], [1, 1, 0]]], bool)
    assert loss(logits, labels, valid) == pytest.approx(0.43, rel=1e-5)
    assert loss(jnp.concatenate([logits] * 3), jnp.concatenate([labels] * 3)) == pytest.approx(4.77, rel=1e-5)


def test_of_several_foreground_classes_each_has_its_squares():
    logits = jnp.log(jnp.asarray([0.5, 0.3, 0.2]))[None, None, None]
    loss = losses.build("dacn")
    for label, wanted in ((0, 0.09 + 0.04), (1, 0.49 + 0.04), (2, 0.09 + 0.64)):
        assert loss(logits, jnp.full((1, 1, 1), label)) == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize(("options", "weight"), [({}, 0.01), ({"start": 0.5}, 0.5)])
def test_auxiliary_logits_have_a_part_of_their_cross_entropy(options, weight):
    logits, labels = logits_of([[0.9, 0.6], [0.4, 0.1]]), labels_of([[1, 1], [0, 0]])
    beside = losses.build("dacn", **options).auxiliary
    assert beside(logits, labels) == pytest.approx(weight * 0.308093, rel=1e-5)


@pytest.mark.parametrize("name", [name for name in losses.LOSSES if name != "dacn"])
def test_other_losses_are_their_own_beside(name):
    loss = losses.build(name)
    assert loss.auxiliary is loss


def test_a_start_of_no_weight():
    for start in (0.0, float("inf"), float("nan")):
        with pytest.raises(ValueError, match=f"start is {start}; want a number above 0"):
            losses.build("dacn", start=start)
