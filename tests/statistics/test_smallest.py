import numpy as np
import pytest
from scipy import stats

from jaxseg.statistics import smallest_difference


@pytest.mark.parametrize(("number", "power"), [(3, 0.8), (16, 0.8), (16, 0.5), (400, 0.9)])
def test_a_t_test_finds_it_with_that_power(number, power):
    """By the definition, with scipy's noncentral t, where that is no NaN."""
    found = smallest_difference(0.2, number, power=power)
    assert found is not None
    quantile, noncentrality = stats.t.ppf(0.975, number - 1), found / 0.2 * np.sqrt(number)
    assert stats.nct.sf(quantile, number - 1, noncentrality) == pytest.approx(
        power, abs=1e-4
    )  # the other tail: nothing


def test_it_is_the_known_number_for_many_pairs_and_falls_with_alpha():
    """z of 0.975 and of 0.8, (1.960 + 0.842) / sqrt(n)."""
    found = smallest_difference(1.0, 10_000)
    assert found == pytest.approx(2.8016 / 100, rel=1e-3)
    strict = smallest_difference(1.0, 10_000, alpha=0.01)
    assert strict == pytest.approx((2.5758 + 0.8416) / 100, rel=1e-3)


def test_two_pairs_see_hardly_anything():
    found = smallest_difference(1.0, 2)
    assert found is not None
    assert 11 < found < 12


@pytest.mark.parametrize(("spread", "number"), [(None, 1), (0.1, 1), (0.0, 9), (None, 0)])
def test_nothing_is_seen_by_one_pair_or_without_spread(spread, number):
    assert smallest_difference(spread, number) is None
