"""The weights of Eq. 1 as pictures: the row of any query on any image, and the dense form of small ones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxseg.attention.form import Form
from jaxseg.attention.supports import Grid
from jaxseg.attention.values import AnyArray


def rows(
    module: nn.Module,
    variables: Any,
    x: Float[AnyArray, "*image channels"],
    positions: Sequence | AnyArray,
    *,
    valid: Bool[AnyArray, "*mask"] | None = None,
    gate: Float[AnyArray, "*gate channels_gate"] | None = None,
) -> Any:
    """Return what each query reads: its weights A(i, .), in memory O(P) per query.

    Args:
        module: a mechanism, from ``build``.
        variables: its variables.
        x: one image, [1, *spatial, channels] or without its batch axis, [height, width, channels] or [depth, height,
            width, channels] with a depth above 1. So several images would be read as one volume.
        positions: the queries, flat indices [queries] or coordinates [queries, axes].
        valid: keys that exist, bool, of the shape of ``x`` without channels.
        gate: features of another tensor, for the mechanisms that read one; with a batch axis if ``x`` has one.

    Returns:
        [queries, heads, *key grid]; of a joint structure a named tuple of them (point_wise, self, composed), of a
        sequence one (passes, composed).

    Raises:
        ValueError: for an image without channels, a mask of another shape than x, or a position off the grid.
    """
    x, valid, gate = one_image(x, valid, gate)
    i = flat_positions(positions, x.shape[1:-1])
    return _rows(module, variables, x, i, valid, gate)


def dense(
    module: nn.Module,
    variables: Any,
    x: Float[AnyArray, "*image channels"],
    *,
    valid: Bool[AnyArray, "*mask"] | None = None,
    gate: Float[AnyArray, "*gate channels_gate"] | None = None,
) -> Any:
    """Return all weights of a small image: ``Dense`` (weights [heads, N, P], values [P, 1 or heads, d], out [N, ...]).

    ``out`` is Eq. 1 itself, before W_z, batch normalisation and shortcuts. Joint structures and sequences give named
    tuples, and arguments and errors are, as in ``rows``.
    """
    return _dense(module, variables, *one_image(x, valid, gate))


def gate_maps(
    module: nn.Module,
    variables: Any,
    x: Float[AnyArray, "*image channels"],
    *,
    valid: Bool[AnyArray, "*mask"] | None = None,
    gate: Float[AnyArray, "*gate channels_gate"] | None = None,
) -> dict[str, Float[Array, " heads *grid"]]:
    """Return the map of each point-wise part: the weight of every position on itself, where Omega(i) = {i}.

    The parts are named as in ``rows``: a joint structure gives {"point_wise": map}, a mechanism that is point-wise
    itself {"": map}, and one that is not {}. Arguments and errors are those of ``rows``.
    """
    return _gate_maps(module, variables, *one_image(x, valid, gate))


# Compiled, so that XLA leaves out what the weights do not need, and a second look at the same image is fast.


@partial(jax.jit, static_argnums=0)
def _rows(module: nn.Module, variables: Any, x: Array, i: Array, valid: Array | None, gate: Array | None) -> Any:
    form: Any = module.apply(variables, x, train=False, valid=valid, gate=gate, method="form")
    return jax.tree.map(lambda a: a[0], form.rows(i))


@partial(jax.jit, static_argnums=0)
def _dense(module: nn.Module, variables: Any, x: Array, valid: Array | None, gate: Array | None) -> Any:
    form: Any = module.apply(variables, x, train=False, valid=valid, gate=gate, method="form")
    return jax.tree.map(lambda a: a[0], form.dense())


@partial(jax.jit, static_argnums=0)
def _gate_maps(
    module: nn.Module, variables: Any, x: Array, valid: Array | None, gate: Array | None
) -> dict[str, Array]:
    form: Any = module.apply(variables, x, train=False, valid=valid, gate=gate, method="form")
    parts = jax.tree_util.tree_leaves_with_path(form, is_leaf=lambda part: isinstance(part, Form))
    return {
        jax.tree_util.keystr(path, simple=True, separator=" "): _itself(part)
        for path, part in parts
        if isinstance(part, Form) and part.support.slots == 1 and part.support.keys == part.support.queries
    }


def _itself(form: Form) -> Float[Array, " heads *grid"]:
    """Return the weight of each query on itself, heads first, for one image."""
    grid = form.support.queries
    i = jnp.arange(math.prod(grid))
    a, j = form.weights(i)
    weights = jnp.where(j == i[:, None, None], a, 0).sum(-1)[0]
    return weights.T.reshape(-1, *grid)


def one_image(x: AnyArray, valid: AnyArray | None, gate: AnyArray | None) -> tuple:
    """Return one image with its batch axis of one, and mask and gate with theirs."""
    if x.ndim == 3 or (x.ndim > 3 and x.shape[0] != 1):
        x, valid, gate = x[None], *(a if a is None else a[None] for a in (valid, gate))
    if x.ndim < 4:
        raise ValueError(f"x has shape {x.shape}; give one image, [1, *spatial, channels].")
    if valid is not None and valid.shape != x.shape[:-1]:
        raise ValueError(f"valid has shape {valid.shape} and x {x.shape}; give x without its channels, {x.shape[:-1]}.")
    return x, valid, gate


def flat_positions(positions: Any, grid: Grid) -> Int[Array, " queries"]:
    """Return flat indices of ``positions``: flat indices [queries], or coordinates [queries, axes] on ``grid``."""
    places = np.asarray(positions)
    if places.ndim == 1:
        places = places[:, None]
        limits: Grid = (int(np.prod(grid)),)
    else:
        limits = grid
    if places.ndim != 2 or places.shape[1] != len(limits) or not np.issubdtype(places.dtype, np.integer):
        raise ValueError(
            f"positions have shape {np.shape(positions)} and type {places.dtype}; give integers, flat indices "
            f"[queries] or coordinates [queries, {len(grid)}] on the grid {grid}."
        )
    if (off := ((places < 0) | (places >= limits)).any(1)).any():
        raise ValueError(f"position {places[off][0].tolist()} is off the grid {grid} of {np.prod(grid)} queries.")
    return jnp.asarray(np.ravel_multi_index(tuple(places.T), limits))
