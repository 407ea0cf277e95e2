"""A published table as data: what is printed, where, and what is known of how it was computed."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

FULL, FOV = "full image", "field of view"
IMAGE_MEAN, POOLED = "mean over images", "pooled"
UNKNOWN = "unknown"
ANOTHER = "another protocol"  # none of these


class Row(NamedTuple):
    """A row of a published table.

    Attributes:
        name: as the table prints it, with the number of the reference only where the name alone could be another row's.
        scores: by the names of ``jaxseg.metrics`` (and ``parameters``, ``macs``), each as printed, with its digits; a
            score that is not printed is not here.
        work: whose numbers these are: authors, where, year.
        region: the pixels that were scored: "full image", "field of view" or "unknown".
        reduction: "mean over images", "pooled", "mean over images or pooled", "another protocol" (none of them) or
            "unknown".
        protocol: how region and reduction are known, and what else is to be known beside the numbers; in words.
    """

    name: str
    scores: Mapping[str, str]
    work: str
    region: str = UNKNOWN
    reduction: str = UNKNOWN
    protocol: str = ""

    def value(self, metric: str) -> float | None:
        """Return a score as a number, None where it is not printed."""
        return float(self.scores[metric].replace(",", "")) if metric in self.scores else None

    def decimals(self, metric: str) -> int:
        """Return how many digits behind the point a score is printed with."""
        return -min(0, int(Decimal(self.scores[metric].replace(",", "")).as_tuple().exponent))


class Table(NamedTuple):
    """A published table.

    Attributes:
        name: that ``table`` finds it by.
        source: where it is printed.
        dataset: whose test images its scores are of, as ``data.name`` has it; "" for none.
        rows: in the order of print.
        note: what holds for all rows; in words.
        num_images: of the test split that its scores are of; 0 where they are of none.
    """

    name: str
    source: str
    dataset: str
    rows: tuple[Row, ...]
    note: str = ""
    num_images: int = 0
