"""Two models on the same images, or with the same seeds: difference, test and size of the effect."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float
from scipy import stats

from jaxseg.statistics.intervals import LEVEL, Interval, bootstrap
from jaxseg.statistics.mean import deviation
from jaxseg.statistics.smallest import smallest_difference
from jaxseg.statistics.units import gather

_DIGITS = 12  # differences are rounded to these decimals: rounding errors of subtraction break no tie and make no rank


class Difference(NamedTuple):
    """How one model differs from another; every number is that of the other less the first.

    Attributes:
        mean: mean difference over images; None where nothing is left to compare.
        interval: of it.
        p: of the test that the difference is 0, two-sided; None for fewer than two pairs.
        least_p: the smallest p that so many pairs can give: 2 / 2^n of ranks; None of a t test, which has none.
        rank_biserial: matched-pairs rank-biserial correlation, -1 to 1: (W+ - W-) / (W+ + W-); 0 where nothing differs,
            None over seeds.
        dz: Cohen's d_z, mean by standard deviation of the paired differences; None where they do not vary.
        smallest: the difference that a paired t test of so many pairs with these deviations finds with power 0.8.
        zeros: pairs without a difference.
        num_images: that are compared; None over seeds.
        num_groups: of them; None where images are independent.
        left_out: images that a run of one or the other has no score for; None over seeds.
        num_seeds: trained runs of the first model and of the other.
        method: what was computed, in words.
    """

    mean: float | None
    interval: Interval | None
    p: float | None
    least_p: float | None
    rank_biserial: float | None
    dz: float | None
    smallest: float | None
    zeros: int
    num_images: int | None
    num_groups: int | None
    left_out: int | None
    num_seeds: tuple[int, int]
    method: str


def over_images(
    first: Float[np.ndarray, "first_seeds images"],
    other: Float[np.ndarray, "other_seeds images"],
    groups: Sequence[str] | None = None,
) -> Difference:
    """Return how ``other`` differs from ``first`` over images, each score the mean over the model's seeds.

    The test is Wilcoxon's signed-rank test over images, or over the mean differences of groups. Zero differences are
    ranked with the others, and then dropped (Pratt 1959). Up to 50 pairs without zeros and ties its p is exact
    (``scipy.stats.wilcoxon``, method "auto"). The interval is that of ``bootstrap``.

    Args:
        first: scores of every image, by a run of each seed.
        other: likewise, of the other model.
        groups: the group of every image; None where images are independent.
    """
    units = gather(np.round(other.mean(axis=0) - first.mean(axis=0), _DIGITS), groups)
    differences = np.round(units.means, _DIGITS)
    number = len(differences)
    return Difference(
        mean=float(units.totals.sum() / units.sizes.sum()) if number else None,
        interval=bootstrap(units),
        p=_wilcoxon(differences),
        least_p=min(1.0, 2 / 2.0**number) if number > 1 else None,
        rank_biserial=_rank_biserial(differences) if number else None,
        dz=_dz(differences),
        smallest=smallest_difference(deviation(differences), number),
        zeros=int((differences == 0).sum()),
        **units.counted(),
        num_seeds=(len(first), len(other)),
        method=f"Wilcoxon signed-rank over {units.told()}, zero differences ranked, then dropped (Pratt); BCa interval",
    )


def over_seeds(first: Float[np.ndarray, " seeds"], other: Float[np.ndarray, " seeds"]) -> Difference:
    """Return how ``other`` differs from ``first`` over seeds, each score a run's mean over images.

    The test is the paired t test, and the interval that of t: five seeds can never reject by ranks.

    Args:
        first: the mean of each seed.
        other: of the same seeds, in the same order.
    """
    differences = np.round(other - first, _DIGITS)
    number, spread = len(differences), deviation(differences)
    interval, p = None, None
    if spread:
        test: Any = stats.ttest_1samp(differences, 0.0)
        low, high = test.confidence_interval(LEVEL)
        interval, p = Interval(float(low), float(high), LEVEL), float(test.pvalue)
    return Difference(
        mean=float(differences.mean()) if number else None,
        interval=interval,
        p=p,
        least_p=None,
        rank_biserial=None,
        dz=_dz(differences),
        smallest=smallest_difference(spread, number),
        zeros=int((differences == 0).sum()),
        num_images=None,
        num_groups=None,
        left_out=None,
        num_seeds=(number, number),
        method=f"paired t test over {number} seeds that both models have; t interval",
    )


def _wilcoxon(differences: np.ndarray) -> float | None:
    if len(differences) < 2:
        return None
    if not differences.any():
        return 1.0
    test: Any = stats.wilcoxon(differences, zero_method="pratt", method="auto")
    return float(test.pvalue)


def _rank_biserial(differences: np.ndarray) -> float:
    ranks = stats.rankdata(np.abs(differences))  # zeros among them, as in the test
    better, worse = ranks[differences > 0].sum(), ranks[differences < 0].sum()
    return float((better - worse) / (better + worse)) if better + worse else 0.0


def _dz(differences: np.ndarray) -> float | None:
    spread = deviation(differences)
    return float(differences.mean() / spread) if spread else None
