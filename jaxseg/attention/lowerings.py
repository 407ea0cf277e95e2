"""The fast forms of Eq. 1: a table keyed by the types of support, score and norm, chosen by counted cost.

``aggregate(form)`` is Eq. 1. No entry stores N x P weights; the last one fits every form. A new fast form is one row.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int

from jaxseg.attention.form import Form, Projected
from jaxseg.attention.norms import mean, plain, softmax
from jaxseg.attention.scores import Dot, Indicator, Pairwise, Taps
from jaxseg.attention.supports import Everywhere, Itself, Window, take
from jaxseg.layers import conv

# Queries and keys of one tile of the streamed form. A small one stays in a core's cache (one of 1024 x 1024 took four
# times as long); elsewhere fewer and larger steps keep the device busy.
CPU_TILE, TILE = (256, 512), (2048, 4096)
GATHERED = 2**22  # Numbers that one block of the gathered form may hold.


def aggregate(form: Form) -> Float[Array, "B *queries Gd"]:
    """Return y of Eq. 1 on the grid of the queries, by the cheapest lowering that fits."""
    y = lowering(form).run(form)
    return y.reshape(y.shape[0], *form.support.queries, y.shape[-1])


def lowering(form: Form) -> Lowering:
    """Return the row of the table that takes ``form`` with the fewest multiply-adds, the first of equals."""
    return min((row for row in TABLE if row.fits(form)), key=lambda row: row.macs(form))


class Lowering(NamedTuple):
    """One row: how it computes [B, N, G d], at what cost for one image, and the forms it takes (None: any norm)."""

    name: str
    run: Callable[[Form], Array]
    macs: Callable[[Form], int]
    support: type = object
    score: type = object
    norms: tuple[Callable[..., Array], ...] | None = None
    when: Callable[[Form], bool] = lambda form: True

    def fits(self, form: Form) -> bool:
        """Say whether this row can compute ``form``."""
        return (
            isinstance(form.support, self.support)
            and isinstance(form.score, self.score)
            and (self.norms is None or form.norm in self.norms)
            and self.when(form)
        )


# Position indicator over a window: one convolution (Eq. 2 and 3).


def convolution(form: Form) -> Array:
    """Convolve x with the heads' kernels as taps; with a gain (Eq. 4), scale the result."""
    x, kernel = form.value.x, form.value.kernel
    if form.valid is not None:
        x = jnp.where(form.valid[..., None], x, 0)
    slots, (_, inputs, width) = form.support.slots, kernel.shape
    taps = jnp.broadcast_to(kernel, (max(slots, len(kernel)), inputs, width)).reshape(-1, slots, inputs, width)
    taps = jnp.moveaxis(taps, 0, 2).reshape(*form.support.size, inputs, -1)
    grid = x.reshape(x.shape[0], *form.support.queries, inputs)
    y = conv(grid, taps.astype(x.dtype), dilation=form.support.dilation)
    y = y.reshape(*x.shape[:2], -1, width)
    if form.score.gain is not None:
        y = form.score.gain[..., None] * y
    return y.reshape(*x.shape[:2], -1)


def _is_convolution(form: Form) -> bool:
    """Say whether x is projected by the heads, and each group of heads is one window of taps."""
    return isinstance(form.value, Projected) and form.heads == form.groups * form.support.slots


def _convolution_macs(form: Form) -> int:
    kernel = form.value.kernel
    return _queries(form) * max(form.support.slots, len(kernel)) * math.prod(kernel.shape[1:])


# Taps over the query itself: a gate, one product.


def product(form: Form) -> Array:
    """Multiply each value by its weight."""
    w = form.score.w
    if form.valid is not None:
        w = jnp.where(form.valid[..., None, None], w, 0)
    v = form.values()
    return form.merge(w.astype(v.dtype) * v)


# Dot products over everywhere, linear in the scores: associate the other way, q_i . (sum_j k_j v_j).


