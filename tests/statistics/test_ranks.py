"""Ranks and critical differences against Demšar (2006), Statistical comparisons of classifiers, JMLR 7, table 6."""

import numpy as np
import pytest

from jaxseg.statistics import ranks

# 0.9751 is printed as 0.975 there, and its rank is that of no tie; scipy's own test of Friedman's writes it so.
AUC = np.array([
    [0.763, 0.599, 0.954, 0.628, 0.882, 0.936, 0.661, 0.583, 0.775, 1.000, 0.940, 0.619, 0.972, 0.957],
    [0.768, 0.591, 0.971, 0.661, 0.888, 0.931, 0.668, 0.583, 0.838, 1.000, 0.962, 0.666, 0.981, 0.978],
    [0.771, 0.590, 0.968, 0.654, 0.886, 0.916, 0.609, 0.563, 0.866, 1.000, 0.965, 0.614, 0.9751, 0.946],
    [0.798, 0.569, 0.967, 0.657, 0.898, 0.931, 0.685, 0.625, 0.875, 1.000, 0.962, 0.669, 0.975, 0.970],
])  # fmt: skip


def test_demsars_example():
    found = ranks(AUC)
    assert found is not None
    assert found.mean_ranks == pytest.approx([3.143, 2.000, 2.893, 1.964], abs=5e-4)
    assert found.critical_difference == pytest.approx(1.25, abs=5e-3)
    assert (found.statistic, found.p) == pytest.approx((10.2283464566929, 0.0167215803284414))  # as in scipy's test
    # Demšar has 9.28, without the correction for ties: sum of k^3 - k over images and ties, by n (k^3 - k).
    ties = sum((count**3 - count) for image in AUC.T for count in np.unique(image, return_counts=True)[1])
    assert found.statistic is not None
    assert found.statistic * (1 - ties / (14 * 60)) == pytest.approx(9.28, abs=6e-3)
    assert found.alike == [[3, 1, 2, 0]]
    assert (found.num_images, found.num_groups, found.left_out) == (14, None, 0)


@pytest.mark.parametrize(("models", "quantile"), [(2, 1.960), (3, 2.343), (5, 2.728), (10, 3.164)])
def test_quantiles_are_those_of_the_table(models, quantile):
    found = ranks(np.random.default_rng(0).normal(size=(models, 6)))
    assert found is not None
    assert found.critical_difference == pytest.approx(quantile * np.sqrt(models * (models + 1) / 36), abs=1e-3)


def test_sets_of_like_models_are_the_largest():
    """Ranks 1, 2, 3, 4 on 40 images, of which 1 and 2, 2 and 3, 3 and 4 are within 0.742 where they swap often."""
    scores = np.repeat([[4.0], [3.0], [2.0], [1.0]], 40, axis=1)
    for upper, lower in ((0, 1), (1, 2), (2, 3)):
        turns = slice(upper * 12, upper * 12 + 12)
        scores[upper, turns], scores[lower, turns] = scores[lower, turns].copy(), scores[upper, turns].copy()
    found = ranks(scores)
    assert found is not None
    assert found.mean_ranks == pytest.approx([1.3, 2.0, 3.0, 3.7])
    assert found.alike == [[0, 1], [2, 3]]


def test_lower_may_be_better():
    higher, lower = ranks(AUC), ranks(-AUC, higher=False)
    assert higher is not None
    assert lower is not None
    assert higher.mean_ranks == lower.mean_ranks


def test_groups_are_ranked_by_their_means():
    doubled = ranks(np.concatenate([AUC, AUC], axis=1), [str(image) for image in range(14)] * 2)
    assert doubled is not None
    assert sorted(doubled.mean_ranks) == pytest.approx([1.964, 2.000, 2.893, 3.143], abs=5e-4)
    assert (doubled.num_images, doubled.num_groups) == (28, 14)


def test_equal_models_and_undefined_images():
    found = ranks(np.array([[0.5, 0.5, np.nan], [0.5, 0.5, 0.1], [0.5, 0.5, 0.2]]))
    assert found is not None
    assert (found.mean_ranks, found.statistic, found.p, found.left_out) == ([2, 2, 2], 0, 1, 1)
    assert found.alike == [[0, 1, 2]]


def test_two_models_have_no_friedman_test_and_one_image_no_ranks():
    found = ranks(AUC[:2])
    assert found is not None
    assert (found.statistic, found.p) == (None, None)
    assert ranks(AUC[:, :1]) is None
    assert ranks(AUC[:1]) is None
