"""U-Net, padded and batch-normalised (Ronneberger et al. 2015 with the changes that are common since)."""

from __future__ import annotations

from typing import Any, ClassVar

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxseg import checks
from jaxseg.layers import Numerics, max_pool2
from jaxseg.models.blocks import CBR, UpConv
from jaxseg.models.network import Attend, Network


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


class UNet(Network):
    """U-Net of any ``width``: four levels of w, 2 w, 4 w, 8 w channels, a bottom of 16 w, skips that are concatenated.

    The 2015 network has no padding and no normalisation; with both, and no biases but those of the transposed
    convolutions and the head, 7574 w^2 + (9 c + 199 + K) w + K parameters for c input channels and K classes.

    Args:
        width: w.

    """

    stride: ClassVar[int] = 16
    skip_strides: ClassVar[tuple[int, ...]] = (1, 2, 4, 8)
    framed: ClassVar[bool] = True

    width: int

    def features(self, x: Float[Array, "b h w c"], attend: Attend, *, train: bool) -> Float[Array, "b h w d"]:
        """Return ``width`` channels at full resolution."""
        skips = []
        for level in range(4):
            x = Pair(self.width * 2**level, self.numerics, name=f"down{level}")(x, train=train)
            skips.append(x)
            x = max_pool2(x)
        x = Pair(self.width * 16, self.numerics, name="bottom")(x, train=train)
        for level in (3, 2, 1, 0):
            features = self.width * 2**level
            x = UpConv(features, self.numerics, name=f"upconv{level}")(x)
            x = jnp.concatenate([attend(level, skips[level], gate=x), x], axis=-1)
            x = Pair(features, self.numerics, name=f"up{level}")(x, train=train)
        return x


def unet(*, width: int = 64, **shared: Any) -> UNet:
    """Return the U-Net whose first level has ``width`` channels, 64 in the paper; ``shared`` are fields of ``Network``.

    Raises:
        ValueError: for a width below 1.
    """
    checks.at_least_one(width=width)
    return UNet(width=width, **shared)
