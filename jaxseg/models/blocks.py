"""Blocks that several networks are made of."""

from __future__ import annotations

import flax.linen as nn
import jax.numpy as jnp
from flax.linen.dtypes import promote_dtype
from jaxtyping import Array, Float

from jaxseg.layers import BatchNorm, Conv, Numerics, repeat2


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


class Pair(nn.Module):
    """Two 3x3 convolutions, each with batch normalisation and ReLU."""

    features: int
    numerics: Numerics
    use_bias: bool = False

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"], *, train: bool) -> Float[Array, "b h w d"]:
        """Return ``features`` channels on the same grid."""
        for layer in (1, 2):
            x = CBR(self.features, 3, self.numerics, self.use_bias, name=f"cbr{layer}")(x, train=train)
        return x


class Doubled(nn.Module):
    """Each pixel becomes a block of 2 x 2, and a 3x3 convolution with batch normalisation and ReLU follows."""

    features: int
    numerics: Numerics

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"], *, train: bool) -> Float[Array, "b rows columns d"]:
        """Return ``features`` channels on a grid of twice the height and width."""
        return CBR(self.features, 3, self.numerics, use_bias=True, name="cbr")(repeat2(x), train=train)


class ConvReluNorm(nn.Module):
    """A convolution with bias, ReLU, batch normalisation, in this order."""

    features: int
    taps: int
    numerics: Numerics
    dilation: int = 1

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"], *, train: bool) -> Float[Array, "b h w d"]:
        """Return ``features`` channels on the same grid."""
        taps = (self.taps, self.taps)
        x = Conv(self.features, taps, dilation=self.dilation, dtype=self.numerics.dtype, name="conv")(x)
        return BatchNorm(self.numerics, name="norm")(nn.relu(x), train=train)


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


class UpConv3(nn.Module):
    """Transposed 3x3 convolution with stride 2, as TensorFlow's ``SAME`` places it.

    W[k, l] x[i, j] is added to pixel (2 i + k, 2 j + l), for k and l from 0 to 2, as far as it is on the grid of twice
    the height and width. So a pixel of even row reads W[0] and, one cell above, W[2], and one of odd row W[1]; columns
    likewise. That makes four matrix products, and a rearrangement.
    """

    features: int
    numerics: Numerics
    use_bias: bool = False

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b rows columns d"]:
        """Return ``features`` channels on a grid of twice the height and width."""
        batch, height, width, channels = x.shape
        init = nn.initializers.glorot_uniform()
        kernel = self.param("kernel", init, (3, 3, channels, self.features), jnp.float32)
        bias = self.param("bias", nn.initializers.zeros_init(), (self.features,), jnp.float32) if self.use_bias else 0.0
        x, kernel, bias = promote_dtype(x, kernel, bias, dtype=self.numerics.dtype)

        # By how many cells up or left of its own a pixel of even or odd place reads, and by which tap.
        reads = {0: ((0, 0), (1, 2)), 1: ((0, 1),)}
        padded = jnp.pad(x, ((0, 0), (1, 0), (1, 0), (0, 0)))

        def phase(row: int, column: int) -> Array:
            cells, taps = [], []
            for up, row_tap in reads[row]:
                for left, column_tap in reads[column]:
                    cells.append(padded[:, 1 - up : height + 1 - up, 1 - left : width + 1 - left])
                    taps.append(kernel[row_tap, column_tap])
            return jnp.concatenate(cells, -1) @ jnp.concatenate(taps, 0)

        blocks = jnp.stack([jnp.stack([phase(row, column) for column in (0, 1)], 3) for row in (0, 1)], 2)
        return blocks.reshape(batch, 2 * height, 2 * width, self.features) + bias


class ForegroundHead(nn.Module):
    """Logits of the classes but the background, whose own is 0: with two classes a sigmoid's, and half the weights.

    Attributes:
        num_classes: classes, the background included.
        rectified: whether a ReLU follows, as in some published networks; no logit is then negative.
    """

    num_classes: int
    rectified: bool = False

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h w classes"]:
        """Return float32 logits, computed in float32."""
        logits = Head(self.num_classes - 1, name="foreground")(x)
        logits = nn.relu(logits) if self.rectified else logits
        return jnp.pad(logits, ((0, 0), (0, 0), (0, 0), (1, 0)))


class Head(nn.Module):
    """Logits of each pixel by a 1x1 convolution with bias."""

    num_classes: int

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h w classes"]:
        """Return logits, computed in float32 at least: rounded ones would tie, and blunt every ranking of pixels."""
        return Conv(self.num_classes, (1, 1), dtype=jnp.promote_types(x.dtype, jnp.float32), name="conv")(x)
