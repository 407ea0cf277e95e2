"""What is measured of every image of a set when it is read, for ``findings``: sizes, counts, brightness, its look."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, UInt8

from jaxseg.data.preprocess import Preprocess
from jaxseg.data.records import Record

LOOK = 24  # side of the small grey picture by which images are compared
_SIDE = 256  # brightness and sharpness are those of the grey picture at this side, so that sizes do not matter


class Facts(NamedTuple):
    """One image and its mask as published, in plain JSON; counts are pixels.

    Attributes:
        size: [height, width].
        foreground: of each class.
        border: of any class at the picture's border, of ``2 * (height + width)``.
        fov: in the field of view; -1 where there is none.
        outside: of any class outside the field of view.
        brightness: mean grey level.
        contrast: standard deviation of the grey levels.
        sharpness: standard deviation of the grey levels' Laplacian.
        look: the small grey picture, base64; see ``looks``.
        reached: [true positives, false positives, false negatives] of each class at the published size, of a network
            that is right about every pixel of the resized mask; [] where nothing is resized.
        labels: places of the values among ``data.labels``, or those of ``data.classes`` one behind the other, that
            occur in the mask.
    """

    size: list[int]
    foreground: list[int]
    border: int
    fov: int
    outside: int
    brightness: float
    contrast: float
    sharpness: float
    look: str
    reached: list[list[int]]
    labels: list[int]


def measure(record: Record, preprocess: Preprocess, classes: int, labels: Sequence[int] = ()) -> Facts:
    """Return the facts of an image as published.

    Args:
        record: its mask has the numbers 1 to ``classes``.
        preprocess: how it will be resized.
        classes: their number, 1 of a binary mask.
        labels: see ``Facts``.
    """
    import cv2

    mask = record.mask
    planes = [mask == number for number in range(1, 1 + classes)]
    any_class = planes[0] if classes == 1 else (mask > 0) & (mask <= classes)
    grey = cv2.cvtColor(_halved(record.image), cv2.COLOR_RGB2GRAY)
    grey = cv2.resize(grey, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    look = cv2.resize(grey, (LOOK, LOOK), interpolation=cv2.INTER_AREA)
    mean, spread = cv2.meanStdDev(grey)
    edges = cv2.meanStdDev(cv2.Laplacian(grey, cv2.CV_32F))[1]
    return Facts(
        size=list(mask.shape),
        foreground=list(map(_count, planes)),
        border=sum(map(_count, (any_class[0], any_class[-1], any_class[:, 0], any_class[:, -1]))),
        fov=-1 if record.fov is None else _count(record.fov),
        outside=0 if record.fov is None else _count(any_class & (record.fov == 0)),
        brightness=round(mean.item(), 2),
        contrast=round(spread.item(), 2),
        sharpness=round(edges.item(), 2),
        look=base64.b64encode(look.tobytes()).decode(),
        reached=[_reached(plane, preprocess) for plane in planes] if preprocess.size(mask.shape) != mask.shape else [],
        labels=list(labels),
    )


def _halved(image: np.ndarray) -> np.ndarray:
    """Return an image halved as often as it stays at least ``_SIDE``: a fifth of the time of one step to there."""
    import cv2

    while min(image.shape[:2]) >= 2 * _SIDE:
        height, width = image.shape[0] // 2, image.shape[1] // 2
        image = cv2.resize(image[: 2 * height, : 2 * width], (width, height), interpolation=cv2.INTER_AREA)
    return image


def _count(plane: np.ndarray) -> int:
    return int(np.count_nonzero(plane))


def _reached(plane: np.ndarray, preprocess: Preprocess) -> list[int]:
    resized = preprocess.prepare_mask(plane.astype(np.uint8)).astype(np.float32)
    restored = preprocess.restore(resized, (plane.shape[0], plane.shape[1])) > 0.5
    both = _count(restored & plane)
    return [both, _count(restored) - both, _count(plane) - both]


def looks(facts: list[Facts]) -> UInt8[np.ndarray, "images rows columns"]:
    """Return the small grey pictures."""
    data = b"".join(base64.b64decode(one.look) for one in facts)
    return np.frombuffer(data, np.uint8).reshape(len(facts), LOOK, LOOK)


def hashes(looks: UInt8[np.ndarray, "images rows columns"]) -> Float32[np.ndarray, "images bits"]:
    """Return a perceptual hash, 0 and 1: whether each cell of a small picture is brighter than the one before it."""
    small = looks.astype(np.float32)
    return (small[:, :, 1:] > small[:, :, :-1]).reshape(len(looks), -1).astype(np.float32)
