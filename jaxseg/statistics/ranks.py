"""Several models on the same images: their mean ranks, Friedman's test, and Nemenyi's critical difference."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy import stats

from jaxseg.statistics.smallest import ALPHA
from jaxseg.statistics.units import gather

_DIGITS = 12  # scores are rounded to these decimals: ties are ties whatever a mean over seeds rounds to


class Ranks(NamedTuple):
    """Ranks of models over images, 1 the best.

    Attributes:
        mean_ranks: of each model, in the given order; ties share the mean of their ranks.
        statistic: Friedman's chi-square; None for two models.
        p: that all models are alike, by the chi-square approximation; None for two models.
        critical_difference: mean ranks that differ by more differ at ``ALPHA`` by Nemenyi's test.
        alike: the largest sets of models, by place, that do not differ from each other, each from best to worst.
        num_images: that are ranked.
        num_groups: of them; None where images are independent.
        left_out: images that some run has no score for.
        method: what was computed, in words.
    """

    mean_ranks: list[float]
    statistic: float | None
    p: float | None
    critical_difference: float
    alike: list[list[int]]
    num_images: int
    num_groups: int | None
    left_out: int
    method: str


def ranks(
    scores: Float[np.ndarray, "models images"], groups: Sequence[str] | None = None, *, higher: bool = True
) -> Ranks | None:
    """Return the ranks of models over images, or over the means of groups; None for fewer than two of either.

    The critical difference of k models on n units is q sqrt(k (k + 1) / (6 n)), where q is the studentised range's
    quantile of k means and infinitely many degrees of freedom, by sqrt(2) (Nemenyi 1963; Demšar 2006, JMLR 7).

    Args:
        scores: of every image by each model, the mean over its seeds.
        groups: the group of every image; None where images are independent.
        higher: whether a higher score is the better one.
    """
    units = gather(scores, groups)
    number, models = units.number, len(scores)
    if models < 2 or number < 2:
        return None
    values = np.round(units.means, _DIGITS)
    means = stats.rankdata(-values if higher else values, axis=0).mean(axis=1)
    statistic, p = _friedman(values)
    quantile = stats.studentized_range.ppf(1 - ALPHA, models, math.inf) / math.sqrt(2)
    difference = float(quantile * math.sqrt(models * (models + 1) / (6 * number)))
    return Ranks(
        mean_ranks=means.tolist(),
        statistic=statistic,
        p=p,
        critical_difference=difference,
        alike=_alike(means, difference),
        **units.counted(),
        method=f"mean ranks over {units.told()}; Friedman's test; Nemenyi's critical difference at {ALPHA:g}",
    )


def _friedman(values: np.ndarray) -> tuple[float | None, float | None]:
    if len(values) < 3:
        return None, None
    if not np.ptp(values, axis=0).any():  # every image ties all models
        return 0.0, 1.0
    found = stats.friedmanchisquare(*values)
    return float(found.statistic), float(found.pvalue)


def _alike(means: np.ndarray, difference: float) -> list[list[int]]:
    order = np.argsort(means, kind="stable").tolist()
    found: list[list[int]] = []
    reached = 0  # a set that ends no further than the last one lies within it
    for start in range(len(order)):
        end = start
        while end + 1 < len(order) and means[order[end + 1]] - means[order[start]] <= difference:
            end += 1
        if end > start and end > reached:
            found.append(order[start : end + 1])
            reached = end
    return found
