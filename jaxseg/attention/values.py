"""Values: W_m x_j of Eq. 1, made when they are needed. Values that exist already are an array [B, P, H, d]."""

from __future__ import annotations

import math
from typing import Any

import jax.numpy as jnp
from flax import struct
from jaxtyping import Array, Float


class Lazy:
    """Values that are made when needed, from features ``x`` [B, P, C]."""

    x: Any
    heads: int  # H
    width: int  # d
    macs: int  # multiply-adds that the values of one image take

    def all(self) -> Float[Array, "B P H d"]:
        """Return the values of every key."""
        raise NotImplementedError


@struct.dataclass
class Projected(Lazy):
    """value_m(j) = W_m x_j: a matrix for each head."""

    x: Any  # [B, P, C]
    kernel: Any  # [H, C, d]

    @property
    def heads(self) -> int:
        """How many kinds of value."""
        return self.kernel.shape[0]

    @property
    def width(self) -> int:
        """Channels of a value."""
        return self.kernel.shape[2]

    @property
    def macs(self) -> int:
        """Multiply-adds of the values of one image."""
        return self.x.shape[1] * math.prod(self.kernel.shape)

    def all(self) -> Float[Array, "B P H d"]:
        """Return the values of every key."""
        return jnp.einsum("bpc,mcd->bpmd", self.x, self.kernel)


@struct.dataclass
class Scaled(Lazy):
    """value_m(j) = s_m x_j, channel by channel: a diagonal W_m, as of a depthwise convolution."""

    x: Any  # [B, P, C]
    scale: Any  # [H, C]

    @property
    def heads(self) -> int:
        """How many kinds of value."""
        return self.scale.shape[0]

    @property
    def width(self) -> int:
        """Channels of a value, those of x."""
        return self.scale.shape[1]

    @property
    def macs(self) -> int:
        """Multiply-adds of the values of one image."""
        return self.x.shape[1] * math.prod(self.scale.shape)

    def all(self) -> Float[Array, "B P H C"]:
        """Return the values of every key."""
        return self.x[:, :, None] * self.scale
