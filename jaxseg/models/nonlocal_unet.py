"""Non-local U-Net (Wang et al. 2020) in two dimensions: residual blocks, and attention where grids are coarse.

The layers are those of divelab/Non-local-U-Nets, network.py and utils/attention.py, with 2-D operators for 3-D ones.
That code draws kernels with a standard deviation of 1; here they start as Glorot's, as in the other networks.
"""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jaxseg import checks
from jaxseg.attention import aggregate
from jaxseg.attention.form import Form
from jaxseg.attention.norms import softmax
from jaxseg.attention.scores import Dot
from jaxseg.attention.supports import Everywhere
from jaxseg.layers import BatchNorm, Conv, Dropout, Numerics
from jaxseg.models.blocks import UpConv3
from jaxseg.models.network import Attend, Network


class NormReLU6(nn.Module):
    """Batch normalisation and a ReLU that ends at 6."""

    numerics: Numerics

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"], *, train: bool) -> Float[Array, "b h w c"]:
        """Return as many channels on the same grid."""
        return nn.relu6(BatchNorm(self.numerics, name="norm")(x, train=train))


class Residual(nn.Module):
    """Twice normalisation and a 3x3 convolution, and x; or, where it ``projects``, a 1x1 convolution of the first."""

    features: int
    numerics: Numerics
    strides: int = 1
    projects: bool = False

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"], *, train: bool) -> Float[Array, "b rows columns d"]:
        """Return ``features`` channels on a grid of 1 / ``strides`` of the sides."""
        like = {"use_bias": False, "dtype": self.numerics.dtype}
        y = NormReLU6(self.numerics, name="norm1")(x, train=train)
        if self.projects:
            x = Conv(self.features, (1, 1), strides=self.strides, name="beside", **like)(y)
        y = Conv(self.features, strides=self.strides, name="conv1", **like)(y)
        y = NormReLU6(self.numerics, name="norm2")(y, train=train)
        return x + Conv(self.features, name="conv2", **like)(y)


