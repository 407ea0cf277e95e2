"""What mechanisms share: projections into heads, and the modules that follow Eq. 1."""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxseg.attention.module import Features, Part, flat
from jaxseg.layers import BatchNorm


class Output(Part):
    """W_z: a 1x1 convolution back to the channels of x, then batch normalisation.

    Args:
        use_bn: whether batch normalisation follows.
        gamma_init: the gain that it starts with. Without it, 0 starts W_z at zero, any other value as Glorot.
        use_bias: whether W_z has a bias.

    """

    use_bn: bool = False
    gamma_init: float = 1.0
    use_bias: bool = True

    @nn.compact
    def __call__(self, y: Float[Array, "batch *spatial inner"], x: Features, *, train: bool) -> Features:
        """Return BN(W_z y), with the channels of ``x``."""
        zero = self.gamma_init == 0 and not self.use_bn
        init = nn.initializers.zeros_init() if zero else nn.initializers.glorot_uniform()
        z = nn.Dense(x.shape[-1], use_bias=self.use_bias, dtype=self.dtype, kernel_init=init, name="w_z")(y)
        if not self.use_bn:
            return z
        gamma = nn.initializers.constant(self.gamma_init)
        return BatchNorm(self.computes, scale_init=gamma, name="norm")(z, train=train)


class Gain(Part):
    """A learned gain that starts at ``gamma_init``."""

    gamma_init: float

    @nn.compact
    def __call__(self, y: Float[Array, "*b d"], x: Float[Array, "*b c"], *, train: bool) -> Float[Array, "*b d"]:
        """Return gamma y, in the type of ``y``."""
        gamma = self.param("gamma", nn.initializers.constant(self.gamma_init), (1,), jnp.float32)
        return gamma.astype(y.dtype) * y


class Bias(Part):
    """A learned bias per channel that starts at 0."""

    @nn.compact
    def __call__(self, y: Float[Array, "*b d"], x: Float[Array, "*b c"], *, train: bool) -> Float[Array, "*b d"]:
        """Return y + bias, in the type of ``y``."""
        return y + self.param("bias", nn.initializers.zeros_init(), y.shape[-1:], jnp.float32).astype(y.dtype)


def project(x: Features, heads: int, width: int, name: str, **options: Any) -> Float[Array, "B P M c"]:
    """Return a linear map of ``x`` in heads, by a Dense layer ``name`` of the module that calls this.

    Args:
        x: the features.
        heads: M.
        width: c, channels per head.
        name: of the layer.
        options: arguments of the layer.
    """
    return in_heads(flat(nn.Dense(heads * width, name=name, **options)(x)), heads)


def in_heads(a: Float[Array, "B *P channels"], heads: int) -> Float[Array, "B positions M c"]:
    """Return ``a`` with its positions in one axis and its channels cut into ``heads``, in their order."""
    return a.reshape(a.shape[0], -1, heads, a.shape[-1] // heads)


def divide(what: str, parts: int | None, channels: int, most: int) -> int:
    """Return into how many ``parts``, heads or groups, the channels fall; None: the largest divisor up to ``most``.

    Raises:
        ValueError: if the parts do not divide the channels.
    """
    if parts is None:
        return max(n for n in range(1, max(most, 1) + 1) if channels % n == 0)
    if channels % parts:
        raise ValueError(f"{what} is {parts}, which does not divide the {channels} channels of x; take a divisor.")
    return parts
