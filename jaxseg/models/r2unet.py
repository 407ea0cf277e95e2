"""R2U-Net (Alom et al. 2019): a U-Net of residual units whose convolutions are repeated."""

from __future__ import annotations

from typing import Any, ClassVar

import flax.linen as nn
from jaxtyping import Array, Float

from jaxseg import checks
from jaxseg.layers import BatchNorm, Conv, Numerics
from jaxseg.models.blocks import CBR, Doubled
from jaxseg.models.network import Attend, Network
from jaxseg.models.u_shape import u_shape

SHARES = ("all", "recurrent", "none")


class Recurrent(nn.Module):
    """A recurrent convolutional layer: a convolution, then ``turns`` times again with its own result added.

    With F a 3x3 convolution, batch normalisation and ReLU, h = F(x), then h = F(x + h), t times. ``share`` says what
    the t + 1 applications have in common: "all", one F, its running statistics too; "none", nothing. With "recurrent"
    (Liang and Hu 2015) h = f(w x), then h = f(w x + v h), where w and v are convolutions that all share. That f is ReLU
    after a batch normalisation which each application has for itself is our choice.
    """

    features: int
    turns: int
    share: str
    numerics: Numerics

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"], *, train: bool) -> Float[Array, "b h w c"]:
        """Return features of as many channels as arrive, on the same grid."""
        if self.share == "recurrent":
            fed = self._conv("forward")(x)
            back = self._conv("back")
            h = nn.relu(BatchNorm(self.numerics, name="norm0")(fed, train=train))
            for turn in range(1, self.turns + 1):
                h = nn.relu(BatchNorm(self.numerics, name=f"norm{turn}")(fed + back(h), train=train))
            return h
        count = 1 if self.share == "all" else self.turns + 1
        layers = [CBR(self.features, 3, self.numerics, use_bias=True, name=f"cbr{turn}") for turn in range(count)]
        h = layers[0](x, train=train)
        for turn in range(1, self.turns + 1):
            h = layers[turn % count](x + h, train=train)
        return h

    def _conv(self, name: str) -> Conv:
        return Conv(self.features, (3, 3), dtype=self.numerics.dtype, name=name)


class Unit(nn.Module):
    """A 1x1 convolution to the unit's channels, and two recurrent layers whose result is added to it."""

    features: int
    turns: int
    share: str
    numerics: Numerics

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"], *, train: bool) -> Float[Array, "b h w d"]:
        """Return ``features`` channels on the same grid."""
        x = Conv(self.features, (1, 1), dtype=self.numerics.dtype, name="project")(x)
        h = x
        for layer in (1, 2):
            h = Recurrent(self.features, self.turns, self.share, self.numerics, name=f"recurrent{layer}")(
                h, train=train
            )
        return x + h


class R2UNet(Network):
    """R2U-Net of any ``width``: w, 2 w, 4 w, 8 w channels, a bottom of 16 w, recurrent residual units throughout.

    With ``share`` "all", the public form, 9538 w^2 + (c + 367 + K) w + K parameters for c input channels and K classes,
    whatever the turns. The paper's own network shares less, as far as it is remembered: its parameters grow with the
    turns.

    Args:
        width: w.
        turns: t, how often each recurrent layer is applied again.
        share: what the applications have in common; see ``Recurrent``.

    """

    stride: ClassVar[int] = 16
    skip_strides: ClassVar[tuple[int, ...]] = (1, 2, 4, 8)
    framed: ClassVar[bool] = True

    width: int
    turns: int = 2
    share: str = "all"

    def features(self, x: Float[Array, "b h w c"], attend: Attend, *, train: bool) -> Float[Array, "b h w d"]:
        """Return ``width`` channels at full resolution."""

        def unit(level: int, name: str, x: Array) -> Array:
            features = self.width * 2**level
            return Unit(features, self.turns, self.share, self.numerics, name=f"{name}{level}")(x, train=train)

        def rise(level: int, x: Array) -> Array:
            return Doubled(self.width * 2**level, self.numerics, name=f"double{level}")(x, train=train)

        return u_shape(
            x, attend, down=lambda level, x: unit(level, "down", x), rise=rise, up=lambda level, x: unit(level, "up", x)
        )


def r2unet(*, width: int = 64, turns: int = 2, share: str = "all", **shared: Any) -> R2UNet:
    """Return the R2U-Net whose first level has ``width`` channels; ``shared`` are fields of ``Network``.

    Raises:
        ValueError: for a width below 1, a negative number of turns, or a ``share`` that does not exist.
    """
    checks.at_least_one(width=width)
    checks.require(type(turns) is int and turns >= 0, "turns", turns, "0 or more")
    checks.one_of("share", share, SHARES)
    return R2UNet(width=width, turns=turns, share=share, **shared)
