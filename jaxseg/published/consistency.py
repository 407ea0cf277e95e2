"""Which region and reduction a row of published means can come from.

Three tests, each of which can only reject:

* The counts of the images. Accuracy, recall, TNR and the shares of foreground in the images depend on each other, and
  the field of view has another share than the full image: mlscorecheck looks for counts of true positives and true
  negatives that give the printed scores, of all pixels together for pooled ones and by a linear program over the images
  for means over images (Kovács and Fazekas, arXiv 2111.03853).
* Pooled pixels: the printed Dice is then that of the printed precision and recall, 2 P R / (P + R).
* Means over images: Dice is a concave function of precision and recall, so the mean of the images' Dice is at most the
  Dice of mean precision and mean recall (Jensen).

A printed score is taken to be within one unit of its last digit, rounded or cut.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Integer

from jaxseg.published.checker import load
from jaxseg.published.pixel_counts import PixelCounts
from jaxseg.published.row import ANOTHER, IMAGE_MEAN, POOLED, UNKNOWN, Row

# The scores that say something of the protocol, and mlscorecheck's names.
SCORES = {"accuracy": "acc", "recall": "sens", "tnr": "spec", "dice": "f1", "precision": "ppv"}
LEAST = 3  # true positives and true negatives are free, so that two scores fit any images
OVERLAP = ("dice", "precision", "recall")


class Finding(NamedTuple):
    """What a row can come from.

    Attributes:
        tested: there were scores enough to reject anything.
        regions: those in which the images may be scored.
        consistent: the pairs of a region and a reduction that no test rejects.
    """

    tested: bool
    regions: tuple[str, ...]
    consistent: tuple[tuple[str, str], ...]

    @property
    def region(self) -> str:
        """The region or regions that are left, in words."""
        if len(self.regions) == 1:
            return self.regions[0]
        return self._left([region for region, _ in self.consistent])

    @property
    def reduction(self) -> str:
        """The reduction or reductions that are left, in words."""
        return self._left([reduction for _, reduction in self.consistent])

    def _left(self, names: list[str]) -> str:
        if not self.tested:
            return UNKNOWN
        return " or ".join(dict.fromkeys(names)) or ANOTHER


def find(row: Row, pixels: PixelCounts) -> Finding:
    """Return which regions and reductions the scores of a row do not contradict.

    Raises:
        ValueError: mlscorecheck is needed, and not installed.
    """
    regions = tuple(pixels.counts)
    given = [name for name in SCORES if name in row.scores]
    overlap = all(name in given for name in OVERLAP)
    counted = len(given) >= LEAST and pixels.counted
    consistent = [
        (region, reduction)
        for region, counts in pixels.counts.items()
        for reduction in (IMAGE_MEAN, POOLED)
        if not (overlap and _contradicts_overlap(row, reduction))
        and not (counted and counts is not None and _contradicts_counts(row, counts, reduction))
    ]
    return Finding(counted or overlap, regions, tuple(consistent))


def _contradicts_overlap(row: Row, reduction: str) -> bool:
    dice, precision, recall = (_range(row, name) for name in OVERLAP)
    low, high = (2 * p * r / (p + r) if p + r else 0.0 for p, r in zip(precision, recall, strict=True))
    above = dice[0] > high
    return above or dice[1] < low if reduction == POOLED else above


def _range(row: Row, name: str) -> tuple[float, float]:
    value, unit = row.value(name) or 0.0, 10 ** -row.decimals(name)
    return max(0.0, value - unit), min(1.0, value + unit)


def _contradicts_counts(row: Row, counts: Integer[np.ndarray, "images 2"], reduction: str) -> bool:
    check = load("check.binary")
    scores = {theirs: row.value(ours) for ours, theirs in SCORES.items() if ours in row.scores}
    unit = max(10.0 ** -row.decimals(ours) for ours in SCORES if ours in row.scores)
    images = [dict(identifier=str(i), p=int(p), n=int(n)) for i, (p, n) in enumerate(counts)]
    if reduction == POOLED:
        return check.check_n_testsets_som_no_kfold(images, scores, unit)["inconsistency"]
    linear = {name: scores[name] for name in ("acc", "sens", "spec") if name in scores}
    if len(linear) < LEAST:
        return False  # the program knows no other scores
    return check.check_n_testsets_mos_no_kfold(images, linear, unit, verbosity=0)["inconsistency"]