class Aggregation(nn.Module):
    """Global aggregation: softmax attention of every position to all, on the grid of x or on one of twice its sides.

    Where it ``doubles`` the grid, the queries are a transposed convolution of x. In training the weights pass a dropout
    by themselves and so are all stored: heads x queries x keys an image.
    """

    features: int
    heads: int
    dropout: float
    numerics: Numerics
    doubles: bool = False

    @nn.compact
    def __call__(
        self, x: Float[Array, "b h w c"], *, train: bool, valid: Bool[Array, "b h w"] | None
    ) -> Float[Array, "b rows columns d"]:
        """Return ``features`` channels; positions that are not ``valid`` are no keys."""
        batch, *keys, _ = x.shape

        def point(name: str) -> Conv:
            return Conv(self.features, (1, 1), dtype=self.numerics.dtype, name=name)

        def heads(x: Array) -> Array:
            return x.reshape(batch, -1, self.heads, self.features // self.heads)

        query = UpConv3(self.features, self.numerics, use_bias=True, name="query") if self.doubles else point("query")
        q = query(x)
        grid = q.shape[1:3]
        q, k, v = heads(q) * (self.features // self.heads) ** -0.5, heads(point("key")(x)), heads(point("value")(x))
        ok = None if valid is None else valid.reshape(batch, -1)
        if train and self.dropout:
            y = self._dropped(q, k, v, ok)
        else:
            y = aggregate(Form(Everywhere(grid, tuple(keys)), Dot(q, k), softmax, v, ok, groups=self.heads))
        return point("out")(y.reshape(batch, *grid, self.features))

    def _dropped(self, q: Array, k: Array, v: Array, ok: Array | None) -> Array:
        """Return attention whose weights pass a dropout, [batch, queries, heads, width]."""
        wide = jnp.promote_types(q.dtype, jnp.float32)
        scores = jnp.einsum("bnmd,bpmd->bmnp", q, k, preferred_element_type=wide)
        if ok is not None:
            scores = jnp.where(ok[:, None, None], scores, -jnp.inf)
        weights = jax.nn.softmax(scores)
        # As lists of rows: with four axes they would pass for features on a grid.
        rows = weights.reshape(weights.shape[0], -1, weights.shape[-1])
        weights = Dropout(self.dropout, self.numerics, name="dropout")(rows, train=True).reshape(weights.shape)
        return jnp.einsum("bmnp,bpmd->bnmd", weights.astype(v.dtype), v)


class NonlocalUNet(Network):
    """Non-local U-Net of any ``width`` and ``depth``: w, 2 w, 4 w, ... channels, skips that are summed.

    Attention acts at the bottom, with two heads, and in the first ``global_ups`` of the decoder's stages, with one: the
    published code has one such stage; the published number of parameters, as it is remembered, is that of two. Its cost
    grows with the square of the bottom's cells: at 256 x 256 and depth 3 these are 4,096, at depth 5 they are 256. For
    three channels, two classes and one such stage 635 w^2 + 105 w + 2 parameters at depth 3, 2575 w^2 + 185 w + 2 at
    depth 4 and 10335 w^2 + 345 w + 2 at depth 5.

    Args:
        width: w, 32 in the published network.
        depth: levels, 3 there, the bottom included.
        global_ups: decoder stages that attend, counted from the bottom.
        dropout: rate of the attention's weights and of what the head reads, 0.5 there.

    """

    framed = True

    width: int
    depth: int = 3
    global_ups: int = 1
    dropout: float = 0.5

    @property
    def stride(self) -> int:  # type: ignore[override]
        """Pixels along a side of the bottom's cells."""
        return 2 ** (self.depth - 1)

    @property
    def skip_strides(self) -> tuple[int, ...]:  # type: ignore[override]
        """Those of the levels above the bottom."""
        return tuple(2**level for level in range(self.depth - 1))

    def features(self, x: Float[Array, "b h w c"], attend: Attend, *, train: bool) -> Float[Array, "b h w d"]:
        """Return ``width`` channels at full resolution."""
        like = {"use_bias": False, "dtype": self.numerics.dtype}
        x = Conv(self.width, name="stem", **like)(x)
        skips = []
        for level in range(self.depth):
            strides = 2 if level else 1
            block = Residual(self.width * 2**level, self.numerics, strides, projects=True, name=f"down{level}")
            x = block(x, train=train)
            skips.append(x)
        y = NormReLU6(self.numerics, name="bottom_norm")(x, train=train)
        bottom = Aggregation(x.shape[-1], 2, self.dropout, self.numerics, name="bottom")
        x = x + bottom(y, train=train, valid=attend.real(y))
        for level in reversed(range(self.depth - 1)):
            features, attends = self.width * 2**level, level > self.depth - 2 - self.global_ups
            y = NormReLU6(self.numerics, name=f"rise_norm{level}")(x, train=train) if attends else x
            x = UpConv3(features, self.numerics, name=f"rise{level}")(y)
            if attends:
                risen = Aggregation(features, 1, self.dropout, self.numerics, doubles=True, name=f"aggregate{level}")
                x = x + risen(y, train=train, valid=attend.real(y))
            x = x + attend(level, skips[level], gate=x)
            x = Residual(features, self.numerics, name=f"up{level}")(x, train=train)
        x = NormReLU6(self.numerics, name="last_norm")(x, train=train)
        return Dropout(self.dropout, self.numerics, name="dropout")(x, train=train)


def nonlocal_unet(
    *, width: int = 32, depth: int = 3, global_ups: int = 1, dropout: float = 0.5, **shared: Any
) -> NonlocalUNet:
    """Return the Non-local U-Net whose first level has ``width`` channels; ``shared`` are fields of ``Network``.

    Raises:
        ValueError: for a width below 1, a depth below 2, other than one or two global stages or more than there are,
            or a dropout that is no probability.
    """
    checks.at_least_one(width=width)
    checks.require(type(depth) is int and depth >= 2, "depth", depth, "2 or more levels")
    one_or_two = type(global_ups) is int and global_ups in (1, 2)
    checks.require(one_or_two and global_ups < depth, "global_ups", global_ups, "1 or 2, and below the depth")
    checks.fraction("dropout", dropout, "a probability, 0 to below 1")
    return NonlocalUNet(width=width, depth=depth, global_ups=global_ups, dropout=float(dropout), **shared)
