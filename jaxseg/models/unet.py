"""U-Net, padded and batch-normalised (Ronneberger et al. 2015 with the changes that are common since)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from jaxtyping import Array, Float

from jaxseg import checks
from jaxseg.models.blocks import Pair, UpConv
from jaxseg.models.equipped import Equipped
from jaxseg.models.network import Attend, Network
from jaxseg.models.u_shape import u_shape
from jaxseg.models.valid_unet import ValidUNet


class UNet(Equipped):
    """U-Net of any ``width``: four levels of w, 2 w, 4 w, 8 w channels, a bottom of 16 w, skips that are concatenated.

    The 2015 network has no padding and no normalisation: see ``ValidUNet``. With both, and no biases but those of the
    transposed convolutions and the head, 7574 w^2 + (9 c + 199 + K) w + K parameters for c input channels and K
    classes. A block follows each pair of convolutions, before the skip leaves it; a head at the bottom follows the
    deepest pair.

    Args:
        width: w.

    """

    stride: ClassVar[int] = 16
    skip_strides: ClassVar[tuple[int, ...]] = (1, 2, 4, 8)
    framed: ClassVar[bool] = True

    width: int

    def features(
        self, x: Float[Array, "b h w c"], attend: Attend, *, train: bool
    ) -> tuple[Float[Array, "b h w d"], Mapping[str, Float[Array, "b _ _ _"]]]:
        """Return ``width`` channels at full resolution, and features for the auxiliary logits of a head."""
        auxiliary: dict[str, Array] = {}

        def pair(level: int, part: str, name: str, x: Array) -> Array:
            x = Pair(self.width * 2**level, self.numerics, name=name)(x, train=train)
            return self.inside(part, name, x, attend, train=train)

        def down(level: int, x: Array) -> Array:
            if level < 4:
                return pair(level, "encoder", f"down{level}", x)
            x, found = self.at_bottom(pair(level, "bottom", "bottom", x), attend, train=train)
            auxiliary.update(found)
            return x

        x = u_shape(
            x,
            attend,
            down=down,
            rise=lambda level, x: UpConv(self.width * 2**level, self.numerics, name=f"upconv{level}")(x),
            up=lambda level, x: pair(level, "decoder", f"up{level}", x),
        )
        return x, auxiliary


def unet(
    *,
    width: int = 64,
    valid: bool = False,
    block: str = "none",
    bottom: str = "none",
    bottom_options: Mapping[str, Any] | None = None,
    **shared: Any,
) -> Network:
    """Return the U-Net whose first level has ``width`` channels, 64 in the paper; ``shared`` are fields of ``Network``.

    ``valid`` gives the network of the paper, ``ValidUNet``. ``block``, ``bottom`` and ``bottom_options`` are those of
    ``Equipped``, which that one is not: its inner maps lie over mirrored pixels too, which are not to be pooled.

    Raises:
        ValueError: for a width below 1, a block, head or option of it that does not exist, or one beside ``valid``.
    """
    checks.at_least_one(width=width)
    checks.require(isinstance(valid, bool), "valid", valid, "true or false")
    own = {"block": block, "bottom": bottom, "bottom_options": bottom_options or {}}
    if not valid:
        return UNet(width=width, **own, **shared)
    for name, value in own.items():
        checks.require(
            value in ("none", {}), name, value, "none of it beside valid=True, a U-Net without blocks or heads"
        )
    return ValidUNet(width=width, **shared)
