"""Paired tests against scipy's documentation, hand-computed values, and every assignment of signs."""

import itertools

import numpy as np
import pytest
from scipy import stats

from jaxseg.statistics import bootstrap, gather, over_images, over_seeds

NAN = float("nan")
# Heights of cross- and self-fertilised maize, Darwin's; in the documentation of scipy.stats.wilcoxon p is 0.0413.
DARWIN = np.array([6, 8, 14, 16, 23, 24, 28, 29, 41, -48, 49, 56, 60, -67, 75], float)


def between(differences, groups=None):
    return over_images(np.zeros((1, len(differences))), np.array([differences], float), groups)


def test_the_test_and_both_effects_of_darwins_maize():
    found = between(DARWIN)
    assert found.p == 0.041259765625
    assert found.rank_biserial == (96 - 24) / 120  # the ranks of -48 and -67 are 10 and 14
    assert found.dz == pytest.approx(DARWIN.mean() / DARWIN.std(ddof=1))
    assert found.mean == pytest.approx(DARWIN.mean())
    assert found.interval == bootstrap(gather(DARWIN))
    assert found.least_p == 2 / 2**15
    assert (found.zeros, found.num_images, found.num_groups, found.num_seeds) == (0, 15, None, (1, 1))


def test_zero_differences_are_ranked_and_dropped():
    """Pratt's way, against every assignment of signs: the zeros' rank is 1.5, that of 1 and -1 3.5, then 5, 6, 7."""
    found = between([0, 0, 1, -1, 2, 3, -4])
    ranks = [3.5, 3.5, 5, 6, 7]
    sums = [np.dot(signs, ranks) for signs in itertools.product((0, 1), repeat=5)]
    below, above = (np.mean(compared(sums, 3.5 + 5 + 6)) for compared in (np.less_equal, np.greater_equal))
    assert found.p == pytest.approx(min(1, 2 * min(below, above)))
    assert found.rank_biserial == (14.5 - 10.5) / 25
    assert found.zeros == 2
    assert "zero differences ranked, then dropped (Pratt)" in found.method


def test_the_sign_is_that_of_the_other_model():
    better = over_images(np.array([[0.5, 0.6, 0.7]]), np.array([[0.6, 0.8, 0.9]]))
    assert better.mean == pytest.approx(0.5 / 3)
    assert better.rank_biserial == 1
    assert better.p == 0.25 == better.least_p  # three images can never reject


def test_rounding_makes_and_breaks_no_ties():
    """0.3 - 0.1 and 0.4 - 0.2 differ in the last bit."""
    found = over_images(np.array([[0.1, 0.2, 0.3]]), np.array([[0.3, 0.4, 0.1 + 0.2]]))
    assert found.zeros == 1
    assert found.rank_biserial == 1
    assert found.dz == pytest.approx(np.mean([0.2, 0.2, 0]) / np.std([0.2, 0.2, 0], ddof=1))


def test_equal_models():
    found = between([0, 0, 0])
    assert (found.mean, found.p, found.rank_biserial, found.dz, found.smallest, found.zeros) == (0, 1, 0, None, None, 3)
    assert found.interval is not None
    assert found.interval[:2] == (0, 0)


def test_a_constant_difference_has_no_standardised_effect():
    found = between([0.1, 0.1, 0.1])
    assert (found.p, found.rank_biserial, found.dz, found.smallest) == (0.25, 1, None, None)


def test_one_image_and_none():
    found = between([0.1])
    assert (found.mean, found.interval, found.p, found.least_p, found.dz) == (0.1, None, None, None, None)
    found = between([NAN, NAN])
    assert (found.mean, found.interval, found.p, found.rank_biserial, found.left_out) == (None, None, None, None, 2)


def test_seeds_are_averaged_and_undefined_images_left_out():
    first, other = np.array([[0.5, 0.5, 0.5], [0.7, NAN, 0.5]]), np.array([[0.7, 0.7, 0.8]])
    found = over_images(first, other)
    assert found.mean == pytest.approx((0.1 + 0.3) / 2)
    assert (found.num_images, found.left_out, found.num_seeds) == (2, 1, (2, 1))


def test_groups_are_tested_by_their_means():
    differences, groups = [*DARWIN, *DARWIN], [str(pair) for pair in range(15)] * 2
    found, alone = between(differences, groups), between(DARWIN)
    assert (found.p, found.rank_biserial, found.dz) == (alone.p, alone.rank_biserial, alone.dz)
    assert (found.num_images, found.num_groups) == (30, 15)
    assert "over 15 groups" in found.method


def test_seeds_by_the_paired_t_test():
    first, other = np.array([0.80, 0.82, 0.81, 0.79, 0.80]), np.array([0.81, 0.85, 0.81, 0.82, 0.83])
    found, wanted = over_seeds(first, other), stats.ttest_rel(other, first)
    assert found.p == pytest.approx(wanted.pvalue)
    assert found.interval is not None
    assert found.interval[:2] == pytest.approx(tuple(wanted.confidence_interval(0.95)))
    assert found.dz == pytest.approx(wanted.statistic / np.sqrt(5))
    assert (found.num_images, found.num_seeds, found.rank_biserial, found.least_p) == (None, (5, 5), None, None)


@pytest.mark.parametrize("other", [[0.9], [0.9, 0.7], []], ids=["one seed", "no spread", "no seed"])
def test_seeds_that_no_test_can_be_made_of(other):
    found = over_seeds(np.array(other) - 0.1, np.array(other))
    assert (found.p, found.interval, found.dz, found.smallest) == (None, None, None, None)
    assert found.mean == (pytest.approx(0.1) if other else None)
