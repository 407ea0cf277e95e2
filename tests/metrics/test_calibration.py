"""The two readings of the expected calibration error, on torchmetrics' example and by a loop over bins and pixels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxseg.metrics import calibration

PROBABILITY = st.one_of(st.integers(0, 15).map(lambda k: k / 15), st.floats(0, 1, width=32))


def test_the_referees_values():
    positives, negatives = (np.array(p, np.float32) for p in ([0.2, 0.7, 0.8, 0.95], [0.05, 0.3]))
    assert calibration.of_positive_class(positives, negatives).error() == pytest.approx(0.283333, abs=1e-6)
    assert calibration.of_predicted_class(positives, negatives).error() == pytest.approx(0.216667, abs=1e-6)


def slow(claimed, right):
    total = 0.0
    edges = np.linspace(0, 1, 16, dtype=np.float32)
    for k in range(15):
        inside = [i for i, c in enumerate(claimed) if (edges[k] < c or k == 0) and c <= edges[k + 1]]
        total += abs(sum(float(right[i]) - float(claimed[i]) for i in inside))
    return total / len(claimed)


@given(st.lists(st.tuples(PROBABILITY, st.booleans()), min_size=1, max_size=30))
def test_both_readings_are_those_of_a_loop(pixels):
    p = np.array([probability for probability, _ in pixels], np.float32)
    y = np.array([truth for _, truth in pixels])
    arguments = p[y], p[~y]
    assert calibration.of_positive_class(*arguments).error() == pytest.approx(slow(p, y), abs=1e-6)
    confidence = np.where(p > 0.5, p, 1 - p)
    wanted = slow(confidence, (p > 0.5) == y)
    assert calibration.of_predicted_class(*arguments).error() == pytest.approx(wanted, abs=1e-6)


def test_bins_are_closed_at_the_right():
    found = calibration.of_positive_class(np.array([0.2], np.float32), np.array([0.0, 1.0], np.float32))
    assert np.flatnonzero(found.number).tolist() == [0, 2, 14]
    assert found.number.sum() == 3


def test_no_pixel_has_no_error():
    nothing = np.array([], np.float32)
    assert calibration.of_positive_class(nothing, nothing).error() is None
