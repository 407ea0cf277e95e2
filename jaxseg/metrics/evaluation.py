"""The outcome of scoring a model on a set of images."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from jaxseg.metrics.temperature import NONE
from jaxseg.metrics.thresholds import FIXED
from jaxseg.metrics.walk import OFF, Walk


@dataclass(frozen=True)
class Evaluation:
    """Scores of one model on one set of images.

    Attributes:
        summary: the four protocols, ``Tally.summary()``.
        rows: one dict per image, region and class, ``Tally.add()``.
        observer2: summary of the second human observer scored against the first, on the same pixels; None where there
            is none.
        threshold: the probability above which a pixel was called foreground; of several classes, one each, or () where
            a pixel got the most probable class.
        scored_at: "prepared" (the size that the model sees) or "original" (the images' own size).
        reconnect: what joined the fragments of the foreground after the threshold.
        threshold_rule: what chose the threshold on val, a key of ``RULES``; "fixed" where nothing did.
        curves: ``Tally.curves()``; None where they were not asked for.
        temperature: of the probabilities; 1 leaves them as the network gives them.
        temperature_rule: what fitted it: "val", or "none" where nothing did.
        calibration: ``Calibration.errors()`` on these images; None without a fitted temperature.
    """

    summary: dict[str, Any]
    rows: list[dict[str, Any]]
    observer2: dict[str, Any] | None
    threshold: float | tuple[float, ...]
    scored_at: str
    reconnect: Walk = OFF
    threshold_rule: str = FIXED
    curves: list[dict[str, Any]] | None = None
    temperature: float = 1.0
    temperature_rule: str = NONE
    calibration: dict[str, dict[str, float | None]] | None = None

    def ranked(self, metric: str, region: str = "full") -> list[dict[str, Any]]:
        """Return ``{"id": ..., metric: ...}`` of each image in one region, from the lowest to the highest score.

        Of several classes, the score is the mean over those where it is defined. Images without a score are left out.
        """
        images: dict[str, list[float]] = {}
        for row in self.rows:
            if row["region"] == region and row[metric] is not None:
                images.setdefault(row["id"], []).append(row[metric])
        scored = [{"id": name, metric: math.fsum(values) / len(values)} for name, values in images.items()]
        return sorted(scored, key=lambda image: image[metric])

    @property
    def metrics(self) -> list[str]:
        """Names of what was computed, in the order of every table's columns."""
        return list(self.summary["full"]["image_mean"])

    @property
    def ids(self) -> list[str]:
        """The images, in the order in which they were scored."""
        return list(dict.fromkeys(row["id"] for row in self.rows))

    def decision(self) -> str:
        """Return how probabilities became classes, in words."""
        if self.threshold == ():
            return "the most probable class"
        given = self.threshold if isinstance(self.threshold, tuple) else (self.threshold,)
        return ", ".join(filter(None, [f"threshold {', '.join(f'{at:g}' for at in given)}", self.reconnect.describe()]))
