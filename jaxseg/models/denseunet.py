"""DenseUNet: a DenseNet encoder and a summing U-Net decoder, with attention on the skips.

The layer table is that of the network which the paper's first author published in 2020; the paper itself gives
none. CBR is convolution, batch normalisation, ReLU, in this order: normalisation *follows* the convolution,
unlike DenseNet's, so that no tensor is normalised twice and a dense block has no statistics to share.
"""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar, NamedTuple

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxseg import checks
from jaxseg.layers import Conv, Numerics, avg_pool, max_pool, upsample2
from jaxseg.models.blocks import CBR
from jaxseg.models.network import Attend, Network

HEADS = ("plain", "author")


class Widths(NamedTuple):
    """What tells one size of the network from another."""

    stem: int  # channels of the first skip
    growth: int  # channels that each layer of a dense block adds
    blocks: tuple[int, int, int, int]  # layers of each dense block
    head: int  # channels of the last stage, at full resolution


SIZES = {
    "161": Widths(96, 48, (6, 12, 36, 24), 64),  # the published network
    "121": Widths(64, 32, (6, 12, 24, 16), 64),
    "base": Widths(48, 24, (4, 6, 8, 6), 64),
    "small": Widths(32, 16, (3, 4, 6, 4), 64),
    "tiny": Widths(16, 8, (2, 2, 2, 2), 16),
    "micro": Widths(8, 4, (1, 1, 1, 1), 8),  # for tests
}


class DenseBlock(nn.Module):
    """Layers that each read all the channels before them and append ``growth`` of their own."""

    layers: int
    growth: int
    numerics: Numerics

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"], *, train: bool) -> Float[Array, "b h w d"]:
        """Return c + ``layers`` x ``growth`` channels, the first c of them ``x`` itself."""
        for layer in range(1, self.layers + 1):
            y = CBR(4 * self.growth, 1, self.numerics, name=f"reduce{layer}")(x, train=train)
            y = CBR(self.growth, 3, self.numerics, name=f"grow{layer}")(y, train=train)
            x = jnp.concatenate([x, y], axis=-1)
        return x


class Stem(nn.Module):
    """Three 3x3 convolutions with bias and ReLU, the first with stride 2; no normalisation."""

    features: int
    numerics: Numerics

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b rows columns d"]:
        """Return ``features`` channels on the grid of the first skip."""
        for layer, strides in enumerate((2, 1, 1), start=1):
            x = nn.relu(Conv(self.features, strides=strides, dtype=self.numerics.dtype, name=f"conv{layer}")(x))
        return x


class AuthorHead(nn.Module):
    """The author's head: a 1x1 convolution with batch normalisation and ReLU."""

    num_classes: int
    numerics: Numerics

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"], *, train: bool) -> Float[Array, "b h w classes"]:
        """Return float32 logits, computed in float32, none of them negative."""
        numerics = dataclasses.replace(self.numerics, dtype=jnp.float32)
        return CBR(self.num_classes, 1, numerics, name="cbr")(x, train=train)


class DenseUNet(Network):
    """DenseUNet of any ``widths``; attention acts on each skip just before it is summed.

    With stem c0, growth k and n1..n4 layers, block 1 ends with c1 = c0 + n1 k channels, block 2 with
    c2 = c1 // 2 + n2 k, block 3 with c3 = c2 // 2 + n3 k. The skips have c0..c3 channels, the decoder the same.

    Args:
        widths: channels and depths, an entry of ``SIZES``.
        head: "plain" (1x1 convolution with bias) or "author" (batch normalisation and ReLU on the logits, which so are
            never negative).

    """

    stride: ClassVar[int] = 32
    skip_strides: ClassVar[tuple[int, ...]] = (2, 4, 8, 16)
    framed: ClassVar[bool] = True

    widths: Widths
    head: str = "plain"

    def features(self, x: Float[Array, "b h w c"], attend: Attend, *, train: bool) -> Float[Array, "b h w d"]:
        """Return features at full resolution: five times upsampled and convolved, with the four skips added."""
        x = upsample2(self.decoded(x, attend, train))
        return CBR(self.widths.head, 3, self.numerics, name="up5")(x, train=train)

    def classify(self, features: Float[Array, "b h w d"], *, train: bool) -> Float[Array, "b h w classes"]:
        """Return the logits of every pixel, float32."""
        if self.head == "author":
            return AuthorHead(self.num_classes, self.numerics, name="head")(features, train=train)
        return super().classify(features, train=train)

    def decoded(self, x: Float[Array, "b h w c"], attend: Attend, train: bool) -> Float[Array, "b rows columns d"]:
        """Return the features at stride 2, where the decoder has taken all its skips."""
        x, skips = self._encode(x, train)
        c0, c1, c2, _ = (skip.shape[-1] for skip in skips)
        for stage, (level, features) in enumerate(zip((3, 2, 1, 0), (c2, c1, c0, c0), strict=True), start=1):
            x = upsample2(x)
            x = x + attend(level, skips[level], gate=x)
            x = CBR(features, 3, self.numerics, name=f"up{stage}")(x, train=train)
        return x

    def _encode(self, x: Array, train: bool) -> tuple[Array, list[Array]]:
        """Return the features at stride 32 and the skips, shallowest first."""
        x = Stem(self.widths.stem, self.numerics, name="stem")(x)
        skips = [x]
        x = max_pool(x)
        for block, layers in enumerate(self.widths.blocks[:3], start=1):
            x = DenseBlock(layers, self.widths.growth, self.numerics, name=f"block{block}")(x, train=train)
            skips.append(x)
            x = CBR(x.shape[-1] // 2, 1, self.numerics, name=f"transition{block}")(x, train=train)
            x = avg_pool(x)
        x = DenseBlock(self.widths.blocks[3], self.widths.growth, self.numerics, name="block4")(x, train=train)
        return CBR(skips[3].shape[-1], 1, self.numerics, name="bottom")(x, train=train), skips


def denseunet(*, size: str = "161", head: str = "plain", **shared: Any) -> DenseUNet:
    """Return the DenseUNet of a named ``size``, a key of ``SIZES``, with one of ``HEADS``.

    ``shared`` are fields of ``Network``.

    Raises:
        ValueError: for a size or head that does not exist.
    """
    checks.one_of("size", size, SIZES)
    checks.one_of("head", head, HEADS)
    return DenseUNet(widths=SIZES[size], head=head, **shared)
