"""Holm's correction of several tests."""

from __future__ import annotations

from collections.abc import Sequence


def holm(values: Sequence[float | None]) -> list[float | None]:
    """Return the p values corrected for their number (Holm 1979), in the given order; None stays, and does not count.

    The k-th smallest of m is multiplied by m - k + 1; none becomes smaller than one before it, nor larger than 1.
    """
    order = sorted((value, place) for place, value in enumerate(values) if value is not None)
    corrected: list[float | None] = [None] * len(values)
    largest = 0.0
    for rank, (value, place) in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - rank) * value))
        corrected[place] = largest
    return corrected
