"""Pooling and upsampling between the levels of a network, with TensorFlow's semantics."""

from __future__ import annotations

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float


def max_pool(x: Float[Array, "batch height width channels"]) -> Float[Array, "batch rows columns channels"]:
    """Return the largest value of every 3x3 window, stride 2, ``SAME``: sides are halved, rounded up."""
    return nn.max_pool(x, (3, 3), (2, 2), "SAME")


def avg_pool(x: Float[Array, "batch height width channels"]) -> Float[Array, "batch rows columns channels"]:
    """Return the mean of the real pixels of every 3x3 window, stride 2, ``SAME``: sides are halved, rounded up."""
    return nn.avg_pool(x, (3, 3), (2, 2), "SAME", count_include_pad=False)


def upsample2(x: Float[Array, "batch height width channels"]) -> Float[Array, "batch rows columns channels"]:
    """Double both sides bilinearly, corners aligned: output p reads the input at p (n - 1) / (2 n - 1)."""
    rows, columns = (jnp.asarray(_interpolation(side), x.dtype) for side in x.shape[1:3])
    return jnp.einsum("ph,bhwc,qw->bpqc", rows, x, columns)


def _interpolation(side: int) -> np.ndarray:
    """Return the [2 side, side] matrix of linear interpolation with aligned corners; one pixel is repeated."""
    place = np.arange(2 * side) * ((side - 1) / (2 * side - 1))
    return np.maximum(0, 1 - np.abs(place[:, None] - np.arange(side)))
