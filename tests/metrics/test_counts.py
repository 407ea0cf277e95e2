import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import confusion_matrix

from jaxseg import metrics

SHAPES = hnp.array_shapes(min_dims=2, max_dims=2, max_side=9)


@st.composite
def masks(draw):
    """Prediction and truth of three classes and a background, and which pixels are valid."""
    shape = draw(SHAPES)
    classes = st.integers(0, 3)
    return [draw(hnp.arrays(np.uint8, shape, elements=classes)) for _ in range(2)] + [draw(hnp.arrays(np.bool_, shape))]


@given(masks(), st.integers(1, 3))
def test_counts_are_those_of_a_loop_over_the_valid_pixels(arrays, k):
    prediction, truth, valid = arrays
    wanted = {"tp": 0, "fp": 0, "fn": 0, "tn": 0}
    for p, t, v in zip(prediction.flat, truth.flat, valid.flat, strict=True):
        if v:
            wanted[("t" if (p == k) == (t == k) else "f") + ("p" if p == k else "n")] += 1
    assert metrics.Counts.of(metrics.confusion(prediction, truth, 4, valid), k)._asdict() == wanted


@given(masks())
def test_without_a_valid_mask_every_pixel_counts(arrays):
    prediction, truth, _ = arrays
    found = metrics.confusion(prediction, truth, 4)
    np.testing.assert_array_equal(found, metrics.confusion(prediction, truth, 4, np.ones(truth.shape, bool)))
    np.testing.assert_array_equal(found, confusion_matrix(truth.ravel(), prediction.ravel(), labels=range(4)))
    assert metrics.Counts.of(found, 1).total == truth.size


def test_two_hundred_classes_are_told_apart():
    classes = np.arange(250, dtype=np.uint8)[None]
    np.testing.assert_array_equal(metrics.confusion(classes, classes, 250), np.eye(250))


def test_a_pixel_at_the_threshold_is_background():
    assert metrics.decide(np.array([[0.25, 0.5, 0.75]], np.float32), 0.5).tolist() == [[0, 0, 1]]


def test_of_several_classes_the_most_probable_one_is_taken_or_the_one_above_its_threshold():
    probability = np.array([[[0.4, 0.3, 0.3], [0.1, 0.5, 0.4], [0.5, 0.25, 0.25], [0.2, 0.1, 0.7]]], np.float32)
    assert metrics.decide(probability, ()).tolist() == [[0, 1, 0, 2]]
    assert metrics.decide(probability, (0.2, 0.35)).tolist() == [[1, 1, 1, 2]]
    assert metrics.decide(probability, (0.25, 0.2)).tolist() == [[1, 1, 2, 2]]  # at its threshold, a class is not meant
    assert metrics.decide(probability, (0.6, 0.45)).tolist() == [[0, 0, 0, 2]]


@pytest.mark.parametrize(
    ("at", "classes", "said"),
    [
        ((0.5,), (), r"is \(0.5,\); want one number, 0 to 1"),
        (1.5, (), r"is 1.5; want one number"),
        (0.5, ("a", "b"), r"is 0.5; want a tuple of numbers 0 to 1 for a, b, in this order, or \(\)"),
        (("x", 0.5), ("a", "b"), ".*want a tuple of numbers"),
        ([0.5, 0.5], ("a", "b"), ".*want a tuple of numbers"),
        ((0.5,), ("a", "b"), ".*want a tuple of numbers"),
        ((0.5, 2.0), ("a", "b"), ".*want a tuple of numbers"),
    ],
)
def test_a_threshold_that_does_not_fit_the_classes_is_refused(at, classes, said):
    with pytest.raises(ValueError, match=f"it {said}"):
        metrics.check_threshold("it", at, classes)
    metrics.check_threshold("it", 0.5)
    metrics.check_threshold("it", (), ("a", "b"))


def test_a_mask_of_other_values_is_refused_by_name():
    with pytest.raises(ValueError, match=r"fov holds 3 values from 0 to 255; want only 0 and 1"):
        metrics.binary(np.array([[0, 1], [255, 0]], np.uint8), "fov")
    assert metrics.binary(np.array([[0, 1]], np.uint8)).tolist() == [[False, True]]
