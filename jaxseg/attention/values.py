"""Values: W_m x_j of Eq. 1, made when they are needed. Values that exist already are an array [B, P, H, d].

Also here is what every room above needs of features: ``masked``.
"""

from __future__ import annotations

import math
from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import struct
from jaxtyping import Array, Bool, Float, Shaped

AnyArray = Array | np.ndarray


class Lazy:
    """Values that are made when needed, from features ``x`` [B, P, C]."""

    x: Any
    heads: int  # H
    width: int  # d
    macs: int  # multiply-adds that all values of one image take

    def all(self) -> Float[Array, "B P H d"]:
        """Return the values of every key."""
        raise NotImplementedError


@struct.dataclass
class Projected(Lazy):
    """value_m(j) = W_m x_j, with one matrix per head."""

    x: Any  # [B, P, C]
    kernel: Any  # [H, C, d]

    @property
    def heads(self) -> int:
        """H, the values per key: one per head, or one that all heads share."""
        return self.kernel.shape[0]

    @property
    def width(self) -> int:
        """d, the channels of a value."""
        return self.kernel.shape[2]

    @property
    def macs(self) -> int:
        """Multiply-adds that all values of one image take."""
        return self.x.shape[1] * math.prod(self.kernel.shape)

    def all(self) -> Float[Array, "B P H d"]:
        """Return the values of every key."""
        return jnp.einsum("bpc,mcd->bpmd", self.x, self.kernel)


@struct.dataclass
class Affine(Lazy):
    """value(j) = W x_j + b, one for all heads. Queries and keys may be made this way too, see ``scores.DotOfMaps``."""

    x: Any  # [B, P, C], in the type of the result
    kernel: Any  # [C, d], in the parameters' type
    bias: Any = None  # [d]; None: no bias
    heads = 1

    @property
    def width(self) -> int:
        """d, the channels of a value."""
        return self.kernel.shape[1]

    @property
    def macs(self) -> int:
        """Multiply-adds that all values of one image take."""
        return self.x.shape[1] * math.prod(self.kernel.shape)

    def all(self) -> Float[Array, "B P 1 d"]:
        """Return the values of every key."""
        y = self.x @ self.kernel.astype(self.x.dtype)
        return (y if self.bias is None else y + self.bias.astype(y.dtype))[:, :, None]


@struct.dataclass
class Scaled(Lazy):
    """value_m(j) = s_m x_j, channel by channel: a diagonal W_m, as of a depthwise convolution."""

    x: Any  # [B, P, C]
    scale: Any  # [H, C]

    @property
    def heads(self) -> int:
        """H, the values per key: one per head, or one that all heads share."""
        return self.scale.shape[0]

    @property
    def width(self) -> int:
        """d, the channels of a value: those of x."""
        return self.scale.shape[1]

    @property
    def macs(self) -> int:
        """Multiply-adds that all values of one image take."""
        return self.x.shape[1] * math.prod(self.scale.shape)

    def all(self) -> Float[Array, "B P H C"]:
        """Return the values of every key."""
        return self.x[:, :, None] * self.scale


def masked(x: Shaped[AnyArray, "*x"], valid: Bool[AnyArray, "*mask"] | None) -> Shaped[Array, "*y"]:
    """Return ``x``, zero where ``valid`` is False; ``valid`` has the first axes of ``x``, and None keeps all of it."""
    if valid is None:
        return jnp.asarray(x)
    return jnp.where(valid.reshape(valid.shape + (1,) * (x.ndim - valid.ndim)), x, 0)
