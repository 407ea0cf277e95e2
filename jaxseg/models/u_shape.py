"""The way through a U-shaped network: down its levels, and up again by the skips."""

from __future__ import annotations

from collections.abc import Callable

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxseg.layers import max_pool2


def u_shape(
    x: Float[Array, "b h w c"],
    attend: Callable[..., Array],
    *,
    down: Callable[[int, Array], Array],
    rise: Callable[[int, Array], Array],
    up: Callable[[int, Array], Array],
    depth: int = 4,
) -> Float[Array, "b h w d"]:
    """Return features at full resolution of a network of skips, whose parts are functions of the level and of x.

    Args:
        x: images.
        attend: the network's ``Attend``, or what has its arguments.
        down: the encoder's blocks, at levels 0 to ``depth``, between which the grid is halved by pooling.
        rise: doubles the grid, to that of levels ``depth`` - 1 to 0.
        up: the decoder's blocks, of the skip and of what rose to it, side by side.
        depth: number of skips.
    """
    skips = []
    for level in range(depth + 1):
        x = down(level, max_pool2(x) if level else x)
        skips.append(x)
    for level in reversed(range(depth)):
        x = rise(level, x)
        x = up(level, jnp.concatenate([attend(level, skips[level], gate=x), x], axis=-1))
    return x
