"""H-DenseUNet's 2-D network (Li et al. 2018): a DenseNet encoder and a summing decoder with nearest upsampling.

The layers are those of xmengli/H-DenseUNet, denseunet.py, without its ``Scale`` layers, which follow a normalisation
that scales already. Its kernels of the decoder start as N(0, 0.05), and its normalisations have constants of their own;
here both are as in the other networks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxseg import checks
from jaxseg.layers import BatchNorm, Conv, Dropout, Numerics, avg_pool2, frame, max_pool, repeat2
from jaxseg.models.blocks import CBR
from jaxseg.models.denseunet import SIZES, DenseBlock, Widths
from jaxseg.models.network import Attend, Network

DROPOUT = 0.3


class NormReLUConv(nn.Module):
    """Batch normalisation, ReLU, a convolution without bias, in this order."""

    features: int
    taps: int
    numerics: Numerics

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"], *, train: bool) -> Float[Array, "b h w d"]:
        """Return ``features`` channels on the same grid."""
        x = nn.relu(BatchNorm(self.numerics, name="norm")(x, train=train))
        taps = (self.taps, self.taps)
        return Conv(self.features, taps, use_bias=False, dtype=self.numerics.dtype, name="conv")(x)


def centred(layer: Callable[[Array], Array], x: Float[Array, "b h w c"]) -> Float[Array, "b rows columns d"]:
    """Return what a layer of stride 2 and an odd number of taps makes of x padded alike on both sides of even length.

    ``SAME`` has one zero less before the image: with one more on both sides, it has the same places. Where windows have
    a largest entry, that of x must not be negative.
    """
    x = jnp.pad(frame.clear(x, step=2), ((0, 0), (1, 1), (1, 1), (0, 0)))
    with frame.outside():
        return layer(x)[:, :-1, :-1]


class HDenseUNet(Network):
    """The 2-D DenseUNet of H-DenseUNet, of any ``widths``; attention acts on each skip just before it is summed.

    Of the four skips the deepest alone is projected, to the channels of the bottom.

    Args:
        widths: channels and depths, an entry of ``denseunet.SIZES``; "161" is the published one.

    """

    stride: ClassVar[int] = 32
    skip_strides: ClassVar[tuple[int, ...]] = (2, 4, 8, 16)
    framed: ClassVar[bool] = True

    widths: Widths

    def features(self, x: Float[Array, "b h w c"], attend: Attend, *, train: bool) -> Float[Array, "b h w d"]:
        """Return features at full resolution."""
        x, skips = self._encode(x, train)
        c0, c1, c2, _ = (skip.shape[-1] for skip in skips)
        skips[3] = Conv(x.shape[-1], (1, 1), dtype=self.numerics.dtype, name="line")(skips[3])
        for level, features in zip((3, 2, 1, 0), (c2, c1, c0, c0), strict=True):
            x = repeat2(x)
            x = x + attend(level, skips[level], gate=x)
            x = CBR(features, 3, self.numerics, use_bias=True, name=f"up{level}")(x, train=train)
        x = Conv(self.widths.head, dtype=self.numerics.dtype, name="last")(repeat2(x))
        x = Dropout(DROPOUT, self.numerics, name="dropout")(x, train=train)
        return nn.relu(BatchNorm(self.numerics, name="last_norm")(x, train=train))

    def _encode(self, x: Array, train: bool) -> tuple[Array, list[Array]]:
        """Return the features at stride 32 and the skips, shallowest first."""
        widths, numerics = self.widths, self.numerics
        stem = Conv(widths.stem, (7, 7), strides=2, use_bias=False, dtype=numerics.dtype, name="stem")
        x = nn.relu(BatchNorm(numerics, name="stem_norm")(centred(stem, x), train=train))
        skips = [x]
        x = centred(max_pool, x)
        for block, layers in enumerate(widths.blocks[:3], start=1):
            x = DenseBlock(layers, widths.growth, numerics, NormReLUConv, name=f"block{block}")(x, train=train)
            skips.append(x)
            x = NormReLUConv(x.shape[-1] // 2, 1, numerics, name=f"transition{block}")(x, train=train)
            x = avg_pool2(x)
        x = DenseBlock(widths.blocks[3], widths.growth, numerics, NormReLUConv, name="block4")(x, train=train)
        return nn.relu(BatchNorm(numerics, name="bottom_norm")(x, train=train)), skips


def hdenseunet(*, size: str = "161", **shared: Any) -> HDenseUNet:
    """Return the network of a named ``size``, a key of ``denseunet.SIZES``; ``shared`` are fields of ``Network``.

    Raises:
        ValueError: for a size that does not exist.
    """
    checks.one_of("size", size, SIZES)
    return HDenseUNet(widths=SIZES[size], **shared)
