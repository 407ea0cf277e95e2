"""The probability-regularised walk (Mou et al. 2019, arXiv 1910.12010), which joins broken vessels after the threshold.

Of the method an abstract and another's summary could be read, and no code. What they leave open is marked as a guess.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from jaxseg import checks

_NEARNESS, _PROBABILITY = 0.2, 0.8  # what a next pixel is chosen by, in the summary
_AROUND = [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1) if (y, x) != (0, 0)]
_CURVE = 0.5  # pixels: a pixel is on the fitted curve where the curve crosses it
Point = tuple[int, int]


@dataclasses.dataclass(frozen=True)
class Walk:
    """Joins the fragments of a binary mask to its largest component: ``walk(probability, mask) -> mask``.

    A fragment is a component whose pixel A is closer than ``reach`` to a pixel B of the largest one. A square window
    around the middle of A and B is where it broke. A quadratic through the fragment's pixels meets the largest
    component in the window at the target C. From A the walk steps to the neighbour, of eight, with the largest
    0.2 / (distance to C) + 0.8 probability, until it stands beside the largest component; its pixels are then added to
    the mask. Where it leads nowhere, nothing is added.

    A departure: the walk starts at A alone, in the summary at each pixel of the fragment in the window. Guesses: all
    three numbers; that the largest component is the one before any walk,
    so that the order of the fragments does not matter; that C is B where the curve misses; that a walk that does not
    arrive leaves no pixel; that no distance counts as less than 1.

    Attributes:
        reach: pixels of the mask; 0 switches the walk off, and the mask stays as it is.
        window: side of the window in pixels.
        stop: the walk ends where no neighbour has a probability of this.

    Raises:
        ValueError: a number is out of its range; the line names it as a setting.
    """

    reach: float = 0.0
    window: int = 21
    stop: float = 0.1

    def __post_init__(self) -> None:
        name = "eval.reconnect"
        checks.require(self.reach >= 0, f"{name}.reach", self.reach, "a number of pixels, or 0 for no walk")
        wanted = (
            f"an odd number, {self.reach + 1:g} pixels or more, so that it has a middle and holds both ends "
            f"of a gap of {name}.reach {self.reach:g}"
        )
        checks.require(self.window % 2 == 1 and self.window >= self.reach + 1, f"{name}.window", self.window, wanted)
        checks.require(0 <= self.stop <= 1, f"{name}.stop", self.stop, "a probability, 0 to 1")

    def check(self, classes: Sequence[str]) -> None:
        """Raise ValueError where it is to walk among several ``classes``; () is one foreground."""
        wanted = f"0: the walk joins one foreground, and data.classes names {', '.join(classes)}"
        checks.require(not (self.reach and classes), "eval.reconnect.reach", self.reach, wanted)

    def __call__(
        self, probability: Float[np.ndarray, "height width"], mask: UInt8[np.ndarray, "height width"]
    ) -> UInt8[np.ndarray, "height width"]:
        """Return the mask with its fragments joined; the same array where none is.

        Args:
            probability: of the foreground.
            mask: in {0, 1}.
        """
        if not self.reach:
            return mask
        points, labels = components(mask)
        if not len(points):
            return mask
        numbers, sizes = np.unique(labels, return_counts=True)
        largest = numbers[sizes.argmax()]  # of equal ones the first, row by row
        trunk = np.zeros(mask.shape, bool)
        trunk[tuple(points[labels == largest].T)] = True
        near = _near(trunk, math.ceil(self.reach))[tuple(points.T)]
        paths = [
            path
            for number in np.unique(labels[near & (labels != largest)])
            if (path := self._path(probability, trunk, points[labels == number], points[near & (labels == number)]))
        ]
        if not paths:
            return mask
        joined = mask.copy()
        joined[tuple(np.concatenate(paths).T)] = 1
        return joined

    def describe(self) -> str:
        """Return what it does in words, for a report; "" where it is off."""
        said = f"fragments reconnected (reach {self.reach:g}, window {self.window}, stop {self.stop:g})"
        return said if self.reach else ""

    def _path(self, probability: np.ndarray, trunk: np.ndarray, own: np.ndarray, near: np.ndarray) -> list[Point]:
        """Return the pixels that join a fragment to the trunk, none where there is no way; ``near`` may be nearest."""
        ends = _nearest(near, trunk, self.reach)
        if ends is None:
            return []
        start, end = ends
        corner = [(a + b) // 2 - self.window // 2 for a, b in zip(start, end, strict=True)]
        low = [max(edge, 0) for edge in corner]
        high = [min(edge + self.window, side) for edge, side in zip(corner, trunk.shape, strict=True)]
        around = np.argwhere(trunk[low[0] : high[0], low[1] : high[1]]) + low
        target = _target(own, around, start, end)
        here, taken, path = start, {(y, x) for y, x in own.tolist()}, []
        while True:
            beside = [(here[0] + y, here[1] + x) for y, x in _AROUND]
            free = [
                (y, x) for y, x in beside if low[0] <= y < high[0] and low[1] <= x < high[1] and (y, x) not in taken
            ]
            if any(trunk[point] for point in free):
                return path
            if not any(probability[point] >= self.stop for point in free):
                return []
            here = max(
                free,
                key=lambda point: _NEARNESS / max(math.dist(point, target), 1) + _PROBABILITY * probability[point],
            )
            taken.add(here)
            path.append(here)


OFF = Walk()


def components(
    mask: UInt8[np.ndarray, "height width"],
) -> tuple[Int[np.ndarray, "pixels 2"], Int[np.ndarray, " pixels"]]:
    """Return the pixels (y, x) that are not 0, row by row, and of each the number of its component.

    Pixels that touch, at a corner too, are of one component, whose number is that of its first pixel.
    """
    points = np.argwhere(mask)
    places = np.full([side + 2 for side in mask.shape], -1)
    places[tuple(points.T + 1)] = np.arange(len(points))
    beside = [places[tuple(points.T + 1 + np.array([[y], [x]]))] for y, x in _AROUND[4:]]
    pairs = np.concatenate([np.stack([np.arange(len(points)), other])[:, other >= 0] for other in beside], axis=1)
    label = np.arange(len(points))
    while True:
        one, other = label[pairs]
        lower, lowest = np.minimum(one, other), label.copy()
        for end in (one, other):  # whatever touches a lower number takes it, and all of its number with it
            np.minimum.at(lowest, end, lower)
        while not np.array_equal(further := lowest[lowest], lowest):
            lowest = further
        if np.array_equal(lowest, label):
            return points, label
        label = lowest


def _near(trunk: Bool[np.ndarray, "height width"], far: int) -> Bool[np.ndarray, "height width"]:
    """Return which pixels have one of the trunk in the square of ``far`` pixels to each side."""
    sums = np.pad(trunk, far).cumsum(0, dtype=np.int64).cumsum(1)
    sums = np.pad(sums, ((1, 0), (1, 0)))
    side = 2 * far + 1
    return sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side] > 0


def _nearest(own: np.ndarray, trunk: np.ndarray, reach: float) -> tuple[Point, Point] | None:
    """Return the pixel of a fragment and that of the trunk that are nearest, None where all are ``reach`` apart."""
    far = math.ceil(reach)
    steps = range(-far, far + 1)
    ways = sorted((way for way in ((y, x) for y in steps for x in steps) if math.hypot(*way) < reach), key=_length)
    for way in ways:
        there = own + way
        inside = ((there >= 0) & (there < trunk.shape)).all(1)
        hits = there[inside][trunk[tuple(there[inside].T)]]
        if len(hits):
            y, x = hits[0].tolist()
            return (y - way[0], x - way[1]), (y, x)
    return None


def _length(way: Point) -> float:
    return math.hypot(*way)


def _target(own: np.ndarray, around: np.ndarray, start: Point, end: Point) -> Point:
    """Return where a quadratic through a fragment meets the trunk's pixels ``around``, nearest to ``start``."""
    axis = int(np.ptp(own, axis=0).argmax())  # the curve is a function of the longer side's coordinate
    middle = own[:, axis].mean()
    degree = min(2, len(np.unique(own[:, axis])) - 1)
    curve = np.polyfit(own[:, axis] - middle, own[:, 1 - axis], degree)
    off = np.abs(np.polyval(curve, around[:, axis] - middle) - around[:, 1 - axis])
    met = around[off <= _CURVE]
    if not len(met):
        return end
    y, x = met[np.hypot(*(met - start).T).argmin()].tolist()
    return y, x
