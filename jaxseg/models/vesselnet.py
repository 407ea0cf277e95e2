"""Vessel-Net (Wu et al. 2019), after public re-implementations: its authors' code is not public.

Two of these agree in every layer. They differ from this network in that a coarse auxiliary map passes the sigmoid
before it is interpolated, or is not interpolated at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxseg import checks
from jaxseg.layers import Conv, Numerics, upsample2
from jaxseg.models.blocks import ConvReluNorm, ForegroundHead
from jaxseg.models.network import Attend, Network


class Inception(nn.Module):
    """An inception-residual block: a 1x1 branch, a branch of dilated residuals, and what arrives, convolved together.

    The second branch is h = F(x), h = h + F2(h), h = h + F3(h): F a 1x1 convolution, F2 and F3 3x3 ones of dilation 2
    and 3, each with ReLU and batch normalisation. A 3x3 convolution without either follows.
    """

    features: int
    numerics: Numerics

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"], *, train: bool) -> Float[Array, "b h w d"]:
        """Return ``features`` channels on the same grid."""
        point = ConvReluNorm(self.features, 1, self.numerics, name="point")(x, train=train)
        h = ConvReluNorm(self.features, 1, self.numerics, name="context1")(x, train=train)
        for dilation in (2, 3):
            h = h + ConvReluNorm(self.features, 3, self.numerics, dilation, name=f"context{dilation}")(h, train=train)
        joined = jnp.concatenate([x, point, h], axis=-1)
        return Conv(self.features, dtype=self.numerics.dtype, name="join")(joined)


class VesselNet(Network):
    """Vessel-Net of any ``width``: blocks of w, 2 w and 4 w channels, strided convolutions between them, two skips.

    Besides the prediction the training loss reads three maps, the other paths of supervision: "rich", from the first
    and the last block, and "half" and "quarter", from the blocks at these scales. Each has one logit for each
    foreground. 1231 w^2 + 176 w + 5 parameters for three channels and two classes.

    Args:
        width: w, 32 in the published network.
        rectified: whether a ReLU follows every logit, as in the public code; no probability of an auxiliary map is then
            below 1/2.

    """

    stride: ClassVar[int] = 4
    skip_strides: ClassVar[tuple[int, ...]] = (1, 2)
    framed: ClassVar[bool] = True
    auxiliary_weights: ClassVar[Mapping[str, float]] = MappingProxyType({"rich": 1.0, "half": 1.0, "quarter": 1.0})

    width: int
    rectified: bool = False

    def features(
        self, x: Float[Array, "b h w c"], attend: Attend, *, train: bool
    ) -> tuple[Float[Array, "b h w d"], Mapping[str, Float[Array, "b _ _ _"]]]:
        """Return ``width`` channels at full resolution, and the features of the auxiliary maps."""

        def block(name: str, features: int, x: Array) -> Array:
            return Inception(features, self.numerics, name=name)(x, train=train)

        def halved(name: str, x: Array) -> Array:
            like = {"kernel_size": (2, 2), "strides": 2, "dtype": self.numerics.dtype}
            return nn.relu(Conv(x.shape[-1], name=name, **like)(x))

        first = block("down0", self.width, x)
        second = block("down1", 2 * self.width, halved("halve0", first))
        quarter = block("bottom", 4 * self.width, halved("halve1", second))
        x = upsample2(quarter, align_corners=False)
        half = block("up1", 2 * self.width, jnp.concatenate([attend(1, second, gate=x), x], axis=-1))
        x = upsample2(half, align_corners=False)
        last = block("up0", self.width, jnp.concatenate([attend(0, first, gate=x), x], axis=-1))
        return last, {"rich": jnp.concatenate([first, last], axis=-1), "half": half, "quarter": quarter}

    def classify(self, features: Float[Array, "b h w d"], *, train: bool) -> Float[Array, "b h w classes"]:
        """Return the logits of every pixel, float32."""
        logits = super().classify(features, train=train)
        return nn.relu(logits) if self.rectified else logits

    def classify_auxiliary(self, name: str, features: Float[Array, "b h w d"]) -> Float[Array, "b h w classes"]:
        """Return the logits of an auxiliary map on its own grid, float32; that of the background is 0."""
        return ForegroundHead(self.num_classes, self.rectified, name=f"auxiliary_{name}")(features)


def vesselnet(*, width: int = 32, rectified: bool = False, **shared: Any) -> VesselNet:
    """Return the Vessel-Net whose first block has ``width`` channels; ``shared`` are fields of ``Network``.

    Raises:
        ValueError: for a width below 1, or ``rectified`` that is neither true nor false.
    """
    checks.at_least_one(width=width)
    checks.require(isinstance(rectified, bool), "rectified", rectified, "true or false")
    return VesselNet(width=width, rectified=rectified, **shared)
