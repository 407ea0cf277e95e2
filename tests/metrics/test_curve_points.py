"""Points of the curves: scikit-learn's, all of them while there are few, and exact ones where there are many."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import precision_recall_curve, roc_curve

from jaxseg.metrics import Tally, auc, average_precision, calibration, curve_points

PROBABILITY = st.one_of(st.integers(0, 7).map(lambda level: level / 7), st.floats(0, 1, width=32))


@given(st.lists(PROBABILITY, min_size=1, max_size=30), st.lists(PROBABILITY, min_size=1, max_size=30))
def test_the_points_are_scikit_learns(positives, negatives):
    high, low = np.array(positives, np.float32), np.array(negatives, np.float32)
    found = curve_points(high, low, 0.5)
    truth, scores = [1] * high.size + [0] * low.size, np.concatenate([high, low])
    fpr, tpr, thresholds = roc_curve(truth, scores, drop_intermediate=False)
    np.testing.assert_array_equal(found["threshold"], thresholds[1:])  # theirs begin with infinity
    np.testing.assert_allclose(found["false_positive_rate"], fpr[1:])
    np.testing.assert_allclose(found["recall"], tpr[1:])
    precision, _, theirs = precision_recall_curve(truth, scores)
    np.testing.assert_array_equal(found["threshold"], theirs[::-1])
    np.testing.assert_allclose(found["precision"], precision[:-1][::-1])
    assert found["used"]["recall"] == pytest.approx((high > 0.5).mean())
    assert found["used"]["false_positive_rate"] == pytest.approx((low > 0.5).mean())
    assert found["prevalence"] == high.size / len(truth)
    assert sum(found["calibration"]["num_pixels"]) == found["num_pixels"] == len(truth)


def test_of_many_pixels_the_points_are_fewer_and_as_exact():
    rng = np.random.default_rng(0)
    high, low = rng.beta(3, 2, 20_000).astype(np.float32), rng.beta(2, 3, 30_000).astype(np.float32)
    found = curve_points(high, low, None)
    assert 500 < len(found["threshold"]) <= 1000
    assert found["used"] is None
    for k in (0, 300, -1):
        assert found["recall"][k] == (high >= np.float32(found["threshold"][k])).mean()
        assert found["false_positive_rate"][k] == (low >= np.float32(found["threshold"][k])).mean()
    assert (found["recall"][-1], found["false_positive_rate"][-1]) == (1, 1)
    assert found["auc"] == auc(high, low)
    assert found["average_precision"] == average_precision(high, low)
    assert found["ece_positive"] == pytest.approx(calibration.of_positive_class(high, low).error(), abs=1e-12)


def test_a_class_without_pixels_and_a_threshold_that_finds_nothing():
    some, none = np.array([0.2, 0.4], np.float32), np.array([], np.float32)
    assert curve_points(some, none, 0.5) is None
    assert curve_points(none, some, 0.5) is None
    assert curve_points(some, some, 0.5)["used"] == {"recall": 0, "false_positive_rate": 0, "precision": None}


def test_a_tally_has_one_curve_a_region_and_class():
    rng = np.random.default_rng(0)
    truth, fov = rng.integers(0, 3, (8, 9)).astype(np.uint8), rng.random((8, 9)) < 0.7
    probability = rng.dirichlet(np.ones(3), (8, 9)).astype(np.float32)
    one, two, human = Tally(0.3), Tally((0.2, 0.4), classes=("a", "b")), Tally(ranked=False)
    one.add("eye", probability[..., 1], truth == 1, fov)
    two.add("eye", probability, truth, fov)
    human.add("eye", (truth == 2).astype(np.float32), truth == 1, fov)
    assert [curve["region"] for curve in one.curves()] == ["full", "fov"]
    assert [(curve["class"], curve["region"]) for curve in two.curves()] == [
        ("a", "full"), ("a", "fov"), ("b", "full"), ("b", "fov")
    ]  # fmt: skip
    assert one.curves()[1]["num_pixels"] == fov.sum()
    own = {name: value for name, value in two.curves()[0].items() if name not in ("class", "used")}
    assert own == {name: value for name, value in one.curves()[0].items() if name != "used"}
    assert two.curves()[2]["used"]["recall"] == pytest.approx((probability[..., 2] > 0.4)[truth == 2].mean())
    assert human.curves() == []
    assert json.loads(json.dumps(two.curves())) == two.curves()
    most = Tally((), classes=("a", "b"))
    most.add("eye", probability, truth)
    assert [curve["used"] for curve in most.curves()] == [None, None]
