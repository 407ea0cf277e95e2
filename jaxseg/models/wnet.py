"""W-Net (Galdran et al. 2020): two small U-Nets in a row, of which the second one sees the logits of the first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxseg import checks
from jaxseg.layers import BatchNorm, Conv, Numerics
from jaxseg.models.blocks import ConvReluNorm, Head, UpConv
from jaxseg.models.network import Attend, Network
from jaxseg.models.u_shape import u_shape

DEPTH = 2  # skips of each U-Net


class Block(nn.Module):
    """Two 3x3 ``ConvReluNorm``, and beside them a 1x1 convolution with batch normalisation that is added."""

    features: int
    numerics: Numerics

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"], *, train: bool) -> Float[Array, "b h w d"]:
        """Return ``features`` channels on the same grid."""
        y = x
        for layer in (1, 2):
            y = ConvReluNorm(self.features, 3, self.numerics, name=f"layer{layer}")(y, train=train)
        beside = Conv(self.features, (1, 1), use_bias=False, dtype=self.numerics.dtype, name="beside")(x)
        return y + BatchNorm(self.numerics, name="norm")(beside, train=train)


class WNet(Network):
    """W-Net of any ``width``: U-Nets of w, 2 w and 4 w channels, two poolings, a convolution on each skip.

    The second one sees the image and the logits of the first, which the training loss reads as well, with weight 1.
    Attention acts on a skip behind its convolution. The published code has one logit where K classes have K here.

    Args:
        width: w, 8 in the published network.
        nets: U-Nets in the row, 1 or 2.

    """

    stride: ClassVar[int] = 2**DEPTH
    framed: ClassVar[bool] = True

    width: int
    nets: int = 2

    @property
    def skip_strides(self) -> tuple[int, ...]:  # type: ignore[override]
        """Those of each U-Net, one after the other."""
        return tuple(2**level for level in range(DEPTH)) * self.nets

    @property
    def auxiliary_weights(self) -> Mapping[str, float]:  # type: ignore[override]
        """One for the logits of the first U-Net where there are two."""
        return {"first": 1.0} if self.nets == 2 else {}

    def features(
        self, x: Float[Array, "b h w c"], attend: Attend, *, train: bool
    ) -> tuple[Float[Array, "b h w d"], Mapping[str, Float[Array, "b h w classes"]]]:
        """Return ``width`` channels of the last U-Net at full resolution, and the logits of the one before it."""
        if self.nets == 1:
            return self._net(1, x, attend, train), {}
        logits = Head(self.num_classes, name="first_head")(self._net(1, x, attend, train))
        x = jnp.concatenate([x, logits.astype(x.dtype)], axis=-1)
        return self._net(2, x, attend, train), {"first": logits}

    def classify_auxiliary(self, name: str, features: Float[Array, "b h w d"]) -> Float[Array, "b h w classes"]:
        """Return ``features``: the logits of the first U-Net are there, since the second one reads them."""
        return features

    def _net(self, number: int, x: Array, attend: Attend, train: bool) -> Array:
        """Return what one of the U-Nets makes of ``x``, at full resolution."""
        first = DEPTH * (number - 1)

        def block(name: str, level: int, x: Array) -> Array:
            return Block(self.width * 2**level, self.numerics, name=f"net{number}_{name}{level}")(x, train=train)

        def rise(level: int, x: Array) -> Array:
            return UpConv(self.width * 2**level, self.numerics, name=f"net{number}_upconv{level}")(x)

        def bridged(level: int, skip: Array, *, gate: Array) -> Array:
            bridge = ConvReluNorm(skip.shape[-1], 3, self.numerics, name=f"net{number}_bridge{level}")
            return attend(first + level, bridge(skip, train=train), gate=gate)

        return u_shape(
            x,
            bridged,
            down=lambda level, x: block("down", level, x),
            rise=rise,
            up=lambda level, x: block("up", level, x),
            depth=DEPTH,
        )


def wnet(*, width: int = 8, nets: int = 2, **shared: Any) -> WNet:
    """Return the W-Net whose first level has ``width`` channels; ``shared`` are fields of ``Network``.

    Raises:
        ValueError: for a width below 1, or other than one or two ``nets``.
    """
    checks.at_least_one(width=width)
    checks.require(type(nets) is int and nets in (1, 2), "nets", nets, "1 or 2 U-Nets in a row")
    return WNet(width=width, nets=nets, **shared)
