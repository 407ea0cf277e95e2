"""Forms of every kind from random float64 arrays, each with what the loop oracle says of it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
import oracles

from jaxseg.attention import Form
from jaxseg.attention.norms import mean, plain, softmax, total
from jaxseg.attention.scores import Concat, Dot, DotOfMaps, Indicator, OfKey, Relative, Sum, Taps, Uniform
from jaxseg.attention.supports import Cross, Everywhere, Itself, Neighborhood, Points, Tiles, Window
from jaxseg.attention.values import Affine, Projected, Scaled


class Drawn(NamedTuple):
    form: Form
    lowering: str  # what the table must pick
    regions: oracles.Regions
    score: Callable[[int, int, int, int, int], float]  # of image, query, slot, key, head
    normalise: Callable
    values: np.ndarray  # [B, P, M, d]

    def truth(self) -> np.ndarray:
        """Eq. 1 by loops, [B, N, G d]."""
        return np.stack([self._eq1(b, self.values[b], self.form.groups) for b in range(len(self.values))])

    def rows(self) -> np.ndarray:
        """All weights by loops, [B, N, M, P]: Eq. 1 with a one-hot vector as each key's value."""
        _, keys, heads, _ = self.values.shape
        one_hot = np.broadcast_to(np.eye(keys)[:, None], (keys, heads, keys))
        rows = [self._eq1(b, one_hot, heads) for b in range(len(self.values))]
        return np.stack(rows).reshape(len(rows), -1, heads, keys)

    def _eq1(self, b: int, values: np.ndarray, groups: int) -> np.ndarray:
        valid = None if self.form.valid is None else np.asarray(self.form.valid)[b]
        return oracles.eq1(self.regions, lambda *at: self.score(b, *at), self.normalise, values, valid, groups)


def draw(
    kind: str, grid: tuple[int, ...], *, batch: int = 2, heads: int = 2, masked: bool = True, seed: int = 0
) -> Drawn:
    """Draw a form of one of the ``KINDS`` with its queries on ``grid``."""
    rng = np.random.default_rng(seed)
    drawn = KINDS[kind](rng, grid, batch, heads)
    if not masked:
        return drawn
    return drawn._replace(form=drawn.form.replace(valid=rng.random((batch, drawn.values.shape[1])) < 0.7))


def _convolution(rng, grid, batch, heads) -> Drawn:
    size, dilation = (3, 2, 1)[: len(grid)], heads
    x, kernel = rng.normal(size=(batch, math.prod(grid), 3)), rng.normal(size=(math.prod(size), 3, 4))
    form = Form(Window(grid, size, dilation), Indicator(), plain, Projected(x, kernel))
    values = np.einsum("bpc,mcd->bpmd", x, kernel)
    regions = oracles.window(grid, size, dilation)
    return Drawn(form, "convolution", regions, lambda b, i, slot, j, m: float(slot == m), oracles.plain, values)


