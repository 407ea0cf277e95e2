"""Convolutions as instances of Eq. 1: each tap is a head, its weight the indicator of a position (Eq. 2 and 3)."""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from flax.linen.dtypes import promote_dtype
from jaxtyping import Array, Float

from jaxseg.attention.form import Form, Projected
from jaxseg.attention.mechanisms.attention import Attention, Features, Gate, Mask, flat, flat_mask
from jaxseg.attention.norms import plain
from jaxseg.attention.scores import Indicator
from jaxseg.attention.supports import Window


class Kernels(nn.Module):
    """The factors of a convolution, ``side`` taps along each axis, that keeps the number of channels."""

    side: int
    dtype: Any

    @nn.compact
    def __call__(
        self,
        x: Features,
        *,
        train: bool,
        valid: Mask = None,
        gate: Gate = None,
    ) -> Form:
        """Return the convolution of ``x`` as Eq. 1."""
        grid, channels = x.shape[1:-1], x.shape[-1]
        size = (self.side,) * len(grid)
        kernel = self.param("kernel", nn.initializers.glorot_uniform(), (*size, channels, channels), jnp.float32)
        x, kernel = promote_dtype(x, kernel, dtype=self.dtype)
        value = Projected(flat(x), kernel.reshape(-1, channels, channels))
        return Form(Window(grid, size), Indicator(), plain, value, flat_mask(valid))


class Bias(nn.Module):
    """Add a bias to each channel."""

    @nn.compact
    def __call__(self, y: Float[Array, "*b d"], x: Float[Array, "*b c"], *, train: bool) -> Float[Array, "*b d"]:
        """Return y + bias."""
        return y + self.param("bias", nn.initializers.zeros_init(), y.shape[-1:], jnp.float32).astype(y.dtype)


def conv1x1(*, use_bias: bool = True, dtype: Any = None, axis_name: str | None = None) -> Attention:
    """Omega: {i}.  A: 1.  W: the kernel.  Heads: 1.  Level S."""
    return Attention(Kernels(1, dtype, parent=None), Bias(parent=None) if use_bias else None, parent=None)


def conv3x3(*, use_bias: bool = True, dtype: Any = None, axis_name: str | None = None) -> Attention:
    """Omega: 3 x 3 window.  A: 1 where j is tap m.  W: slice m of the kernel.  Heads: 9.  Level S.  Eq. 2 and 3."""
    return Attention(Kernels(3, dtype, parent=None), Bias(parent=None) if use_bias else None, parent=None)
