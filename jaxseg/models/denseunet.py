"""DenseUNet: a DenseNet encoder and a summing U-Net decoder, with attention on the skips.

The layer table is that of the network which the paper's first author published in 2020; the paper itself gives
none. CBR below is convolution, batch normalisation, ReLU, in this order: normalisation *follows* the convolution,
unlike DenseNet's, so that no tensor is normalised twice and a dense block has no statistics to share.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxseg import attention as mechanisms
from jaxseg.layers import BatchNorm, Conv, avg_pool, max_pool, upsample2

STRIDE = 32  # of the deepest features; sides are padded to a multiple of it
LEVELS = (0, 1, 2, 3)  # the skips, at strides 2, 4, 8, 16
HEADS = ("plain", "author")
DTYPES = ("float32", "bfloat16")


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


def denseunet(
    *,
    size: str,
    attention: str = "none",
    attention_options: Mapping[str, Any] | None = None,
    levels: Sequence[int] = LEVELS,
    num_classes: int = 2,
    head: str = "plain",
    dtype: str = "float32",
    axis_name: str | None = None,
) -> DenseUNet:
    """Return the DenseUNet of a named ``size``; every other argument is a field of ``DenseUNet``.

    Raises:
        ValueError: for a size, mechanism, level, head or dtype that does not exist.
    """
    if size not in SIZES:
        raise ValueError(f"denseunet has no size {size!r}; choose one of {', '.join(SIZES)}.")
    if len(set(levels)) < len(levels) or not set(levels) <= set(LEVELS):
        raise ValueError(
            f"levels is {tuple(levels)}; choose among 0, 1, 2, 3 (the skips at strides 2, 4, 8, 16), once each."
        )
    if head not in HEADS:
        raise ValueError(f"denseunet has no head {head!r}; choose one of {', '.join(HEADS)}.")
    if dtype not in DTYPES:
        raise ValueError(f"dtype is {dtype!r}; choose one of {', '.join(DTYPES)}.")
    if num_classes < 2:
        raise ValueError(f"num_classes is {num_classes}; the softmax over classes needs at least 2.")
    # A config that was JSON has lists for tuples, and a module is hashed by its fields.
    like_python = {name: tuple(v) if isinstance(v, list) else v for name, v in (attention_options or {}).items()}
    options = nn.FrozenDict(like_python)
    mechanisms.build(attention, **options)  # A wrong name or option is told here, not at the first step.
    return DenseUNet(
        widths=SIZES[size],
        attention=attention,
        attention_options=options,
        levels=tuple(sorted(levels)),
        num_classes=num_classes,
        head=head,
        dtype=jnp.dtype(dtype),
        axis_name=axis_name,
    )


class CBR(nn.Module):
    """Convolution without bias, batch normalisation, ReLU."""

    features: int
    taps: int
    dtype: Any
    axis_name: str | None

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"], *, train: bool) -> Float[Array, "b h w d"]:
        """Return ``features`` channels on the same grid."""
        x = Conv(self.features, (self.taps, self.taps), use_bias=False, dtype=self.dtype, name="conv")(x)
        return nn.relu(BatchNorm(dtype=self.dtype, axis_name=self.axis_name, name="norm")(x, train=train))


class DenseBlock(nn.Module):
    """Layers that each read all the channels before them and append ``growth`` of their own."""

    layers: int
    growth: int
    dtype: Any
    axis_name: str | None

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"], *, train: bool) -> Float[Array, "b h w d"]:
        """Return c + ``layers`` x ``growth`` channels, the first c of them ``x`` itself."""
        for layer in range(1, self.layers + 1):
            y = CBR(4 * self.growth, 1, self.dtype, self.axis_name, name=f"reduce{layer}")(x, train=train)
            y = CBR(self.growth, 3, self.dtype, self.axis_name, name=f"grow{layer}")(y, train=train)
            x = jnp.concatenate([x, y], axis=-1)
        return x


class Stem(nn.Module):
    """Three 3x3 convolutions with bias and ReLU, the first with stride 2; no normalisation."""

    features: int
    dtype: Any

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b rows columns d"]:
        """Return ``features`` channels on the grid of the first skip."""
        for layer, strides in enumerate((2, 1, 1), start=1):
            x = nn.relu(Conv(self.features, strides=strides, dtype=self.dtype, name=f"conv{layer}")(x))
        return x


class Head(nn.Module):
    """Logits of each pixel: a 1x1 convolution ("plain"), or the author's CBR, whose logits are never negative."""

    num_classes: int
    kind: str
    axis_name: str | None

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"], *, train: bool) -> Float[Array, "b h w classes"]:
        """Return float32 logits, computed in float32 too: rounded ones would tie, and blunt every ranking of pixels."""
        if self.kind == "author":
            return CBR(self.num_classes, 1, jnp.float32, self.axis_name, name="cbr")(x, train=train)
        return Conv(self.num_classes, (1, 1), dtype=jnp.float32, name="conv")(x)


