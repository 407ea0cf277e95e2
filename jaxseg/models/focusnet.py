"""FocusNetAlpha (Kaul et al. 2019): a residual U-Net whose blocks gate half of their groups of channels by the others.

The layers are those of chaitanya-kaul/TheFocusNetSeries, focusnetpp.py, where two layers of dropout are made and not
connected; they are left out.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxseg import checks
from jaxseg.layers import BatchNorm, Conv, Numerics, max_pool2, repeat2
from jaxseg.models.blocks import ForegroundHead
from jaxseg.models.network import Attend, Network

SLOPE = 0.3  # of the leaky ReLU: Keras' default
STEM = 32
ENCODER = (48, 96, 156, 256, 512)  # channels of each level; the last is the bottom
BLOCKS = (1, 3, 3, 3, 2)  # of each level
SIDE = (None, 32, 64, 128)  # hidden channels of each level's map; that of level 0 has no hidden layer
LAST = (16, 9, 3)  # channels of the convolutions at full resolution
JOIN = 32  # hidden channels behind all maps


def scaled(channels: int, scale: float) -> int:
    """Return ``channels`` times ``scale`` as a multiple of 4, the number of groups, and at least 4."""
    return max(4 * round(channels * scale / 4), 4)


class NormLeaky(nn.Module):
    """Batch normalisation and leaky ReLU."""

    numerics: Numerics

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"], *, train: bool) -> Float[Array, "b h w c"]:
        """Return as many channels on the same grid."""
        return nn.leaky_relu(BatchNorm(self.numerics, name="norm")(x, train=train), SLOPE)


class Group(nn.Module):
    """Twice normalisation, leaky ReLU and a 3x3 convolution; then a map in (0, 1), or a shortcut that is added."""

    gates: bool
    numerics: Numerics

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"], *, train: bool) -> Float[Array, "b h w c"]:
        """Return as many channels on the same grid: the map has one value for each position and channel."""
        features, like = x.shape[-1], {"dtype": self.numerics.dtype}
        y = x
        for layer in (1, 2):
            y = NormLeaky(self.numerics, name=f"norm{layer}")(y, train=train)
            y = Conv(features, name=f"conv{layer}", **like)(y)
        if self.gates:
            return nn.sigmoid(Conv(features, (1, 1), name="map", **like)(y))
        beside = Conv(features, (1, 1), name="beside", **like)(x)
        return y + NormLeaky(self.numerics, name="beside_norm")(beside, train=train)


class Block(nn.Module):
    """A residual block of four groups of channels: the first gates the second, the third the fourth.

    A 1x1 convolution to ``inner`` channels, the groups, a 1x1 convolution of each product, both side by side, a 1x1
    convolution to ``features`` with batch normalisation, the shortcut, leaky ReLU. A block that changes the number of
    channels, or is told to, has a 1x1 convolution with batch normalisation as its shortcut.
    """

    inner: int
    features: int
    numerics: Numerics
    projects: bool

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"], *, train: bool) -> Float[Array, "b h w d"]:
        """Return ``features`` channels on the same grid."""

        def point(features: int, x: Array, name: str) -> Array:
            return Conv(features, (1, 1), dtype=self.numerics.dtype, name=name)(x)

        groups = jnp.split(point(self.inner, x, "reduce"), 4, axis=-1)
        joined = []
        for pair, (gate, gated) in enumerate((groups[:2], groups[2:]), start=1):
            weights = Group(True, self.numerics, name=f"gate{pair}")(gate, train=train)
            y = Group(False, self.numerics, name=f"gated{pair}")(gated, train=train)
            y = point(self.inner // 2, weights * y, f"join{pair}")
            joined.append(NormLeaky(self.numerics, name=f"join{pair}_norm")(y, train=train))
        y = point(self.features, jnp.concatenate(joined, axis=-1), "expand")
        y = BatchNorm(self.numerics, name="expand_norm")(y, train=train)
        if self.projects:
            x = BatchNorm(self.numerics, name="beside_norm")(point(self.features, x, "beside"), train=train)
        return nn.leaky_relu(x + y, SLOPE)


class FocusNet(Network):
    """FocusNetAlpha; its skips are summed, and the maps of all four decoder levels make the prediction.

    With two classes a map is one sigmoid, as published; with more, one for each foreground. A map is made at its own
    level and each of its pixels repeated, which is what repeating the features and mapping them gives.

    Args:
        scale: of the channels of stem and levels, 1 in the published network; ``SIDE``, ``LAST`` and ``JOIN`` stay.

    """

    stride: ClassVar[int] = 16
    skip_strides: ClassVar[tuple[int, ...]] = (1, 2, 4, 8)
    framed: ClassVar[bool] = True

    scale: float

    def features(self, x: Float[Array, "b h w c"], attend: Attend, *, train: bool) -> Float[Array, "b h w maps"]:
        """Return the maps of all levels at full resolution, side by side, the finest last."""
        skips = self._encode(x, train)
        x = skips.pop()
        maps = []
        for level in (3, 2, 1, 0):
            before, skip = x.shape[-1], skips[level]
            x = Block(before, skip.shape[-1], self.numerics, projects=True, name=f"up{level}")(repeat2(x), train=train)
            x = x + attend(level, skip, gate=x)
            last = (self._scaled(ENCODER[level]),) if level else LAST
            for layer, features in enumerate(last, start=1):
                x = nn.relu(Conv(features, dtype=self.numerics.dtype, name=f"conv{level}_{layer}")(x))
            maps.append(self._map(level, x, train))
        return jnp.concatenate(maps, axis=-1)

    def classify(self, features: Float[Array, "b h w maps"], *, train: bool) -> Float[Array, "b h w classes"]:
        """Return the logits of every pixel, float32, that of the background 0."""
        x = Conv(JOIN, (1, 1), dtype=self.numerics.dtype, name="join")(features)
        x = NormLeaky(self.numerics, name="join_norm")(x, train=train)
        return ForegroundHead(self.num_classes, name="head")(x)

    def _encode(self, x: Array, train: bool) -> list[Array]:
        """Return the features of each level, the bottom last."""
        x = Conv(self._scaled(STEM), (5, 5), dtype=self.numerics.dtype, name="stem")(x)
        levels = []
        for level, (width, blocks) in enumerate(zip(ENCODER, BLOCKS, strict=True)):
            x = max_pool2(x) if level else x
            for number in range(1, blocks + 1):
                before, name = x.shape[-1], f"down{level}_{number}"
                block = Block(before, self._scaled(width), self.numerics, projects=number == 1, name=name)
                x = block(x, train=train)
            levels.append(x)
        return levels

    def _map(self, level: int, x: Array, train: bool) -> Array:
        """Return the maps of a decoder level, in (0, 1), at full resolution."""
        like, hidden = {"dtype": self.numerics.dtype}, SIDE[level]
        if hidden:
            x = Conv(hidden, (1, 1), name=f"side{level}", **like)(x)
            x = NormLeaky(self.numerics, name=f"side{level}_norm")(x, train=train)
        x = nn.sigmoid(Conv(self.num_classes - 1, (1, 1), name=f"map{level}", **like)(x))
        for _ in range(level):
            x = repeat2(x)
        return x

    def _scaled(self, channels: int) -> int:
        return scaled(channels, self.scale)


def focusnet(*, scale: float = 1.0, **shared: Any) -> FocusNet:
    """Return FocusNetAlpha with the channels of its levels times ``scale``; ``shared`` are fields of ``Network``.

    Raises:
        ValueError: for a scale that is not above 0.
    """
    checks.require(0 < scale < math.inf, "scale", scale, "a number above 0")
    return FocusNet(scale=float(scale), **shared)
