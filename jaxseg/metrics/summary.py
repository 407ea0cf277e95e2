"""From images to numbers: regions {full, fov} x reductions {mean over images, pooled pixels}, side by side.

A published score belongs to one of these four protocols. They differ from each other by more than most methods do, so
all four are always reported together. ``full`` is every real pixel of the image, ``fov`` the pixels inside its
field of view.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32

from jaxseg.metrics.counts import Counts, count, threshold
from jaxseg.metrics.curves import auc
from jaxseg.metrics.scores import METRICS, SCORES, scores

REGIONS = ("full", "fov")
REDUCTIONS = ("image_mean", "image_sd", "pooled")
SD_DDOF = 1  # image_sd is the sample standard deviation over images: the sum of squares is divided by n - 1
POOL_LIMIT = 1 << 29  # pixels kept for the pooled AUC, 4 bytes each (2 GiB); a larger set has no pooled AUC


class Tally:
    """Collects images one by one: ``rows`` holds each image's scores, ``summary()`` the four protocols.

    Args:
        at: the probability above which a pixel is called foreground.
        ranked: whether the predictions are probabilities, which have an AUC; False for a second observer's binary
            mask, whose AUC is None.
        pool_limit: how many pixels are kept for the pooled AUC. The pooled AUC of a larger set is None; all
            other scores stay exact.
    """

    def __init__(self, at: float = 0.5, *, ranked: bool = True, pool_limit: int = POOL_LIMIT):
        self.rows: list[dict[str, Any]] = []
        self._at = at
        self._ranked = ranked
        self._pool = _Pool(pool_limit if ranked else 0)

    def add(
        self,
        name: str,
        probability: Float32[np.ndarray, "height width"],
        truth: Bool[np.ndarray, "height width"],
        fov: Bool[np.ndarray, "height width"] | None = None,
    ) -> list[dict[str, Any]]:
        """Score one image in each region that it has; return its rows, and append them to ``rows``.

        A row holds ``id``, ``region``, each of ``METRICS`` (float or None), then ``tp fp fn tn`` (int).

        Raises:
            ValueError: a probability is NaN.
        """
        prediction = threshold(probability, self._at)
        inside = _by_class(probability, truth, fov) if fov is not None else None
        outside = _by_class(probability, truth, ~fov if fov is not None else None)
        self._pool.add(inside, outside)
        rows = [self._row(name, "full", count(prediction, truth), _union(inside, outside))]
        if inside is not None:
            rows.append(self._row(name, "fov", count(prediction, truth, fov), inside))
        self.rows += rows
        return rows

    def summary(self) -> dict[str, Any]:
        """Return ``{"num_images": n, "full": {"image_mean", "image_sd", "pooled"}, "fov": {the same}}``.

        ``fov`` is present if any image has a field of view, with its own ``num_images`` unless all of them have one.
        Means and deviations leave undefined scores out; a region that has some counts them under ``undefined``, metric
        -> number of images. Every score is a float or None; ``image_sd`` divides by n - 1, and is None for fewer than
        two images.
        """
        num_images = sum(row["region"] == "full" for row in self.rows)
        summary: dict[str, Any] = {"num_images": num_images}
        for region in REGIONS:
            rows = [row for row in self.rows if row["region"] == region]
            if not rows:
                continue
            summary[region] = _over_images(rows) | {"pooled": self._pooled(region, rows)}
            if undefined := self._undefined(rows):
                summary[region]["undefined"] = undefined
            if len(rows) < num_images:
                summary[region]["num_images"] = len(rows)
        if self._ranked and self._pool.overflowed:
            summary["notes"] = [f"pooled auc left out: more than {self._pool.limit} pixels"]
        return summary

    def _row(self, name: str, region: str, counts: Counts, classes: _Classes) -> dict[str, Any]:
        area = auc(*classes) if self._ranked else None
        return {"id": name, "region": region, **scores(counts), "auc": area, **counts._asdict()}

    def _pooled(self, region: str, rows: Sequence[dict[str, Any]]) -> dict[str, float | None]:
        counts = Counts(*(sum(row[field] for row in rows) for field in Counts._fields))
        return scores(counts) | {"auc": self._pool.auc(region)}

    def _undefined(self, rows: Sequence[dict[str, Any]]) -> dict[str, int]:
        metrics = METRICS if self._ranked else SCORES  # a binary mask has no AUC, which is not an undefined score
        missing = {metric: sum(row[metric] is None for row in rows) for metric in metrics}
        return {metric: number for metric, number in missing.items() if number}


def score_key(prefix: str, region: str, reduction: str, metric: str) -> str:
    """Return the name of a score in ``metrics.jsonl``, as in ``val/full/image_mean/dice``."""
    return f"{prefix}/{region}/{reduction}/{metric}"


def flatten(summary: dict[str, Any], prefix: str) -> dict[str, float]:
    """Return every defined score of a summary by its ``score_key``."""
    return {
        score_key(prefix, region, reduction, metric): value
        for region in REGIONS
        if region in summary
        for reduction in REDUCTIONS
        for metric, value in summary[region][reduction].items()
        if value is not None
    }


_Classes = tuple[np.ndarray, np.ndarray]  # probabilities of the foreground pixels, and those of the background pixels


class _Pool:
    """Keeps the probability of every pixel once, inside and outside of the field of view apart: full is their union."""

    def __init__(self, limit: int):
        self.limit = limit
        self.overflowed = False
        self._pixels = 0
        self._parts: dict[str, list[_Classes]] = {"fov": [], "rest": []}

    def add(self, inside: _Classes | None, outside: _Classes) -> None:
        parts = {"rest": outside} if inside is None else {"fov": inside, "rest": outside}
        self._pixels += sum(values.size for part in parts.values() for values in part)
        self.overflowed = self._pixels > self.limit
        for name, classes in parts.items():
            if self.overflowed:
                self._parts[name].clear()
            else:
                self._parts[name].append(classes)

    def auc(self, region: str) -> float | None:
        parts = self._parts["fov"] + (self._parts["rest"] if region == "full" else [])
        if self.overflowed or not parts:
            return None
        positives, negatives = (np.concatenate(values) for values in zip(*parts, strict=True))
        return auc(positives, negatives)


def _by_class(probability: np.ndarray, truth: np.ndarray, valid: np.ndarray | None) -> _Classes:
    if valid is None:
        return probability[truth], probability[~truth]
    return probability[truth & valid], probability[~truth & valid]


def _union(inside: _Classes | None, outside: _Classes) -> _Classes:
    if inside is None:
        return outside
    return np.concatenate([inside[0], outside[0]]), np.concatenate([inside[1], outside[1]])


def _over_images(rows: Sequence[dict[str, Any]]) -> dict[str, dict[str, float | None]]:
    mean, spread = {}, {}
    for metric in METRICS:
        values = [row[metric] for row in rows if row[metric] is not None]
        mean[metric] = math.fsum(values) / len(values) if values else None
        spread[metric] = float(np.std(values, ddof=SD_DDOF)) if len(values) > SD_DDOF else None
    return {"image_mean": mean, "image_sd": spread}
