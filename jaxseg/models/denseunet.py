"""DenseUNet: a DenseNet encoder and a summing U-Net decoder, with attention on the skips.

The layer table is that of the network which the paper's first author published in 2020; the paper itself gives
none. CBR is convolution, batch normalisation, ReLU, in this order: normalisation *follows* the convolution,
unlike DenseNet's, so that no tensor is normalised twice and a dense block has no statistics to share.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, NamedTuple

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxseg import checks
from jaxseg.layers import Conv, Numerics, avg_pool, max_pool, upsample2
from jaxseg.models.blocks import CBR
from jaxseg.models.equipped import Equipped
from jaxseg.models.network import Attend

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
    unit: Callable[..., Any] = CBR  # of features, taps and numerics

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"], *, train: bool) -> Float[Array, "b h w d"]:
        """Return c + ``layers`` x ``growth`` channels, the first c of them ``x`` itself."""
        for layer in range(1, self.layers + 1):
            y = self.unit(4 * self.growth, 1, self.numerics, name=f"reduce{layer}")(x, train=train)
            y = self.unit(self.growth, 3, self.numerics, name=f"grow{layer}")(y, train=train)
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


class DenseUNet(Equipped):
    """DenseUNet of any ``widths``; attention acts on each skip just before it is summed.

    With stem c0, growth k and n1..n4 layers, block 1 ends with c1 = c0 + n1 k channels, block 2 with
    c2 = c1 // 2 + n2 k, block 3 with c3 = c2 // 2 + n3 k. The skips have c0..c3 channels, the decoder the same.

    A block of attention follows the stem and each dense block, before the skip leaves it, and each stage of the
    decoder. A head at the bottom lies between the last dense block and the 1x1 convolution that gives c3 channels,
    since its result has other channels than the skip that is summed. No paper has either in this network.

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

    def features(
        self, x: Float[Array, "b h w c"], attend: Attend, *, train: bool
    ) -> tuple[Float[Array, "b h w d"], Mapping[str, Float[Array, "b _ _ _"]]]:
        """Return features at full resolution: five times upsampled and convolved, with the four skips added.

        Beside them are features for the auxiliary logits of a head at the bottom.
        """
        x, auxiliary = self.decoded(x, attend, train)
        return self._up(5, self.widths.head, upsample2(x), attend, train), auxiliary

    def classify(self, features: Float[Array, "b h w d"], *, train: bool) -> Float[Array, "b h w classes"]:
        """Return the logits of every pixel, float32."""
        if self.head == "author":
            return AuthorHead(self.num_classes, self.numerics, name="head")(features, train=train)
        return super().classify(features, train=train)

    def decoded(
        self, x: Float[Array, "b h w c"], attend: Attend, train: bool
    ) -> tuple[Float[Array, "b rows columns d"], Mapping[str, Float[Array, "b _ _ _"]]]:
        """Return the features at stride 2, where the decoder has taken all its skips, and those of ``features``."""
        x, skips = self._encode(x, attend, train)
        x, auxiliary = self.at_bottom(x, attend, train=train)
        c0, c1, c2, c3 = (skip.shape[-1] for skip in skips)
        x = CBR(c3, 1, self.numerics, name="bottom")(x, train=train)
        for stage, (level, features) in enumerate(zip((3, 2, 1, 0), (c2, c1, c0, c0), strict=True), start=1):
            x = upsample2(x)
            x = self._up(stage, features, x + attend(level, skips[level], gate=x), attend, train)
        return x, auxiliary

    def _up(self, stage: int, features: int, x: Array, attend: Attend, train: bool) -> Array:
        """Return a stage of the decoder, with its block."""
        x = CBR(features, 3, self.numerics, name=f"up{stage}")(x, train=train)
        return self.inside("decoder", f"up{stage}", x, attend, train=train)

    def _encode(self, x: Array, attend: Attend, train: bool) -> tuple[Array, list[Array]]:
        """Return what the last dense block gives at stride 32, and the skips, shallowest first."""

        def dense(block: int, part: str, x: Array) -> Array:
            layers, name = self.widths.blocks[block - 1], f"block{block}"
            x = DenseBlock(layers, self.widths.growth, self.numerics, name=name)(x, train=train)
            return self.inside(part, name, x, attend, train=train)

        x = Stem(self.widths.stem, self.numerics, name="stem")(x)
        x = self.inside("encoder", "stem", x, attend, train=train)
        skips = [x]
        x = max_pool(x)
        for block in (1, 2, 3):
            x = dense(block, "encoder", x)
            skips.append(x)
            x = CBR(x.shape[-1] // 2, 1, self.numerics, name=f"transition{block}")(x, train=train)
            x = avg_pool(x)
        return dense(4, "bottom", x), skips


def denseunet(
    *,
    size: str = "161",
    head: str = "plain",
    block: str = "none",
    bottom: str = "none",
    bottom_options: Mapping[str, Any] | None = None,
    **shared: Any,
) -> DenseUNet:
    """Return the DenseUNet of a named ``size``, a key of ``SIZES``, with one of ``HEADS``.

    ``block``, ``bottom`` and ``bottom_options`` are those of ``Equipped``; ``shared`` are fields of ``Network``.

    Raises:
        ValueError: for a size, head, block, bottom or option of it that does not exist.
    """
    checks.one_of("size", size, SIZES)
    checks.one_of("head", head, HEADS)
    own = {"block": block, "bottom": bottom, "bottom_options": bottom_options or {}}
    return DenseUNet(widths=SIZES[size], head=head, **own, **shared)
