"""Sums over keys that come in tiles: each norm as a fold, so that a query's weights are never held together.

The softmax keeps its largest score so far and shrinks the sums when a larger one comes (Milakov and Gimelshein 2018).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array

from jaxseg.attention.norms import mean, plain, softmax, total

NORMS = (plain, mean, total, softmax)  # those that can be folded

# Queries and keys of one tile. A small one stays in a core's cache (one of 1024 x 1024 took four times as long);
# elsewhere fewer and larger steps keep the device busy.
CPU_TILE, TILE = (128, 256), (2048, 4096)


class Sums(NamedTuple):
    """Sums of R queries over the keys seen so far, [B, M, R, ...] or [B, R, M, ...]; more keys may be folded in."""

    y: Array  # [..., d], the values times their weights before division
    top: Array  # [..., 1], the largest score of a softmax so far; other norms leave it as it starts
    total: Array  # [..., 1], what ``y`` is divided by in the end; 0 means by 1


def start(shape: tuple[int, ...], width: int, dtype: Any) -> Sums:
    """Return the sums over no keys yet, for queries of ``shape`` [B, M, R] and values of ``width`` channels."""
    lowest = jnp.full((*shape, 1), jnp.finfo(dtype).min, dtype)
    return Sums(jnp.zeros((*shape, width), dtype), lowest, jnp.zeros((*shape, 1), dtype))


def fold(norm: Callable, sums: Sums, a: Array, ok: Array, v: Array) -> Sums:
    """Add a tile: scores ``a`` and mask ``ok``, broadcastable to [B, M, R, K], and values [B, H, 1 or R, K, d]."""
    a = a.astype(sums.y.dtype)
    if norm is softmax:
        a = jnp.where(ok, a, -jnp.inf)
        # The result does not depend on the maximum, so no gradient need pass through it.
        top = jnp.maximum(sums.top, lax.stop_gradient(a.max(-1, keepdims=True)))
        a, shrink = jnp.exp(a - top), jnp.exp(sums.top - top)
        sums = Sums(sums.y * shrink, top, sums.total * shrink)
    else:
        a = jnp.where(ok, a, 0)
    counted = {plain: jnp.zeros(()), mean: ok}.get(norm, a)
    counted = jnp.broadcast_to(counted.astype(a.dtype), a.shape).sum(-1, keepdims=True)
    return Sums(sums.y + weighted(a, v, sums.y.dtype), sums.top, sums.total + counted)


def merge(one: Sums, other: Sums) -> Sums:
    """Return the sums over two disjoint sets of keys."""
    top = jnp.maximum(one.top, other.top)
    (y, a, n), (z, b, m) = one, other
    a, b = jnp.exp(a - top), jnp.exp(b - top)
    return Sums(y * a + z * b, top, n * a + m * b)


def finish(sums: Sums) -> Array:
    """Return the normalised sum, zero for a query without a key."""
    return sums.y / jnp.where(sums.total == 0, 1, sums.total)


def over_tiles(
    score: Any, norm: Callable, of_query: Any, of_key: Any, v: Array, ok: Array, i: Array, j: Array, heads: int,
    distinct: bool = False,
) -> Sums:  # fmt: skip
    """Return the sums over all keys, in tiles of queries x keys; the backward pass makes each tile again.

    Args:
        score: a pairwise score.
        norm: one of ``NORMS``.
        of_query: what the score needs of the queries, [B, R, H, ...].
        of_key: what it needs of the keys, [B, P, H, ...].
        v: values [B, P, H, d].
        ok: keys that count, [1 or B, P].
        i: flat places of the queries, [R].
        j: flat places of the keys, [P].
        heads: M.
        distinct: whether a query skips the key at its own place.

    Returns:
        ``Sums`` of [B, R, M, ...].
    """
    tile = CPU_TILE if jax.default_backend() == "cpu" else TILE
    rows, height = blocks(len(i), tile[0])
    columns, width = blocks(len(j), tile[1])
    wide = jnp.promote_types(v.dtype, jnp.float32)
    places = jnp.pad(j, (0, columns * width - len(j))).reshape(columns, 1, 1, 1, width)
    keys = jax.tree.map(lambda a: _tiles(a, columns, width)[:, :, :, None], (of_key, v, ok[..., None]))

    def attend(block: tuple[Any, Array]) -> Sums:
        q, here = block

        def step(sums: Sums, tile: Any) -> tuple[Sums, None]:
            (k, values, exists), there = tile
            if distinct:
                exists = exists & (there != here[:, None])
            return fold(norm, sums, score.pair(q, k, here, there), exists, values), None

        empty = start((v.shape[0], heads, height), v.shape[-1], wide)
        return lax.scan(jax.checkpoint(step, prevent_cse=False), empty, (keys, places))[0]

    here = jnp.pad(i, (0, rows * height - len(i))).reshape(rows, height)
    q = jax.tree.map(partial(_tiles, number=rows, size=height), of_query)
    sums = lax.map(jax.checkpoint(attend, prevent_cse=False), (q, here))  # [rows, B, M, height, ...]
    order = (1, 0, 3, 2, 4)
    return Sums(*(a.transpose(order).reshape(v.shape[0], -1, heads, a.shape[-1])[:, : len(i)] for a in sums))


def blocks(length: int, largest: int) -> tuple[int, int]:
    """Return number and size of blocks, of at most ``largest`` each, that cover ``length`` as evenly as possible."""
    number = -(-length // largest)
    return number, -(-length // number)


def weighted(a: Array, v: Array, dtype: Any) -> Array:
    """Return [B, M, R, d] of weights a [B, M, R, K] and values [B, H, 1 or R, K, d], accumulated in ``dtype``."""
    a = jnp.broadcast_to(a, (*a.shape[:-1], v.shape[-2]))  # A uniform score has one entry for all keys.
    return jnp.einsum("bmrk,bmrkd->bmrd", a.astype(v.dtype), v, preferred_element_type=dtype)


def _tiles(a: Array, number: int, size: int) -> Array:
    """Return [number, B, H, size, ...] of [B, length, H, ...], the last tile padded with zeros."""
    a = jnp.pad(a, [(0, 0), (0, number * size - a.shape[1])] + [(0, 0)] * (a.ndim - 2))
    a = a.reshape(a.shape[0], number, size, *a.shape[2:])
    return jnp.moveaxis(a, (1, 3), (0, 2))
