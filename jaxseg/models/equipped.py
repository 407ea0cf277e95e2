"""Attention in a network beside that of its skips: a block after each of its parts, and a head at its bottom."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple

import flax.linen as nn
from jaxtyping import Array, Float

from jaxseg import attention, checks
from jaxseg.attention.channel import SCSE, SqueezeExcite
from jaxseg.layers import Numerics, frame
from jaxseg.models.danet import DANetHead
from jaxseg.models.network import Attend, Network
from jaxseg.models.psanet import PSANetHead

THROUGHOUT = ("encoder", "bottom", "decoder")


class Block(NamedTuple):
    """A block: what makes it of numerics and of a name, and the parts of a network that it follows."""

    make: Callable[[Numerics, str], nn.Module]
    parts: tuple[str, ...]


def _mechanism(mechanism: str, **options: Any) -> Callable[[Numerics, str], nn.Module]:
    def make(numerics: Numerics, name: str) -> nn.Module:
        like = {"dtype": numerics.dtype, "axis_name": numerics.axis_name}
        return attention.build(mechanism, name=name, **like, **options)

    return make


def _layer(kind: Callable[..., nn.Module], numerics: Numerics, name: str) -> nn.Module:
    return kind(dtype=numerics.dtype, name=name)


# Hu et al. and Woo et al. have a block in every residual block of a network; a U-Net has pairs of convolutions there.
# Roy et al. have one after every block of the encoder and of the decoder, and at the bottom too in their code
# (ai-med/quickNAT_pytorch@2d75051). Park et al. have one where a network narrows, so at the end of each level.
BLOCKS = {
    "squeeze_excite": Block(partial(_layer, SqueezeExcite), THROUGHOUT),
    "scse": Block(partial(_layer, SCSE), THROUGHOUT),
    "cbam": Block(_mechanism("cbam", channel=True), THROUGHOUT),
    "bam": Block(_mechanism("bam", channel="product"), ("encoder",)),
}

# A head is made of numerics and of options, and called with (x, train=, valid=). It returns what goes on to the
# decoder, on the same grid, and by name features for auxiliary logits, one for each of its ``auxiliary_weights``.
BOTTOMS: dict[str, type[DANetHead | PSANetHead]] = {"danet": DANetHead, "psanet": PSANetHead}


class Equipped(Network, kw_only=True):
    """A network that may carry blocks of attention, and a head of attention at its bottom.

    Args:
        block: "none", or a key of ``BLOCKS``.
        bottom: "none", or a key of ``BOTTOMS``.
        bottom_options: arguments of the head.

    Raises:
        ValueError: for a block, a head or an option of it that does not exist.

    """

    block: str = "none"
    bottom: str = "none"
    bottom_options: Mapping[str, Any] = nn.FrozenDict()

    def __post_init__(self) -> None:
        """Check the options, so that a wrong one is told when the network is built."""
        checks.one_of("block", self.block, ("none", *BLOCKS))
        checks.one_of("bottom", self.bottom, ("none", *BOTTOMS))
        head = BOTTOMS.get(self.bottom)
        fields = () if head is None else dataclasses.fields(head)
        known = [field.name for field in fields if field.name not in ("numerics", "parent", "name")]
        checks.arguments(f"bottom {self.bottom!r}", self.bottom_options, known)
        if head is not None:
            head(self.numerics, parent=None, **self.bottom_options)
        super().__post_init__()

    @property
    def auxiliary_weights(self) -> Mapping[str, float]:  # type: ignore[override]
        """The weights of the losses of the bottom head's auxiliary logits; empty without a head that has some."""
        return getattr(BOTTOMS.get(self.bottom), "auxiliary_weights", MappingProxyType({}))

    def inside(
        self, part: str, name: str, x: Float[Array, "b h w c"], attend: Attend, *, train: bool
    ) -> Float[Array, "b h w c"]:
        """Return what a part of the network gave as the block after it leaves it.

        Args:
            part: one of ``THROUGHOUT``.
            name: of what gave ``x``; the block's own is made of it.
            x: the features.
            attend: of ``Network``.
            train: as there.
        """
        block = BLOCKS.get(self.block)
        if block is None or part not in block.parts:
            return x
        made: Any = block.make(self.numerics, f"{self.block}_{name}")
        return made(frame.clear(x), train=train, valid=attend.real(x))

    def at_bottom(
        self, x: Float[Array, "b h w c"], attend: Attend, *, train: bool
    ) -> tuple[Float[Array, "b h w d"], Mapping[str, Float[Array, "b h w _"]]]:
        """Return what the head makes of the deepest features, and by name features for its auxiliary logits."""
        head = BOTTOMS.get(self.bottom)
        if head is None:
            return x, {}
        made = head(self.numerics, name=self.bottom, **self.bottom_options)
        return made(frame.clear(x), train=train, valid=attend.real(x))
