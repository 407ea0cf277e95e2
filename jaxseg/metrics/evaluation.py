"""The outcome of scoring a model on a set of images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Evaluation:
    """Scores of one model on one set of images.

    Attributes:
        summary: the four protocols, ``Tally.summary()``.
        rows: one dict per image and region, ``Tally.add()``.
        observer2: summary of the second human observer scored against the first, on the same pixels; None where there
            is none.
        threshold: the probability above which a pixel was called foreground.
        scored_at: "prepared" (the size that the model sees) or "original" (the images' own size).
    """

    summary: dict[str, Any]
    rows: list[dict[str, Any]]
    observer2: dict[str, Any] | None
    threshold: float
    scored_at: str

    def ranked(self, metric: str, region: str = "full") -> list[dict[str, Any]]:
        """Return the rows of one region from the lowest to the highest score, without those where it is undefined."""
        rows = [row for row in self.rows if row["region"] == region and row[metric] is not None]
        return sorted(rows, key=lambda row: row[metric])
