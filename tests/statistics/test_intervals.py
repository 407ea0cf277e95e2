import numpy as np
import pytest
from scipy import stats

from jaxseg.statistics import LEVEL, bootstrap, gather

SCORES = np.random.default_rng(0).beta(8, 2, 40)  # skewed, as Dice is


def test_it_is_scipys_of_the_mean():
    wanted = stats.bootstrap((SCORES,), np.mean, n_resamples=99999, rng=np.random.default_rng(1)).confidence_interval
    found = bootstrap(gather(SCORES), resamples=99999)
    assert found is not None
    assert (found.low, found.high) == pytest.approx(tuple(wanted), abs=5e-4)  # two drawings
    assert found.low + found.high < 2 * SCORES.mean()  # it leans to the long tail
    assert bootstrap(gather(SCORES)) == bootstrap(gather(SCORES), seed=0) != bootstrap(gather(SCORES), seed=1)


def test_images_of_one_group_are_drawn_together():
    """Four copies of an image say no more than the image."""
    alone = bootstrap(gather(SCORES), resamples=999)
    copied = bootstrap(
        gather(np.repeat(SCORES, 4), [str(image) for image in range(40) for _ in range(4)]), resamples=999
    )
    apart = bootstrap(gather(np.repeat(SCORES, 4)), resamples=999)
    assert alone is not None
    assert copied is not None
    assert apart is not None
    # The groups are ordered by name, so they are drawn in another order.
    assert copied[:2] == pytest.approx(alone[:2], abs=5e-3)
    assert apart.high - apart.low == pytest.approx((alone.high - alone.low) / 2, rel=0.1)


def test_groups_of_many_images_weigh_more():
    units = gather(np.array([0.0, 1.0, 1.0, 1.0]), ["a", "b", "b", "b"])
    found = bootstrap(units, resamples=999)
    assert found is not None
    assert (found.low, found.high) == (0.0, 1.0)  # a drawing may hold one group alone
    assert units.totals.sum() / units.sizes.sum() == 0.75


def test_it_tells_how_narrow_it_is_for_few_units():
    """A bootstrap of four normal values covers 81 %: their mean ± z sqrt(3 / 4) s / sqrt(4) by the t of 3 degrees."""
    of_four, of_many = bootstrap(gather(SCORES[:4])), bootstrap(gather(np.tile(SCORES, 50)), resamples=99)
    assert of_four is not None
    assert of_many is not None
    assert of_four.covers == pytest.approx(0.8118, abs=1e-4)
    assert of_many.covers == pytest.approx(LEVEL, abs=1e-3)


def test_there_is_none_of_one_unit_and_a_point_of_equal_ones():
    assert bootstrap(gather(np.array([0.5]))) is None
    assert bootstrap(gather(np.array([0.5, 0.7]), ["a", "a"])) is None
    equal = bootstrap(gather(np.array([0.1 + 0.2, 0.3, 0.3])))
    assert equal is not None
    assert (equal.low, equal.high) == pytest.approx((0.3, 0.3))