def reassociated(form: Form) -> Array:
    """Sum k v over the keys first: linear in N, and exactly the same (section 2.1's dot product over N)."""
    q, k, v = form.score.q, form.score.k, form.values()
    if form.valid is not None:
        k = jnp.where(form.valid[..., None, None], k, 0)
    wide = jnp.promote_types(v.dtype, jnp.float32)
    summed = jnp.einsum("bpmc,bpmd->bmcd", k, v, preferred_element_type=wide)
    if form.norm is mean:  # Still in float32: a sum over a hundred thousand keys is no number for bfloat16.
        summed = summed / _keys(form)[:, None, None]
    y = jnp.einsum("bnmc,bmcd->bnmd", q, summed.astype(q.dtype), preferred_element_type=wide)
    return form.merge(y).astype(v.dtype)


def _reassociated_macs(form: Form) -> int:
    (_, queries, heads, c), (_, keys, key_heads, _) = form.score.q.shape, form.score.k.shape
    value_heads, d = _value_shape(form)
    return (keys * max(key_heads, value_heads) + queries * heads) * c * d + _projection_macs(form)


def _keys(form: Form) -> Int[Array, "b 1"]:
    """Return N of the mean: how many keys each image has, at least 1."""
    valid = jnp.ones((1, form.support.slots), bool) if form.valid is None else form.valid
    return jnp.maximum(valid.sum(-1, keepdims=True), 1)


# Any pairwise score over everywhere: tiles of queries x keys, the softmax kept online.


def streamed(form: Form) -> Array:
    """Scan over blocks of keys for each block of queries; the backward pass recomputes the tiles."""
    tile = CPU_TILE if jax.default_backend() == "cpu" else TILE
    queries, size = _blocks(_queries(form), tile[0])
    keys, width = _blocks(form.support.slots, tile[1])
    v = form.values()
    wide = jnp.promote_types(v.dtype, jnp.float32)
    share = jnp.ones((1, form.support.slots)) if form.valid is None else form.valid  # What a key's score counts.
    share = (share / _keys(form) if form.norm is mean else share)[..., None].astype(wide)
    j = jnp.minimum(jnp.arange(keys * width), form.support.slots - 1).reshape(keys, 1, 1, 1, width)
    tiles = jax.tree.map(lambda a: _key_tiles(a, keys, width), (form.score.k, v, share))
    fold = _fold_softmax if form.norm is softmax else _fold_linear
    heads, lowest = form.heads, jnp.finfo(wide).min

    def attend(block: tuple[Any, Array]) -> Array:
        q, i = block

        def step(carry: Any, tile: Any) -> tuple[Any, None]:
            (k, values, weight), j = tile
            return fold(carry, form.score.pair(q, k, i, j).astype(wide), weight, values), None

        carried = (v.shape[0], size, heads)
        start = (
            jnp.zeros((*carried, v.shape[-1]), wide),
            jnp.full((*carried, 1), lowest, wide),
            jnp.zeros((*carried, 1), wide),
        )
        (y, _, total), _ = lax.scan(jax.checkpoint(step, prevent_cse=False), start, (tiles, j))
        return form.merge(y / jnp.where(total > 0, total, 1)).astype(v.dtype)

    i = jnp.minimum(jnp.arange(queries * size), _queries(form) - 1).reshape(queries, size)
    of_query = jax.tree.map(lambda a: jnp.moveaxis(_split(a, queries, size), 1, 0), form.score.q)
    y = lax.map(jax.checkpoint(attend, prevent_cse=False), (of_query, i))
    return jnp.moveaxis(y, 0, 1).reshape(v.shape[0], queries * size, -1)[:, : _queries(form)]


Carry = tuple[Array, Array, Array]  # weighted values, largest score, total weight of the keys so far


def _fold_linear(carry: Carry, a: Array, share: Array, v: Array) -> Carry:
    """Add one tile's weighted values."""
    y, top, total = carry
    return y + _weighted(a * share, v, y.dtype), top, total


