"""Blocks that several networks are made of."""

from __future__ import annotations

import flax.linen as nn
import jax.numpy as jnp
from flax.linen.dtypes import promote_dtype
from jaxtyping import Array, Float

from jaxseg.layers import BatchNorm, Conv, Numerics


class CBR(nn.Module):
    """Convolution, batch normalisation, ReLU; a bias adds nothing but parameters, as some published networks have."""

    features: int
    taps: int
    numerics: Numerics
    use_bias: bool = False

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"], *, train: bool) -> Float[Array, "b h w d"]:
        """Return ``features`` channels on the same grid."""
        taps = (self.taps, self.taps)
        x = Conv(self.features, taps, use_bias=self.use_bias, dtype=self.numerics.dtype, name="conv")(x)
        return nn.relu(BatchNorm(self.numerics, name="norm")(x, train=train))


class UpConv(nn.Module):
    """Transposed 2x2 convolution with stride 2 and bias: each pixel becomes a block of 2 x 2, W[i, j] x + b at (i, j).

    No two outputs share a tap, so it is one matrix product and a rearrangement.
    """

    features: int
    numerics: Numerics

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b rows columns d"]:
        """Return ``features`` channels on a grid of twice the height and width."""
        batch, height, width, channels = x.shape
        # Each output reads one tap of every channel: the fan-in is that of a 1x1 convolution.
        init = nn.initializers.glorot_uniform(batch_axis=(0, 1))
        kernel = self.param("kernel", init, (2, 2, channels, self.features), jnp.float32)
        bias = self.param("bias", nn.initializers.zeros_init(), (self.features,), jnp.float32)
        x, kernel, bias = promote_dtype(x, kernel, bias, dtype=self.numerics.dtype)
        blocks = x @ kernel.transpose(2, 0, 1, 3).reshape(channels, -1)
        blocks = blocks.reshape(batch, height, width, 2, 2, self.features).transpose(0, 1, 3, 2, 4, 5)
        return blocks.reshape(batch, 2 * height, 2 * width, self.features) + bias


class Head(nn.Module):
    """Logits of each pixel by a 1x1 convolution with bias."""

    num_classes: int

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h w classes"]:
        """Return logits, computed in float32 at least: rounded ones would tie, and blunt every ranking of pixels."""
        return Conv(self.num_classes, (1, 1), dtype=jnp.promote_types(x.dtype, jnp.float32), name="conv")(x)
