"""Attention U-Net (Oktay et al. 2018) in its public 2-D form: gates at all four skips, convolutions with biases."""

from __future__ import annotations

from typing import Any, ClassVar

from jaxtyping import Array, Float

from jaxseg import checks
from jaxseg.models.blocks import Doubled, Pair
from jaxseg.models.network import Attend, Network
from jaxseg.models.u_shape import u_shape

# The gate of LeeJunHyun/Image_Segmentation: theta and phi on the grid of the skip, batch normalisation after each.
GATE = {"sub_sample": 1, "use_bn": True, "project": False}


class AttentionUNet(Network):
    """Attention U-Net of any ``width``: w, 2 w, 4 w, 8 w channels, a bottom of 16 w, a gate at every skip.

    Each gate looks at the decoder's features at the grid of the skip. The published network is 3-D, with gates at three
    levels whose cells are 2 x 2 x 2 and with deep supervision; this is the 2-D form that is run in most comparisons.
    Without gates 8424 w^2 + (9 c + 321 + K) w + K parameters for c input channels and K classes; the gates add
    85 w^2 + 52.5 w + 12.

    Args:
        width: w.

    """

    stride: ClassVar[int] = 16
    skip_strides: ClassVar[tuple[int, ...]] = (1, 2, 4, 8)
    framed: ClassVar[bool] = True

    width: int

    def features(self, x: Float[Array, "b h w c"], attend: Attend, *, train: bool) -> Float[Array, "b h w d"]:
        """Return ``width`` channels at full resolution."""

        def pair(level: int, name: str, x: Array) -> Array:
            return Pair(self.width * 2**level, self.numerics, use_bias=True, name=f"{name}{level}")(x, train=train)

        def rise(level: int, x: Array) -> Array:
            return Doubled(self.width * 2**level, self.numerics, name=f"double{level}")(x, train=train)

        return u_shape(
            x, attend, down=lambda level, x: pair(level, "down", x), rise=rise, up=lambda level, x: pair(level, "up", x)
        )


def attention_unet(*, width: int = 64, **shared: Any) -> AttentionUNet:
    """Return the Attention U-Net whose first level has ``width`` channels, 64 in the public code.

    ``shared`` are fields of ``Network``; ``attention`` "none" stands for its own gates, ``attention_gate`` with
    ``GATE``, and another name replaces them.

    Raises:
        ValueError: for a width below 1.
    """
    checks.at_least_one(width=width)
    if shared.get("attention", "none") == "none":
        shared |= {"attention": "attention_gate", "attention_options": GATE | dict(shared.get("attention_options", {}))}
    return AttentionUNet(width=width, **shared)
