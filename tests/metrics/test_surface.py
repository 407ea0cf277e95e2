"""Distances between boundaries: values of MONAI 1.6.1, and loops over all pairs of pixels."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from jaxseg.metrics import surface

MASK = hnp.arrays(np.bool_, hnp.array_shapes(min_dims=2, max_dims=2, max_side=8))


def square(top=8, left=8, side=8):
    mask = np.zeros((32, 32), bool)
    mask[top : top + side, left : left + side] = True
    return mask


def outlier():
    mask = square()
    mask[28, 28] = True
    return mask


def values(prediction, truth):
    found = surface.distances(prediction, truth)
    return surface.hd95(found), surface.assd(found), surface.surface_dice(found, 1.0)


@pytest.mark.parametrize(
    ("prediction", "wanted"),
    [
        (square(), (0, 0, 1)),
        (square(left=10), (2.0, 1.0, 0.571429)),
        (outlier(), (0.0, 0.322540, 56 / 57)),  # a 95 % quantile of 29 distances does not see one of them
    ],
)
def test_monais_values(prediction, wanted):
    assert values(prediction, square()) == pytest.approx(wanted, abs=1e-6)
    assert values(square(), prediction) == pytest.approx(wanted, abs=1e-6)  # each is symmetric


def test_both_directions_of_the_outlier():
    to_truth, to_prediction = surface.distances(outlier(), square())
    assert (to_truth.mean(), to_prediction.mean()) == pytest.approx((0.634, 0), abs=1e-3)
    assert to_truth.max() == pytest.approx(18.385, abs=1e-3)  # the Hausdorff distance itself


@pytest.mark.parametrize(("prediction", "truth"), [(0, 1), (1, 0), (0, 0)])
def test_an_empty_mask_has_no_boundary(prediction, truth):
    assert surface.distances(square() & bool(prediction), square() & bool(truth)) is None


def test_the_border_of_the_image_is_outside():
    full = np.ones((4, 5), bool)
    found = surface.distances(full, full)
    assert found.to_truth.size == 14


def edge(mask):
    """The mask's pixels with one of four neighbours outside, by a loop."""
    height, width = mask.shape
    found = []
    for y in range(height):
        for x in range(width):
            beside = [(y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)]
            inner = all(0 <= b < height and 0 <= a < width and mask[b, a] for b, a in beside)
            if mask[y, x] and not inner:
                found.append((y, x))
    return found


@settings(max_examples=60)
@given(st.data(), MASK)
def test_distances_are_those_of_a_loop_over_all_pairs(data, prediction):
    truth = data.draw(hnp.arrays(np.bool_, prediction.shape))
    found = surface.distances(prediction, truth)
    ours, theirs = edge(prediction), edge(truth)
    if not (ours and theirs):
        assert found is None
        return
    to_truth = [min(np.hypot(y - b, x - a) for b, a in theirs) for y, x in ours]
    to_prediction = [min(np.hypot(y - b, x - a) for b, a in ours) for y, x in theirs]
    np.testing.assert_allclose(found.to_truth, to_truth, atol=1e-9)
    np.testing.assert_allclose(found.to_prediction, to_prediction, atol=1e-9)
    both = sorted(to_truth + to_prediction)
    near = sum(distance <= 1 for distance in both) / len(both)
    assert surface.surface_dice(found, 1.0) == pytest.approx(near)
    assert surface.assd(found) == pytest.approx(sum(both) / len(both))
    quantiles = []
    for directed in (sorted(to_truth), sorted(to_prediction)):
        place = 0.95 * (len(directed) - 1)
        low, high = directed[int(place)], directed[min(int(place) + 1, len(directed) - 1)]
        quantiles.append(low + (high - low) * (place - int(place)))
    assert surface.hd95(found) == pytest.approx(max(quantiles))


def test_a_million_pixels_take_less_than_a_second():
    """0.1 s of a core of an AMD EPYC, with 120,000 boundary pixels each.

    The processor's time is taken, since others may use the machine.
    """
    rng = np.random.default_rng(0)
    noisy = rng.random((125, 125)) < 0.5
    prediction = np.kron(noisy, np.ones((8, 8))) > 0
    truth = np.roll(prediction, (3, 5), (0, 1))
    begun = time.process_time()
    values(prediction, truth)
    assert time.process_time() - begun < 1
