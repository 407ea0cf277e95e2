"""What is independent of what: images, or groups of them such as the photographs of one patient."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float


class Units(NamedTuple):
    """Scores by unit; a unit is one image, or the images of one group.

    Attributes:
        totals: sum of a unit's scores, float [*models, units].
        sizes: how many images a unit has, int [units].
        left_out: images that some model has no score for; they are in no unit.
        grouped: whether the units are groups.
    """

    totals: np.ndarray
    sizes: np.ndarray
    left_out: int
    grouped: bool

    @property
    def number(self) -> int:
        """How many units there are."""
        return len(self.sizes)

    @property
    def means(self) -> np.ndarray:
        """The mean of each unit, float [*models, units]."""
        return self.totals / self.sizes

    def counted(self) -> dict[str, Any]:
        """Return the numbers of images and groups (None: images are the units), and of the images left out."""
        groups = self.number if self.grouped else None
        return {"num_images": int(self.sizes.sum()), "num_groups": groups, "left_out": self.left_out}

    def told(self) -> str:
        """Return the number of units in words."""
        return f"{self.number} {'groups' if self.grouped else 'images'}"


def gather(scores: Float[np.ndarray, "*models images"], groups: Sequence[str] | None = None) -> Units:
    """Return the scores by unit. An image that is NaN for one model is left out for all, so that they stay paired.

    Args:
        scores: of every image.
        groups: the group of every image; None where images are independent.
    """
    defined = ~np.isnan(scores).any(axis=tuple(range(scores.ndim - 1)))
    kept = scores[..., defined]
    left_out = int((~defined).sum())
    if groups is None:
        return Units(kept, np.ones(kept.shape[-1], int), left_out, False)
    _, place, sizes = np.unique(np.array(groups, str)[defined], return_inverse=True, return_counts=True)
    totals = np.zeros((*kept.shape[:-1], len(sizes)))
    np.add.at(totals.T, place, kept.T)
    return Units(totals, sizes, left_out, True)
