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
from jaxtyping import Bool, Float32, Shaped

from jaxseg.metrics.counts import Counts, confusion, decide
from jaxseg.metrics.curve_points import curve_points
from jaxseg.metrics.evidence import Evidence
from jaxseg.metrics.pool import Pool
from jaxseg.metrics.scores import chosen, values
from jaxseg.metrics.walk import OFF, Walk

REGIONS = ("full", "fov")
REDUCTIONS = ("image_mean", "image_sd", "pooled")
SD_DDOF = 1  # image_sd is the sample standard deviation over images: the sum of squares is divided by n - 1
POOL_LIMIT = 1 << 29  # pixels kept for the pooled AUC and its like, 4 bytes each (2 GiB); a larger set has none


class Tally:
    """Collects images one by one: ``rows`` holds each image's scores, ``summary()`` the four protocols.

    Args:
        at: how probabilities become classes, see ``decide``.
        reconnect: likewise.
        classes: names of the classes; () where there is one foreground. Each is scored against the rest.
        ranked: whether the predictions are probabilities, which have an AUC; False for a second observer's binary
            mask, whose AUC is None, as is all that is computed of probabilities.
        metrics: those asked for beside the ones that are always there, see ``chosen``.
        pool_limit: how many pixels are kept for the pooled AUC and its like. Those of a larger set are None; all
            other scores stay exact.
    """

    def __init__(
        self,
        at: float | Sequence[float] = 0.5,
        reconnect: Walk = OFF,
        *,
        classes: Sequence[str] = (),
        ranked: bool = True,
        metrics: Sequence[str] = (),
        pool_limit: int = POOL_LIMIT,
    ):
        self.rows: list[dict[str, Any]] = []
        self._at, self._reconnect = at, reconnect
        self._ranked = ranked
        self._metrics = chosen(metrics)
        self._classes = tuple(classes)
        self._pool_limit = pool_limit
        each = pool_limit // max(len(classes), 1) if ranked else 0
        self._pools = {name: Pool(each) for name in self._classes or ("",)}  # "" is the one foreground

    def add(
        self,
        name: str,
        probability: Float32[np.ndarray, "height width *classes"],
        truth: Shaped[np.ndarray, "height width"],
        fov: Bool[np.ndarray, "height width"] | None = None,
        known: Bool[np.ndarray, "height width"] | None = None,
    ) -> list[dict[str, Any]]:
        """Score one image in each region that it has; return its rows, and append them to ``rows``.

        A row holds ``id``, ``region``, ``class`` where there are classes, each metric (float or None), then
        ``tp fp fn tn`` (int).

        Args:
            name: of the image.
            probability: of the foreground [h, w], or of every class [h, w, 1 + n].
            truth: the class of every pixel, 0 for the background (bool or uint8).
            fov: the field of view, where the image has one.
            known: the pixels whose class is known, where it is not all of them; others are left out.

        Raises:
            ValueError: a probability is NaN.
        """
        if np.isnan(probability).any():
            raise ValueError("probabilities hold NaN: the model's output is broken")
        truth = truth.astype(np.uint8)
        prediction = decide(probability, self._at, self._reconnect)
        regions = {"full": known}
        if fov is not None:
            regions["fov"] = fov if known is None else fov & known
        matrices = {
            region: confusion(prediction, truth, 1 + len(self._pools), valid) for region, valid in regions.items()
        }
        rows = []
        for index, (label, pool) in enumerate(self._pools.items(), 1):
            score = probability if probability.ndim == 2 else probability[..., index]
            own = truth == index
            pixels = pool.add(score, own, fov, known)
            masks = prediction == index, own
            for region, valid in regions.items():
                counts = Counts.of(matrices[region], index)
                evidence = Evidence(counts, pixels[region] if self._ranked else None, masks, valid)
                place = {"id": name, "region": region, **({"class": label} if label else {})}
                rows.append({**place, **values(self._metrics, evidence), **counts._asdict()})
        self.rows += rows
        return rows

    def summary(self) -> dict[str, Any]:
        """Return ``{"num_images": n, "full": {"image_mean", "image_sd", "pooled"}, "fov": {the same}}``.

        ``fov`` is present if any image has a field of view, with its own ``num_images`` unless all of them have one.
        Means and deviations leave undefined scores out; a region that has some counts them under ``undefined``, metric
        -> number of images. Every score is a float or None; ``image_sd`` divides by n - 1, and is None for fewer than
        two images.

        With classes, ``{"classes": {name: {"full": ..., "fov": ...}}}`` holds the same of each, and each number beside
        it is the mean of that number over the classes where it is defined.
        """
        num_images = len({row["id"] for row in self.rows})
        found = {label: self._regions(label, num_images) for label in self._pools}
        summary: dict[str, Any] = {"num_images": num_images}
        summary |= _over_classes(found, tuple(self._metrics)) | {"classes": found} if self._classes else found[""]
        if self._ranked and any(pool.overflowed for pool in self._pools.values()):
            each = f"{self._pool_limit // len(self._pools)} pixels{' a class' if self._classes else ''}"
            left_out = ", ".join(name for name, metric in self._metrics.items() if metric.of == "pixels")
            summary["notes"] = [f"pooled {left_out} left out: more than {each}"]
        return summary

    def curves(self) -> list[dict[str, Any]]:
        """Return the curves of the pooled pixels, one for each class and region that has some: see ``curve_points``.

        Each also names its ``region``, and its ``class`` where there are classes. There is none of more pixels than
        are kept, and none of a region where a class has no pixel.
        """
        thresholds = np.atleast_1d(self._at).tolist() or [None] * len(self._pools)
        found = []
        for (label, pool), at in zip(self._pools.items(), thresholds, strict=True):
            for region in REGIONS:
                pixels = pool.pixels(region)
                points = curve_points(*pixels, at) if pixels else None
                if points is not None:
                    found.append({"region": region, **({"class": label} if label else {}), **points})
        return found

    def _regions(self, label: str, num_images: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for region in REGIONS:
            rows = [row for row in self.rows if row["region"] == region and row.get("class", "") == label]
            if not rows:
                continue
            found[region] = _over_images(rows, tuple(self._metrics)) | {"pooled": self._pooled(label, region, rows)}
            if undefined := self._undefined(rows):
                found[region]["undefined"] = undefined
            if len(rows) < num_images:
                found[region]["num_images"] = len(rows)
        return found

    def _pooled(self, label: str, region: str, rows: Sequence[dict[str, Any]]) -> dict[str, float | None]:
        counts = Counts(*(sum(row[field] for row in rows) for field in Counts._fields))
        together = {name: metric for name, metric in self._metrics.items() if metric.pooled}
        found = values(together, Evidence(counts, self._pools[label].pixels(region)))
        return {name: found.get(name) for name in self._metrics}

    def _undefined(self, rows: Sequence[dict[str, Any]]) -> dict[str, int]:
        # A binary mask has no AUC, which is not an undefined score.
        known = [name for name, metric in self._metrics.items() if self._ranked or metric.of != "pixels"]
        missing = {name: sum(row[name] is None for row in rows) for name in known}
        return {name: number for name, number in missing.items() if number}


def score_key(prefix: str, region: str, reduction: str, metric: str) -> str:
    """Return the name of a score in ``metrics.jsonl``, as in ``val/full/image_mean/dice``."""
    return f"{prefix}/{region}/{reduction}/{metric}"


def flatten(summary: dict[str, Any], prefix: str) -> dict[str, float]:
    """Return every defined score of a summary by its ``score_key``; those of a class under ``val/classes/<name>``."""
    flat = {
        score_key(prefix, region, reduction, metric): value
        for region in REGIONS
        if region in summary
        for reduction in REDUCTIONS
        for metric, value in summary[region][reduction].items()
        if value is not None
    }
    for name, regions in summary.get("classes", {}).items():
        flat |= flatten(regions, f"{prefix}/classes/{name}")
    return flat


def _over_images(rows: Sequence[dict[str, Any]], metrics: Sequence[str]) -> dict[str, dict[str, float | None]]:
    mean, spread = {}, {}
    for metric in metrics:
        defined = [row[metric] for row in rows if row[metric] is not None]
        mean[metric] = _mean(defined)
        spread[metric] = float(np.std(defined, ddof=SD_DDOF)) if len(defined) > SD_DDOF else None
    return {"image_mean": mean, "image_sd": spread}


def _over_classes(found: dict[str, dict[str, Any]], metrics: Sequence[str]) -> dict[str, Any]:
    """Return the mean over the classes of every number, and the sum of how often one was undefined."""
    summary: dict[str, Any] = {}
    for region in next(iter(found.values())):
        parts = [regions[region] for regions in found.values()]
        summary[region] = {
            reduction: {metric: _mean([part[reduction][metric] for part in parts]) for metric in metrics}
            for reduction in REDUCTIONS
        }
        undefined = {metric: sum(part.get("undefined", {}).get(metric, 0) for part in parts) for metric in metrics}
        if undefined := {metric: number for metric, number in undefined.items() if number}:
            summary[region]["undefined"] = undefined
        if "num_images" in parts[0]:
            summary[region]["num_images"] = parts[0]["num_images"]
    return summary


def _mean(values: Sequence[float | None]) -> float | None:
    defined = [value for value in values if value is not None]
    return math.fsum(defined) / len(defined) if defined else None