def _eq4(rng, grid, batch, heads) -> Drawn:
    size, channels = (3,) * len(grid), heads
    taps = math.prod(size)
    x, kernel = rng.normal(size=(batch, math.prod(grid), channels)), rng.normal(size=(taps, channels, 1))
    form = Form(Window(grid, size), Indicator(x), plain, Projected(x, kernel), groups=channels)
    values = np.tile(np.einsum("bpc,mcd->bpmd", x, kernel), (1, 1, channels, 1))

    def score(b, i, slot, j, m):
        return x[b, i, m // taps] * (slot == m % taps)

    return Drawn(form, "convolution", oracles.window(grid, size), score, oracles.plain, values)


def _gate(rng, grid, batch, heads) -> Drawn:
    n = math.prod(grid)
    w, v = rng.normal(size=(batch, n, heads, 1)), rng.normal(size=(batch, n, heads, 3))
    form = Form(Itself(grid), Taps(w), plain, v, groups=heads)
    return Drawn(form, "product", oracles.itself(n), lambda b, i, slot, j, m: w[b, i, m, 0], oracles.plain, v)


def _dot(norm, lowering) -> Callable:
    def build(rng, grid, batch, heads) -> Drawn:
        support, (n, p) = _pooled(grid)
        q, k = rng.normal(size=(batch, n, heads, 3)), rng.normal(size=(batch, p, 1, 3))  # The heads share their keys.
        v = rng.normal(size=(batch, p, heads, 2))
        regions, normalise = oracles.everywhere(n, p), getattr(oracles, norm.__name__)
        form = Form(support, Dot(q, k), norm, v, groups=heads)
        return Drawn(form, lowering, regions, lambda b, i, slot, j, m: q[b, i, m] @ k[b, j, 0], normalise, v)

    return build


def _maps(norm) -> Callable:
    """Queries, keys and values that are affine maps of three features; the values have no bias."""

    def build(rng, grid, batch, heads) -> Drawn:
        support, (n, p) = _pooled(grid)
        query = Affine(rng.normal(size=(batch, n, 2)), rng.normal(size=(2, 6)), rng.normal(size=6))
        # A softmax does not see what all keys share, so a bias of theirs would have no gradient.
        bias = None if norm is softmax else rng.normal(size=6)
        key = Affine(rng.normal(size=(batch, p, 2)), rng.normal(size=(2, 6)), bias)
        value = Affine(rng.normal(size=(batch, p, 3)), rng.normal(size=(3, 2)))
        q, k, v = query.x @ query.kernel + query.bias, key.x @ key.kernel, value.x @ value.kernel
        k = k if bias is None else k + bias
        regions, normalise = oracles.everywhere(n, p), getattr(oracles, norm.__name__)
        form = Form(support, DotOfMaps(query, key), norm, value)
        lowering = "streamed" if norm is softmax else "moments"
        return Drawn(form, lowering, regions, lambda b, i, slot, j, m: q[b, i] @ k[b, j], normalise, v[:, :, None])

    return build


def _concat(rng, grid, batch, heads) -> Drawn:
    support, (n, p) = _pooled(grid)
    q, k, v = rng.normal(size=(batch, n, heads)), rng.normal(size=(batch, p, heads)), rng.normal(size=(batch, p, 1, 2))
    values = np.broadcast_to(v, (batch, p, heads, 2))  # The heads share their values, and are summed.

    def score(b, i, slot, j, m):
        return max(q[b, i, m] + k[b, j, m], 0)

    form = Form(support, Concat(q, k), mean, v)
    return Drawn(form, "streamed", oracles.everywhere(n, p), score, oracles.mean, values)


def _sum(rng, grid, batch, heads) -> Drawn:
    support, (n, p) = _pooled(grid)
    q, k = rng.normal(size=(batch, n, heads, 3)), rng.normal(size=(batch, p, heads, 3))
    a, b_ = rng.normal(size=(batch, n, heads)), rng.normal(size=(batch, p, heads))
    x, kernel = rng.normal(size=(batch, p, 3)), rng.normal(size=(heads, 3, 2))

    def score(b, i, slot, j, m):
        return q[b, i, m] @ k[b, j, m] + max(a[b, i, m] + b_[b, j, m], 0)

    form = Form(support, Sum((Dot(q, k), Concat(a, b_))), softmax, Projected(x, kernel))
    values = np.einsum("bpc,mcd->bpmd", x, kernel)
    return Drawn(form, "streamed", oracles.everywhere(n, p), score, oracles.softmax, values)


def _local_dot(rng, grid, batch, heads) -> Drawn:
    n, size = math.prod(grid), (3,) * len(grid)
    q, k, v = (rng.normal(size=(batch, n, heads, 3)) for _ in range(3))
    form = Form(Window(grid, size), Dot(q, k), softmax, v, groups=heads)
    regions = oracles.window(grid, size)
    return Drawn(form, "shifted", regions, lambda b, i, slot, j, m: q[b, i, m] @ k[b, j, m], oracles.softmax, v)


def _local_taps(norm) -> Callable:
    def build(rng, grid, batch, heads) -> Drawn:
        n, size = math.prod(grid), (3,) * len(grid)
        w, v = rng.normal(size=(batch, n, heads, math.prod(size))), rng.normal(size=(batch, n, heads, 2))
        form = Form(Window(grid, size, 2), Taps(w), norm, v, groups=heads)
        regions, normalise = oracles.window(grid, size, 2), getattr(oracles, norm.__name__)
        return Drawn(form, "tapped", regions, lambda b, i, slot, j, m: w[b, i, m, slot], normalise, v)

    return build


def _tile_taps(rng, grid, batch, heads) -> Drawn:
    """Taps that all queries and images share."""
    n, size, shift = math.prod(grid), tuple(min(side, 3) for side in grid), (1,) * len(grid)
    w, v = rng.normal(size=(1, 1, heads, math.prod(size))), rng.normal(size=(batch, n, heads, 2))
    form = Form(Tiles(grid, size, shift), Taps(w), plain, v, groups=heads)
    regions = oracles.tiles(grid, size, shift)
    return Drawn(form, "tapped", regions, lambda b, i, slot, j, m: w[0, 0, m, slot], oracles.plain, v)


def _depthwise(rng, grid, batch, heads) -> Drawn:
    size = (2, 3, 1)[: len(grid)]
    x, scale = rng.normal(size=(batch, math.prod(grid), 3)), rng.normal(size=(math.prod(size), 3))
    form = Form(Window(grid, size, heads), Indicator(), plain, Scaled(x, scale))
    regions, values = oracles.window(grid, size, heads), x[:, :, None] * scale
    return Drawn(form, "depthwise", regions, lambda b, i, slot, j, m: float(slot == m), oracles.plain, values)


def _pooling(rng, grid, batch, heads) -> Drawn:
    size, v = (3,) * len(grid), rng.normal(size=(batch, math.prod(grid), 1, 2))
    form = Form(Window(grid, size), Uniform(), mean, v)
    return Drawn(form, "shifted", oracles.window(grid, size), lambda *_: 1.0, oracles.mean, v)


def _of_key(norm) -> Callable:
    def build(rng, grid, batch, heads) -> Drawn:
        support, (n, p) = _pooled(grid)
        k, v = rng.normal(size=(batch, p, heads)), rng.normal(size=(batch, p, heads, 2))
        form, normalise = Form(support, OfKey(k), norm, v, groups=heads), getattr(oracles, norm.__name__)
        return Drawn(form, "shared", oracles.everywhere(n, p), lambda b, i, slot, j, m: k[b, j, m], normalise, v)

    return build


def _positive_dot(rng, grid, batch, heads) -> Drawn:
    support, (n, p) = _pooled(grid)
    q, k = rng.random(size=(batch, n, heads, 3)) + 0.1, rng.random(size=(batch, p, heads, 3)) + 0.1
    v = rng.normal(size=(batch, p, heads, 2))
    form = Form(support, Dot(q, k), total, v, groups=heads)
    regions = oracles.everywhere(n, p)
    return Drawn(form, "reassociated", regions, lambda b, i, slot, j, m: q[b, i, m] @ k[b, j, m], oracles.total, v)


def _tables(rng, grid, heads, width, spare=0) -> tuple[np.ndarray, Callable]:
    """Return a table of offsets that reaches ``spare`` further than the grid, and its entry for (i, j, m) by loops."""
    spans = [side + spare for side in grid]
    table = rng.normal(size=(*(2 * span - 1 for span in spans), heads, width))
    places = list(np.ndindex(*grid))

    def entry(i, j, m):
        at = tuple(y - x + span - 1 for x, y, span in zip(places[i], places[j], spans, strict=True))
        return table[at][m % heads]

    return table, entry


def _relative(factor, norm, lowering="lines") -> Callable:
    """Position terms of queries, of keys, of both or of neither."""

    def build(rng, grid, batch, heads) -> Drawn:
        n, width = math.prod(grid), 3 if factor else 1
        table, entry = _tables(rng, grid, heads if factor != "q" else 1, width, spare=1)
        q, k = (rng.normal(size=(batch, n, heads, width)) if side in factor else None for side in "qk")
        v = rng.normal(size=(batch, n, heads, 2))

        def score(b, i, slot, j, m):
            r = entry(i, j, m)
            return (r * (1 if q is None else q[b, i, m]) * (1 if k is None else k[b, j, m])).sum()

        form = Form(Everywhere(grid, grid), Relative(table, grid, tuple(range(len(grid))), q, k), norm, v, groups=heads)
        return Drawn(form, lowering, oracles.everywhere(n, n), score, getattr(oracles, norm.__name__), v)

    return build


def _content_and_bias(support, regions, lowering) -> Callable:
    """Dot products and a bias by offset, as in a window of Swin."""

    def build(rng, grid, batch, heads) -> Drawn:
        n = math.prod(grid)
        table, entry = _tables(rng, grid, heads, 1)
        q, k, v = (rng.normal(size=(batch, n, heads, 3)) for _ in range(3))
        score = Sum((Dot(q, k), Relative(table, grid, tuple(range(len(grid))))))
        form = Form(support(grid), score, softmax, v, groups=heads)

        def loop(b, i, slot, j, m):
            return q[b, i, m] @ k[b, j, m] + entry(i, j, m)[0]

        return Drawn(form, lowering, regions(grid), loop, oracles.softmax, v)

    return build


def _tile(grid) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return size and shift of tiles that leave pieces at both ends of an axis."""
    size = tuple(min(side, 2 + axis) for axis, side in enumerate(grid))
    return size, (1,) * len(grid)


def _axis(grid) -> tuple[int, ...]:
    return (*(1 for _ in grid[1:]), grid[-1])


def _cross_mean(rng, grid, batch, heads) -> Drawn:
    n = math.prod(grid)
    q, k, v = (rng.normal(size=(batch, n, *rest)) for rest in ((heads,), (1,), (1, 2)))
    values = np.broadcast_to(v, (batch, n, heads, 2))

    def score(b, i, slot, j, m):
        return max(q[b, i, m] + k[b, j, 0], 0)

    form = Form(Cross(grid), Concat(q, k), mean, v)
    return Drawn(form, "crossed", oracles.cross(grid), score, oracles.mean, values)


def _points(lowering) -> Callable:
    """Keys that each query and head chose, some of them off the grid."""

    def build(rng, grid, batch, heads) -> Drawn:
        # The loops have one region per query, so all images and heads of this drawing choose alike.
        n, slots = math.prod(grid), 4
        j, ok = rng.integers(0, n, (n, slots)), rng.random((n, slots)) < 0.8
        shape = (batch, n, heads, slots)
        w, x = rng.normal(size=shape), rng.normal(size=(batch, n, 2))
        kernel = rng.normal(size=(heads, 2, 3))
        values = np.einsum("bpc,mcd->bpmd", x, kernel)
        value = Projected(x, kernel) if lowering == "sampled" else values
        points = (np.broadcast_to(a[None, :, None], shape) for a in (j, ok))
        form = Form(Points(grid, grid, *points), Taps(w), plain, value)
        regions = [
            [int(key) if there else None for key, there in zip(*row, strict=True)] for row in zip(j, ok, strict=True)
        ]
        return Drawn(form, lowering, regions, lambda b, i, slot, j, m: w[b, i, m, slot], oracles.plain, values)

    return build


def _global_taps(rng, grid, batch, heads) -> Drawn:
    support, (n, p) = _pooled(grid)
    w, v = rng.normal(size=(batch, n, heads, p)), rng.normal(size=(batch, p, heads, 2))
    form = Form(support, Taps(w), softmax, v)
    regions = oracles.everywhere(n, p)
    return Drawn(form, "gathered", regions, lambda b, i, slot, j, m: w[b, i, m, slot], oracles.softmax, v)


def _pooled(grid) -> tuple[Everywhere, tuple[int, int]]:
    """Everywhere, with keys on a coarser grid than the queries."""
    keys = (*grid[:-1], max(grid[-1] - 1, 1))
    return Everywhere(grid, keys), (math.prod(grid), math.prod(keys))


KINDS = {
    "convolution": _convolution,
    "equation 4": _eq4,
    "gate": _gate,
    "dot plain": _dot(plain, "reassociated"),
    "dot mean": _dot(mean, "reassociated"),
    "dot softmax": _dot(softmax, "streamed"),
    "maps plain": _maps(plain),
    "maps mean": _maps(mean),
    "maps softmax": _maps(softmax),
    "concat mean": _concat,
    "sum softmax": _sum,
    "window dot softmax": _local_dot,
    "window taps": _local_taps(plain),
    "window taps softmax": _local_taps(softmax),
    "window uniform mean": _pooling,
    "depthwise": _depthwise,
    "tiles taps": _tile_taps,
    "everywhere taps": _global_taps,
    "key softmax": _of_key(softmax),
    "key mean": _of_key(mean),
    "dot total": _positive_dot,
    "relative query softmax": _relative("q", softmax),
    "relative key plain": _relative("k", plain),
    "relative bias mean": _relative("", mean),
    "relative both softmax": _relative("qk", softmax, "streamed"),
    "tiles softmax": _content_and_bias(
        lambda grid: Tiles(grid, *_tile(grid)), lambda grid: oracles.tiles(grid, *_tile(grid)), "tiled"
    ),
    "axis softmax": _content_and_bias(
        lambda grid: Tiles(grid, _axis(grid), (0,) * len(grid)),
        lambda grid: oracles.tiles(grid, _axis(grid), (0,) * len(grid)),
        "tiled",
    ),
    "cross softmax": _content_and_bias(Cross, oracles.cross, "crossed"),
    "cross mean": _cross_mean,
    "neighborhood softmax": _content_and_bias(
        lambda grid: Neighborhood(grid, (4, 3, 2)[: len(grid)]),
        lambda grid: oracles.neighborhood(grid, (4, 3, 2)[: len(grid)]),
        "shifted",
    ),
    "points projected": _points("sampled"),
    "points": _points("gathered"),
}


def random_variables(module: Any, x: Any, *, seed: int = 0) -> Any:
    """Return variables of ``module`` with every entry random, gains and running statistics too; nothing is compiled."""
    rng = np.random.default_rng(seed)
    shapes = jax.eval_shape(lambda x: module.init(jax.random.key(0), x, train=False), x)

    def fill(path: Any, leaf: Any) -> np.ndarray:
        drawn = rng.normal(size=leaf.shape) / max(math.prod(leaf.shape[:-1]), 1) ** 0.5
        return np.abs(drawn) + 0.5 if path[-1].key == "var" else drawn

    return jax.tree_util.tree_map_with_path(fill, shapes)