def _fold_softmax(carry: Carry, a: Array, share: Array, v: Array) -> Carry:
    """Add one tile's exponentials and their values, after shrinking the sums so far to the new maximum."""
    y, top, total = carry
    a = jnp.where(share > 0, a, -jnp.inf)
    # The result does not depend on the maximum, so no gradient need pass through it.
    new = jnp.maximum(top, lax.stop_gradient(a.max(-1, keepdims=True)))
    a, shrink = jnp.exp(a - new), jnp.exp(top - new)
    return y * shrink + _weighted(a, v, y.dtype), new, total * shrink + a.sum(-1, keepdims=True)


def _split(a: Array, blocks: int, size: int) -> Array:
    """Return [B, blocks, size, ...] of [B, length, ...], the last block padded with zeros."""
    pad = [(0, 0), (0, blocks * size - a.shape[1])] + [(0, 0)] * (a.ndim - 2)
    return jnp.pad(a, pad).reshape(a.shape[0], blocks, size, *a.shape[2:])


def _key_tiles(a: Array, blocks: int, size: int) -> Array:
    """Return [blocks, B, 1, H, size, ...] of [B, P, H, ...]."""
    return jnp.moveaxis(_split(a, blocks, size), (1, 3), (0, 2))[:, :, None]


# The exact fallback: gather the keys of each query's slots.


def gathered(form: Form) -> Array:
    """Take queries in blocks; gather, weigh and sum their values. Fits every form."""
    v = form.values()
    everywhere = isinstance(form.support, Everywhere)  # Then all queries share their keys, and nothing is gathered.
    held = v.shape[0] * form.heads * form.support.slots * (1 if everywhere else max(v.shape[-1], form.score.macs))
    blocks, size = _blocks(_queries(form), max(GATHERED // held, 1))

    def attend(i: Array) -> Array:
        a, j = form.weights(jnp.minimum(i, _queries(form) - 1))
        return form.merge(_weighted(a, take(v, j), jnp.promote_types(v.dtype, jnp.float32))).astype(v.dtype)

    y = lax.map(jax.checkpoint(attend, prevent_cse=False), jnp.arange(blocks * size).reshape(blocks, size))
    return jnp.moveaxis(y, 0, 1).reshape(v.shape[0], blocks * size, -1)[:, : _queries(form)]


def _pair_macs(form: Form) -> int:
    weights = _queries(form) * form.heads * form.support.slots
    return weights * (form.score.macs + _value_shape(form)[1]) + _projection_macs(form)


def _weighted(a: Array, v: Array, dtype: Any) -> Array:
    """Return [B, R, M, d] of weights a [B, R, M, K] and values [B, 1 or R, H, K, d], accumulated in ``dtype``."""
    return jnp.einsum("brmk,brmkd->brmd", a.astype(v.dtype), v, preferred_element_type=dtype)


def _blocks(length: int, largest: int) -> tuple[int, int]:
    """Return how many blocks of which size cover ``length``, as even as they can be."""
    blocks = -(-length // largest)
    return blocks, -(-length // blocks)


def _queries(form: Form) -> int:
    return math.prod(form.support.queries)


def _value_shape(form: Form) -> tuple[int, int]:
    """Return heads and width of the values."""
    v = form.value
    return (v.kernel.shape[0], v.kernel.shape[2]) if isinstance(v, Projected) else v.shape[2:]


def _projection_macs(form: Form) -> int:
    v = form.value
    return v.x.shape[1] * math.prod(v.kernel.shape) if isinstance(v, Projected) else 0


TABLE = (
    Lowering("convolution", convolution, _convolution_macs, Window, Indicator, (plain,), _is_convolution),
    Lowering("product", product, _pair_macs, Itself, Taps, (plain,)),
    Lowering("reassociated", reassociated, _reassociated_macs, Everywhere, Dot, (plain, mean)),
    Lowering("streamed", streamed, _pair_macs, Everywhere, Pairwise, (plain, mean, softmax)),
    Lowering("gathered", gathered, _pair_macs),
)
