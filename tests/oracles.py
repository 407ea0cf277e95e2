"""The slow truths: Eq. 1 in float64 loops, NumPy only. Every fast form answers to them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product

import numpy as np

Regions = Sequence[Sequence[int | None]]  # for each query its slots: the flat key, or None off the grid


def eq1(
    regions: Regions,
    score: Callable[[int, int, int, int], float],
    normalise: Callable[[list[float]], list[float]],
    values: np.ndarray,
    valid: np.ndarray | None = None,
    groups: int = 1,
) -> np.ndarray:
    """y_i = sum over heads m and keys j of Omega(i) of A_m(i, j) values[j, m], for one image.

    ``score(i, slot, j, m)`` is A before its norm, ``values`` [keys, heads, width], ``valid`` [keys]. Heads are summed
    within each of the ``groups`` and the groups put side by side: [queries, groups * width].
    """
    _, heads, width = values.shape
    y = np.zeros((len(regions), groups, width))
    for i, region in enumerate(regions):
        slots = [(slot, j) for slot, j in enumerate(region) if j is not None and (valid is None or valid[j])]
        for m in range(heads):
            weights = normalise([score(i, slot, j, m) for slot, j in slots])
            for a, (_, j) in zip(weights, slots, strict=True):
                y[i, m // (heads // groups)] += a * values[j, m]
    return y.reshape(len(regions), groups * width)


def everywhere(queries: int, keys: int) -> Regions:
    return [range(keys)] * queries


def itself(queries: int) -> Regions:
    return [[i] for i in range(queries)]


def window(grid: Sequence[int], size: Sequence[int], dilation: int = 1) -> Regions:
    """The keys around each query; an even window reaches one step further down and right."""
    places = list(product(*(range(side) for side in grid)))
    flat = {place: j for j, place in enumerate(places)}
    low = [(side - 1) * dilation // 2 for side in size]
    taps = list(product(*(range(side) for side in size)))
    return [
        [flat.get(tuple(p + t * dilation - a for p, t, a in zip(place, tap, low, strict=True))) for tap in taps]
        for place in places
    ]


def neighborhood(grid: Sequence[int], size: Sequence[int]) -> Regions:
    """The window of keys around each query, moved until it lies on the grid; an even one, 2 r, has r keys before it."""
    places = list(product(*(range(side) for side in grid)))
    flat = {place: j for j, place in enumerate(places)}
    regions = []
    for place in places:
        ranges = []
        for p, side, k in zip(place, grid, size, strict=True):
            low = p - min(k, side) // 2
            while low < 0:
                low += 1
            while low + min(k, side) > side:
                low -= 1
            ranges.append(range(low, low + min(k, side)))
        regions.append([flat[key] for key in product(*ranges)])
    return regions


def tiles(grid: Sequence[int], size: Sequence[int], shift: Sequence[int]) -> Regions:
    """The slots of the tile of each query; a tile's corner lies where coordinate and shift agree modulo its size."""
    places = list(product(*(range(side) for side in grid)))
    flat = {place: j for j, place in enumerate(places)}
    regions = []
    for place in places:
        corner = list(place)
        for axis, (w, s) in enumerate(zip(size, shift, strict=True)):
            while corner[axis] % w != s % w:
                corner[axis] -= 1
        keys = product(*(range(c, c + w) for c, w in zip(corner, size, strict=True)))
        regions.append([flat.get(key) for key in keys])
    return regions


def cross(grid: Sequence[int]) -> Regions:
    """The lines through each query: the first whole, the others without the query."""
    places = list(product(*(range(side) for side in grid)))
    flat = {place: j for j, place in enumerate(places)}
    regions = []
    for place in places:
        keys = []
        for axis, side in enumerate(grid):
            line = [(*place[:axis], t, *place[axis + 1 :]) for t in range(side)]
            keys += [flat[key] for key in line if axis == 0 or key != place]
        regions.append(keys)
    return regions


def plain(scores: list[float]) -> list[float]:
    return scores


def mean(scores: list[float]) -> list[float]:
    return [a / len(scores) for a in scores]


def total(scores: list[float]) -> list[float]:
    return [a / sum(scores) for a in scores]


def softmax(scores: list[float]) -> list[float]:
    exponentials = [np.exp(a - max(scores)) for a in scores]
    return [a / sum(exponentials) for a in exponentials]
