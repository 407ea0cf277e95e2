"""The bootstrap interval of a mean over images."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from scipy import stats

from jaxseg.statistics.units import Units

LEVEL = 0.95  # of every interval
RESAMPLES = 9999
_SAME = 1e-12  # units whose means differ by less are equal, but for rounding
_BATCH = 1 << 22  # scores that are resampled at once, 8 bytes each


class Interval(NamedTuple):
    """An interval of ``LEVEL``.

    Attributes:
        low: its lower end.
        high: its upper end.
        covers: how often such an interval would hold the truth, were the units' scores normal: a bootstrap of n units
            is too narrow by sqrt((n - 1) / n), and takes normal in place of t quantiles (Hesterberg 2015, "What
            teachers should know about the bootstrap", section 3.2): 2 T(z sqrt((n - 1) / n)) - 1, T of n - 1 degrees.
    """

    low: float
    high: float
    covers: float


def bootstrap(units: Units, *, resamples: int = RESAMPLES, seed: int = 0) -> Interval | None:
    """Return the bias-corrected and accelerated (BCa) bootstrap interval of the mean over images.

    Units are drawn with all their images, so that images of one group stay together; the acceleration is that of the
    jackknife over units. Where all units have one mean, that is both ends. None for fewer than two units.

    Args:
        units: of one model, or of a difference: totals [units].
        resamples: how many sets are drawn.
        seed: of the drawing.
    """
    if units.number < 2:
        return None
    covers = _covers(units.number)
    if np.ptp(units.means) < _SAME:
        value = float(units.totals.sum() / units.sizes.sum())
        return Interval(value, value, covers)
    found = stats.bootstrap(
        (units.totals, units.sizes),
        _ratio,
        paired=True,
        vectorized=True,
        n_resamples=resamples,
        batch=max(1, _BATCH // units.number),
        confidence_level=LEVEL,
        method="BCa",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return Interval(float(found.low), float(found.high), covers)


def _ratio(totals: np.ndarray, sizes: np.ndarray, axis: int = -1) -> Any:  # one number, where it is asked for one
    return totals.sum(axis=axis) / sizes.sum(axis=axis)


def _covers(number: int) -> float:
    quantile = stats.norm.ppf((1 + LEVEL) / 2) * math.sqrt((number - 1) / number)
    return float(2 * stats.t.cdf(quantile, number - 1) - 1)