class DenseUNet(nn.Module):
    """DenseUNet of any ``widths``; attention acts on each skip in ``levels`` just before it is summed.

    With stem c0, growth k and n1..n4 layers, block 1 ends with c1 = c0 + n1 k channels, block 2 with
    c2 = c1 // 2 + n2 k, block 3 with c3 = c2 // 2 + n3 k. The skips have c0..c3 channels, the decoder the same.

    Args:
        widths: channels and depths, an entry of ``SIZES``.
        attention: name of the mechanism, a key of ``jaxseg.attention.MECHANISMS``; "none" leaves the skips alone.
        attention_options: its arguments.
        levels: the skips that carry attention, a subset of 0..3 for strides 2, 4, 8, 16.
        num_classes: channels of the logits.
        head: "plain" (1x1 convolution with bias) or "author" (batch normalisation and ReLU on the logits).
        dtype: what features are computed in; parameters, statistics and logits are float32.
        axis_name: mapped axis over which batch statistics are averaged.
    """

    widths: Widths
    attention: str = "none"
    attention_options: Mapping[str, Any] = nn.FrozenDict()
    levels: tuple[int, ...] = LEVELS
    num_classes: int = 2
    head: str = "plain"
    dtype: Any = jnp.float32
    axis_name: str | None = None

    def setup(self) -> None:
        """Make one attention module a level, named ``attention0`` to ``attention3``."""
        like = {"dtype": self.dtype, "axis_name": self.axis_name}
        for level in self.levels:
            setattr(self, f"attention{level}", mechanisms.build(self.attention, **{**like, **self.attention_options}))

    @nn.compact
    def __call__(
        self,
        images: Float[Array, "batch height width channels"],
        *,
        train: bool = False,
        sizes: Int[Array, "batch 2"] | None = None,
    ) -> Float[Array, "batch height width classes"]:
        """Return the logits of every pixel, float32.

        Args:
            images: normalised, float32, of any height and width. Zeros are added at the bottom and right up to the
                next multiple of 32, and the logits cropped.
            train: whether batch statistics are used, and the running ones updated.
            sizes: real height and width of each image, where the rest of it is padding (zeros, bottom and right).
                Padding is no key of attention; convolutions and batch statistics do see it. None: all is real.
        """
        height, width = images.shape[1:3]
        x = jnp.pad(images, ((0, 0), (0, -height % STRIDE), (0, -width % STRIDE), (0, 0)))
        if sizes is None and x.shape != images.shape:
            sizes = jnp.broadcast_to(jnp.array([height, width]), (images.shape[0], 2))

        deepest, skips = self.encode(x.astype(self.dtype), train)
        features = self.decode(deepest, skips, sizes, train)
        logits = Head(self.num_classes, self.head, self.axis_name, name="head")(features, train=train)
        return logits[:, :height, :width]

    def encode(self, x: Array, train: bool) -> tuple[Array, list[Array]]:
        """Return the features at stride 32 and the skips, shallowest first."""
        like = {"dtype": self.dtype, "axis_name": self.axis_name}
        x = Stem(self.widths.stem, self.dtype, name="stem")(x)
        skips = [x]
        x = max_pool(x)
        for block, layers in enumerate(self.widths.blocks[:3], start=1):
            x = DenseBlock(layers, self.widths.growth, **like, name=f"block{block}")(x, train=train)
            skips.append(x)
            x = CBR(x.shape[-1] // 2, 1, **like, name=f"transition{block}")(x, train=train)
            x = avg_pool(x)
        x = DenseBlock(self.widths.blocks[3], self.widths.growth, **like, name="block4")(x, train=train)
        return CBR(skips[3].shape[-1], 1, **like, name="bottom")(x, train=train), skips

    def decode(self, x: Array, skips: list[Array], sizes: Array | None, train: bool) -> Array:
        """Return features at full resolution: five times upsampled and convolved, with the four skips added."""
        c0, c1, c2, _ = (skip.shape[-1] for skip in skips)
        widths = (c2, c1, c0, c0, self.widths.head)
        for stage, (level, features) in enumerate(zip((3, 2, 1, 0, None), widths, strict=True), start=1):
            x = upsample2(x)
            if level is not None:
                x = x + self.attend(level, skips[level], gate=x, sizes=sizes, train=train)
            x = CBR(features, 3, self.dtype, self.axis_name, name=f"up{stage}")(x, train=train)
        return x

    def attend(self, level: int, skip: Array, *, gate: Array, sizes: Array | None, train: bool) -> Array:
        """Return the skip as attention leaves it, the padding masked out of its keys."""
        if level not in self.levels:
            return skip
        valid = None if sizes is None else real_cells(sizes, 2 ** (level + 1), skip.shape[1:3])
        return getattr(self, f"attention{level}")(skip, train=train, valid=valid, gate=gate)


def real_cells(sizes: Int[Array, "batch 2"], stride: int, grid: tuple[int, ...]) -> Bool[Array, "batch rows columns"]:
    """Return which cells of a ``grid`` at ``stride`` cover a real pixel: the first ceil(size / stride) each way."""
    rows, columns = (-(-sizes[:, axis, None] // stride) > jnp.arange(grid[axis]) for axis in (0, 1))
    return rows[:, :, None] & columns[:, None, :]
