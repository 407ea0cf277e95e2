import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from jaxseg import metrics

SHAPES = hnp.array_shapes(min_dims=2, max_dims=2, max_side=9)


@st.composite
def masks(draw, number):
    shape = draw(SHAPES)
    return [draw(hnp.arrays(np.bool_, shape)) for _ in range(number)]


@given(masks(3))
def test_counts_are_those_of_a_loop_over_the_valid_pixels(arrays):
    prediction, truth, valid = arrays
    wanted = {"tp": 0, "fp": 0, "fn": 0, "tn": 0}
    for p, t, v in zip(prediction.flat, truth.flat, valid.flat, strict=True):
        if v:
            wanted[("t" if p == t else "f") + ("p" if p else "n")] += 1
    assert metrics.count(prediction, truth, valid)._asdict() == wanted


@given(masks(2))
def test_without_a_valid_mask_every_pixel_counts(arrays):
    prediction, truth = arrays
    counts = metrics.count(prediction, truth)
    assert counts == metrics.count(prediction, truth, np.ones_like(truth))
    assert counts.total == truth.size


def test_a_pixel_at_the_threshold_is_background():
    assert metrics.threshold(np.array([0.25, 0.5, 0.75], np.float32), 0.5).tolist() == [False, False, True]


def test_a_mask_of_other_values_is_refused_by_name():
    with pytest.raises(ValueError, match=r"fov holds 3 values from 0 to 255; want only 0 and 1"):
        metrics.binary(np.array([[0, 1], [255, 0]], np.uint8), "fov")
    assert metrics.binary(np.array([[0, 1]], np.uint8)).tolist() == [[False, True]]
