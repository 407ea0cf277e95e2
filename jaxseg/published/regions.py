"""What a published row says of its images, and what it would be in another region."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from jaxseg.published.pixel_counts import PixelCounts
from jaxseg.published.row import Row


class Estimate(NamedTuple):
    """A number, and the least and the most that it can be for the printed scores.

    Attributes:
        value: for the scores as they are printed.
        low: the least.
        high: the most.
    """

    value: float
    low: float
    high: float

    def text(self, digits: int = 4) -> str:
        """Return it as ``0.0889 [0.0884, 0.0894]``."""
        return f"{self.value:.{digits}f} [{self.low:.{digits}f}, {self.high:.{digits}f}]"


def foreground(row: Row) -> Estimate | None:
    """Return the share of foreground that accuracy, recall and TNR of a row imply: (TNR - accuracy) / (TNR - recall).

    Exact for pooled pixels and images of equal shares; of means over images an estimate, whose range is that of the
    rounding alone. None where a score is missing, or where recall and TNR may be equal, for which any share will do.
    """
    tnr, recall, accuracy = (row.value(name) for name in ("tnr", "recall", "accuracy"))
    if tnr is None or recall is None or accuracy is None:
        return None
    halves = [10 ** -row.decimals(name) / 2 for name in ("tnr", "recall", "accuracy")]
    if abs(tnr - recall) <= 1.01 * (halves[0] + halves[1]):  # they may be equal
        return None
    ends = [
        (tnr + a * halves[0] - accuracy - c * halves[2]) / (tnr + a * halves[0] - recall - b * halves[1])
        for a in (-1, 1) for b in (-1, 1) for c in (-1, 1)
    ]  # fmt: skip
    return Estimate((tnr - accuracy) / (tnr - recall), min(ends), max(ends))


def implied_dice(row: Row) -> float | None:
    """Return the Dice that follows from the other scores as of pooled pixels, None where too few are printed.

    Of precision and recall, or of recall, TNR and the foreground that they imply with accuracy. A mean of the images'
    Dice is smaller: Dice is concave in precision and recall.
    """
    precision, recall, tnr = (row.value(name) for name in ("precision", "recall", "tnr"))
    share = foreground(row)
    if recall and precision is None and tnr is not None and share is not None and 0 < share.value < 1:
        true, false = share.value * recall, (1 - share.value) * (1 - tnr)
        precision = true / (true + false)
    return 2 * precision * recall / (precision + recall) if precision and recall else None


def converted(row: Row, pixels: PixelCounts, region: str, to: str) -> dict[str, Estimate]:
    """Return accuracy and TNR that a row of one region has in another, as far as they are printed.

    Every pixel beside the field of view is taken as background that is predicted as such; recall, precision and Dice
    stay as they are. The errors are the same, over fewer or more pixels: 1 - accuracy goes with the number of pixels,
    1 - TNR with that of background pixels. Of a mean over images each image has its own factor; the range is that of
    all ways in which the errors can be spread over the images, and of the rounding.

    Args:
        row: its scores.
        pixels: its images.
        region: of the row.
        to: the other region.

    Returns:
        The scores by name; empty where the pixels of a region are not known.
    """
    before, after = pixels.counts.get(region), pixels.counts.get(to)
    if before is None or after is None:
        return {}
    among: dict[str, Callable] = dict(accuracy=lambda counts: counts.sum(axis=1), tnr=lambda counts: counts[:, 1])
    found = {}
    for name, of in among.items():
        if (value := row.value(name)) is not None:
            factors, half = of(before) / of(after), 10 ** -row.decimals(name) / 2
            error = (1 - value) * of(before).sum() / of(after).sum()
            low, high = (1 - value + half) * factors.max(), max(0.0, 1 - value - half) * factors.min()
            found[name] = Estimate(1 - float(error), 1 - float(low), 1 - float(high))
    return found
