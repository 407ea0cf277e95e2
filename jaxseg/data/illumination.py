"""What a network may see of a photograph beside its colours, after Abhishek, Hamarneh and Drew (CVPR workshops 2020).

Five of the inputs are theirs, as their code computes them (kakumarabhishek/Illumination-based-Transformations-Skin-
Lesion-Segmentation, MIT): from the resized photograph, before anything equalises it. There images are 128 x 128.

Departures, each for a case in which that code divides by zero or has one colour decide: a grey level of 0 counts as 1
in logarithms (there as 1e-7, so that one black pixel outweighs all others), and black has the chromaticity of grey.
Pixels are 8 bits here, so what has no range of its own (``stretched``) is scaled image by image.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, UInt8

ANGLES = ("min_entropy", "released")
_RELEASED = 1  # degrees
_DEGREES = range(1, 181)
# Two axes of the plane of log-chromaticities, which is at right angles to grey.
_PLANE = np.stack([np.array([1.0, -1.0, 0.0]) / math.sqrt(2), np.array([1.0, 1.0, -2.0]) / math.sqrt(6)], axis=1)
_SAMPLES = 2**16  # pixels at most that the entropies are computed of: 0.5 s
_FLAT = 1e-6  # a smaller range is rounding: two colours of 8 bits differ by more
Photograph = UInt8[np.ndarray, "height width 3"]
Plane = Float64[np.ndarray, "height width"]


def r_prime(image: Photograph) -> Plane:
    """Return R' = R / (R + G + B), 0 to 1, and 1/3 where all three are 0."""
    total = image.sum(axis=2, dtype=np.float64)
    return np.where(total > 0, image[..., 0], 1 / 3) / np.where(total > 0, total, 1)


def gray(image: Photograph) -> Plane:
    """Return GRAY: ln RGB less its mean over the image, along the direction in which it varies most.

    It is the first left singular vector of that 3 x N matrix, of either sign; here bright pixels have large values.
    """
    logs = _logs(image).reshape(-1, 3)
    logs -= logs.mean(axis=0)
    direction = np.linalg.eigh(logs.T @ logs)[1][:, -1]
    return (logs @ (direction if direction.sum() >= 0 else -direction)).reshape(image.shape[:2])


def chromaticity(image: Photograph) -> Float64[np.ndarray, "height width 2"]:
    """Return the log-chromaticity: ln RGB less the logarithm of their geometric mean, in two coordinates; grey is 0."""
    logs = _logs(image)
    return (logs - logs.mean(axis=2, keepdims=True)) @ _PLANE


def intrinsic(image: Photograph, angle: str) -> Plane:
    """Return the intrinsic image: the log-chromaticity along a direction in which the light does not change it.

    Args:
        image: the photograph.
        angle: "min_entropy" takes the direction of ``least_entropy``; "released" takes 1 degree for every image, as the
            released code does, which looks for the smallest of a single number (utils.py, line 65).
    """
    chi = chromaticity(image)
    return chi @ _direction(_RELEASED if angle == "released" else least_entropy(chi))


def least_entropy(chi: Float64[np.ndarray, "height width 2"]) -> int:
    """Return the angle, 1 to 180 degrees, along which the log-chromaticity has the least entropy; of several the first.

    The entropy is Shannon's, in bits, of a histogram of the values between the 5th and the 95th percentile, these two
    left out unless no value lies between them, in bins of 3.5 n^(-1/3) standard deviations. Of a large image every
    k-th row and column count.
    """
    step = math.ceil(math.sqrt(chi[..., 0].size / _SAMPLES))
    sample = chi[::step, ::step].reshape(-1, 2)
    return _DEGREES[int(np.argmin([_entropy(sample @ _direction(degrees)) for degrees in _DEGREES]))]


def shading_attenuated(image: Photograph, template: UInt8[np.ndarray, "height width"]) -> Photograph:
    """Return the photograph with its V, of hue, saturation and value, matched to the histogram of a template.

    The template is the intrinsic image in grey levels. Theirs is divided by 255 as it is, with values below 0, so that
    their result is this one but for a shift and a scale of V.
    """
    value = image.max(axis=2)
    levels, counts = np.unique(template, return_counts=True)
    quantiles = np.bincount(value.ravel(), minlength=256).cumsum() / value.size
    matched = np.interp(quantiles, counts.cumsum() / value.size, levels)[value]
    # At one hue and saturation, colours are proportional to V. Black has neither, and becomes grey.
    share = np.where(value[..., None] > 0, image, 1) / np.where(value > 0, value, 1)[..., None]
    return np.rint(share * matched[..., None]).astype(np.uint8)


def stretched(plane: Plane) -> UInt8[np.ndarray, "height width"]:
    """Return an image's values in grey levels, its smallest as 0 and its largest as 255; 0 where all are alike."""
    low, high = plane.min(), plane.max()
    return np.rint((plane - low) * (255 / (high - low) if high - low > _FLAT else 0)).astype(np.uint8)


class Views:
    """A photograph from which inputs are made; what several of them need is computed once.

    Args:
        image: the resized photograph.
        equalised: the same after CLAHE.
        angle: see ``intrinsic``.
    """

    def __init__(self, image: Photograph, equalised: Photograph, angle: str):
        self.image, self.equalised, self._angle = image, equalised, angle

    @functools.cached_property
    def intrinsic(self) -> UInt8[np.ndarray, "height width"]:
        """The intrinsic image in grey levels."""
        return stretched(intrinsic(self.image, self._angle))


class Input(NamedTuple):
    """An input: how many channels it has, and what makes them, uint8 [height, width] or [height, width, channels]."""

    channels: int
    made: Callable[[Views], np.ndarray]


# An input is a row. CLAHE acts on rgb alone.
INPUTS = {
    "rgb": Input(3, lambda views: views.equalised),
    "r_prime": Input(1, lambda views: np.rint(255 * r_prime(views.image)).astype(np.uint8)),
    "v_star": Input(1, lambda views: views.image.max(axis=2)),  # V* = max(R, G, B)
    "gray": Input(1, lambda views: stretched(gray(views.image))),
    "intrinsic": Input(1, lambda views: views.intrinsic),
    "shading_attenuated": Input(3, lambda views: shading_attenuated(views.image, views.intrinsic)),
    "green": Input(1, lambda views: views.image[..., 1]),
    "luma": Input(1, lambda views: ((views.image @ np.array([299, 587, 114])) / 1000 + 0.5).astype(np.uint8)),
}


def stacked(names: Sequence[str], views: Views) -> UInt8[np.ndarray, "height width channels"]:
    """Return the channels of the inputs, in their order."""
    return np.concatenate([np.atleast_3d(INPUTS[name].made(views)) for name in names], axis=2)


def _logs(image: Photograph) -> Float64[np.ndarray, "height width 3"]:
    return np.log(np.maximum(image, 1), dtype=np.float64)


def _direction(degrees: int) -> Float64[np.ndarray, "axes=2"]:
    return np.array([math.cos(math.radians(degrees)), math.sin(math.radians(degrees))])


def _entropy(values: Float64[np.ndarray, " pixels"]) -> float:
    low, high = np.percentile(values, (5, 95))
    between = values[(values > low) & (values < high)]
    values = between if between.size else values[(values >= low) & (values <= high)]
    if not values.size or np.ptp(values) < _FLAT:
        return 0.0
    width = 3.5 * values.size ** (-1 / 3) * values.std()
    places = ((values - values.min()) / width).astype(np.int64)
    share = np.bincount(places) / values.size
    share = share[share > 0]
    return float(-(share * np.log2(share)).sum())
