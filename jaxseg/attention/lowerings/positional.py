"""Attention along lines whose values have a position term: sum_j A_ij (v_j and R_{j - i}).

The values R depend on the pair of positions, and Eq. 1 could express them only with one head per offset. Along a line
of length L they are one product of the weights with the L x L vectors R of all pairs.
"""

from __future__ import annotations

import math
from functools import partial

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from jaxseg.attention.form import Form
from jaxseg.attention.lowerings.cells import at_once, join, split
from jaxseg.attention.lowerings.everywhere import existing
from jaxseg.attention.scores import within


@jax.named_scope("tiled")  # As that lowering does it, so that counts and profiles name it so.
def with_offsets(form: Form, table: Float[Array, "offsets d"]) -> tuple[Float[Array, "B N Gd"], Float[Array, "B N Gd"]]:
    """Return Eq. 1, sum_j A_ij v_j, and sum_j A_ij R_{j - i}, both merged from heads as the form says.

    Only some lines at a time hold their weights, L per query and head; the backward pass makes them again.

    Args:
        form: a pairwise score over ``Tiles`` that are lines: of one position along all axes but one.
        table: R, [2 span - 1, d], the same for all heads; entry t is offset t - (span - 1), as in ``Relative``.

    Raises:
        ValueError: if the tiles are no lines, or the table covers less than their length.
    """
    grid, size, shift = form.support.queries, form.support.size, form.support.shift
    length, v = math.prod(size), form.values()
    if max(size) != length:
        raise ValueError(f"tiles are {size} on the grid {grid}; position values need lines, of 1 along all other axes.")
    pairs = offsets(table, length)
    ok = jnp.broadcast_to(existing(form), v.shape[:2])
    lines = jax.tree.map(partial(split, grid=grid, size=size, shift=shift), (form.score.q, form.score.k, v, ok))
    place = jnp.ravel_multi_index(tuple(jnp.indices(size).reshape(len(size), -1)), grid, mode="clip")
    wide = jnp.promote_types(v.dtype, jnp.float32)

    def attend(line: tuple) -> tuple[Array, Array]:
        q, k, values, exists = line
        q = jax.tree.map(lambda a: a.swapaxes(0, 1)[None], q)
        k = jax.tree.map(lambda a: a.swapaxes(0, 1)[None, :, None], k)
        a = form.score.pair(q, k, place, place[None, None, None])
        a = form.norm(a, exists)[0].astype(v.dtype)  # [M, L, L]
        values = jnp.broadcast_to(values, (length, form.heads, values.shape[-1]))
        y = jnp.einsum("mij,jmd->imd", a, values, preferred_element_type=wide)
        z = jnp.einsum("mij,ijd->imd", a, pairs.astype(a.dtype), preferred_element_type=wide)
        return y, z

    sums = lax.map(jax.checkpoint(attend, prevent_cse=False), lines, batch_size=at_once(length, form.heads))
    y, z = (form.merge(join(a, grid, size, shift)).astype(v.dtype) for a in sums)
    return y, z


def offsets(table: Float[Array, "offsets d"], length: int) -> Float[Array, "L L d"]:
    """Return R_{j - i} at [i, j] of a line of ``length`` positions; raise ValueError if the table covers less."""
    span = (len(table) + 1) // 2
    within(span, (length,))
    i = jnp.arange(length)
    return table[i - i[:, None] + span - 1]
