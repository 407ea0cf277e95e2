"""Whether thin structures stay connected: the centreline Dice of Shit et al. (2021, arXiv 2003.07311)."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool


def cldice(prediction: Bool[np.ndarray, "height width"], truth: Bool[np.ndarray, "height width"]) -> float | None:
    """Return the harmonic mean of the shares of each mask's skeleton that lie in the other mask.

    Skeletons are those of Zhang and Suen (scikit-image's ``skeletonize``). None where a mask is empty; 0 where neither
    skeleton meets the other mask.

    Raises:
        ModuleNotFoundError: there is no scikit-image; ``scores.chosen`` tells before.
    """
    from skimage.morphology import skeletonize

    if not (prediction.any() and truth.any()):
        return None
    precision, sensitivity = _share(skeletonize(prediction), truth), _share(skeletonize(truth), prediction)
    both = precision + sensitivity
    return 2 * precision * sensitivity / both if both else 0.0


def _share(skeleton: np.ndarray, mask: np.ndarray) -> float:
    return np.count_nonzero(skeleton & mask) / np.count_nonzero(skeleton)
