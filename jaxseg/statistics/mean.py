"""One model: the mean of its scores, and how far it spreads over images and over seeds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from jaxseg.statistics.intervals import Interval, bootstrap
from jaxseg.statistics.units import gather


class Mean(NamedTuple):
    """The scores of one model.

    Attributes:
        mean: over images and seeds; None where no image has a score.
        image_sd: standard deviation over images of their means over seeds, divided by n - 1; None for one image.
        seed_sd: standard deviation over seeds of their means over images, divided by n - 1; None for one seed.
        seed_means: the mean over images of each seed.
        interval: of the mean over images. The seeds are taken as they are: it does not say what others would give.
        num_images: that are scored.
        num_groups: of them; None where images are independent.
        left_out: images that some seed has no score for.
        num_seeds: trained runs.
        method: what was computed, in words.
    """

    mean: float | None
    image_sd: float | None
    seed_sd: float | None
    seed_means: list[float]
    interval: Interval | None
    num_images: int
    num_groups: int | None
    left_out: int
    num_seeds: int
    method: str


def mean(scores: Float[np.ndarray, "seeds images"], groups: Sequence[str] | None = None) -> Mean:
    """Return mean, deviations and interval of a model's scores.

    Args:
        scores: of every image, by a run of each seed.
        groups: the group of every image; None where images are independent.
    """
    kept = scores[:, ~np.isnan(scores).any(axis=0)]
    units = gather(scores, groups)
    of_images, of_seeds = kept.mean(axis=0), kept.mean(axis=1) if kept.size else np.zeros(0)
    return Mean(
        mean=float(kept.mean()) if kept.size else None,
        image_sd=deviation(of_images),
        seed_sd=deviation(of_seeds),
        seed_means=of_seeds.tolist(),
        interval=bootstrap(units._replace(totals=units.totals.mean(axis=0))),
        **units.counted(),
        num_seeds=len(scores),
        method=f"mean over images and seeds; BCa bootstrap over {units.told()}",
    )


def deviation(values: Float[np.ndarray, " n"]) -> float | None:
    """Return the standard deviation, divided by n - 1; None for fewer than two values, 0 of equal ones."""
    if len(values) < 2:
        return None
    return float(values.std(ddof=1)) if np.ptp(values) else 0.0  # their mean may be rounded
