"""The threshold that a rule chooses, by a loop over thresholds and images."""

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, f1_score, jaccard_score

from jaxseg.metrics import RULES, ThresholdSearch, Walk, decide


def images(number=4):
    rng = np.random.default_rng(0)
    for _ in range(number):
        truth = rng.random((9, 11)) < 0.3
        yield np.clip(0.2 * truth + 0.5 * rng.random((9, 11)), 0, 1).round(2).astype(np.float32), truth


ORACLES = {
    "dice": lambda t, p: f1_score(t, p, zero_division=1.0),
    "jaccard": lambda t, p: jaccard_score(t, p, zero_division=1.0),
    "youden": lambda t, p: balanced_accuracy_score(t, p),
}


@pytest.mark.parametrize("rule", RULES)
def test_it_is_the_best_of_a_loop(rule):
    search, means = ThresholdSearch(rule), []
    for image in images():
        search.add(*image)
    for k in range(1, 100):
        found = [(p > np.float32(k / 100)).ravel() for p, _ in images()]
        each = [ORACLES[rule](t.ravel(), p) for p, (_, t) in zip(found, images(), strict=True)]
        means.append(np.mean(each))
    ties = [k for k in range(1, 100) if means[k - 1] >= max(means) - 1e-9]
    assert search.best() == min(ties, key=lambda k: abs(k - 50)) / 100
    assert search.best() != 0.5  # else the rule might do nothing


def test_it_is_the_best_of_a_loop_that_reconnects():
    walk, plain = Walk(reach=3.0, window=9), ThresholdSearch("dice")
    search, means = ThresholdSearch("dice", walk), []
    for image in images():
        search.add(*image)
        plain.add(*image)
    for k in range(1, 100):
        found = [(decide(p, k / 100, walk).ravel(), t.ravel()) for p, t in images()]
        means.append(np.mean([ORACLES["dice"](t, p) for p, t in found]))
    ties = [k for k in range(1, 100) if means[k - 1] >= max(means) - 1e-9]
    assert search.best() == min(ties, key=lambda k: abs(k - 50)) / 100
    assert search._scores != plain._scores  # else the walk might do nothing


def test_of_equals_the_one_nearest_to_half_is_taken():
    search = ThresholdSearch("dice")
    search.add(np.array([[0.1, 0.9]], np.float32), np.array([[False, True]]))
    assert search.best() == 0.5
    search = ThresholdSearch("dice")
    search.add(np.array([[0.1, 0.3]], np.float32), np.array([[False, True]]))
    assert search.best() == 0.29


def test_a_score_that_no_image_has_chooses_nothing():
    search = ThresholdSearch("youden")
    search.add(np.array([[0.1, 0.9]], np.float32), np.array([[False, False]]))
    with pytest.raises(ValueError, match="eval.threshold_rule 'youden' is undefined for every image of val"):
        search.best()
