"""The head of the dual attention network (Fu et al. 2019): positions attend in one branch, channels in another."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

import flax.linen as nn
from jaxtyping import Array, Bool, Float

from jaxseg import attention, checks
from jaxseg.layers import Dropout, Numerics, frame
from jaxseg.models.blocks import CBR


class DANetHead(nn.Module):
    """Two branches of C/4 channels, each a CBR, an attention and a CBR (3x3), and their sum.

    Fu et al. 2019, "Dual Attention Network", Figure 2; code junfu1115/DANet@b0a0fa0, encoding/models/sseg/danet.py.
    There the sum is classified, and so are both branches in training, after dropout of whole channels. Here the sum
    goes on to a decoder, and all three have auxiliary logits. With i = C // 4 and K classes, of a loss that adds the
    three: 18 C i + 18 i^2 + 8 i + PAM + 1 + 3 (K i + K), where PAM is 2 (i + 1) (i // 8) + i^2 + i + 1.

    Args:
        numerics: as everywhere.
        inverted: whether channels that are alike weigh less, as in the code; in the paper they weigh more.
        rate: of the dropout before the auxiliary logits.

    Raises:
        ValueError: for a rate outside [0, 1), or ``inverted`` that is neither true nor false.

    """

    numerics: Numerics
    inverted: bool = True
    rate: float = 0.1

    auxiliary_weights: ClassVar[Mapping[str, float]] = MappingProxyType({"pam": 1.0, "cam": 1.0, "sum": 1.0})

    def __post_init__(self) -> None:
        """Raise ValueError for a rate outside [0, 1), or ``inverted`` that is neither true nor false."""
        checks.require(isinstance(self.inverted, bool), "inverted", self.inverted, "true or false")
        checks.fraction("rate", self.rate, "a probability, 0 to below 1")
        super().__post_init__()

    @nn.compact
    def __call__(
        self, x: Float[Array, "b h w c"], *, train: bool, valid: Bool[Array, "b h w"] | None = None
    ) -> tuple[Float[Array, "b h w d"], Mapping[str, Float[Array, "b h w d"]]]:
        """Return the sum, C // 4 channels (at least one), and features of the three auxiliary heads."""
        features, numerics = max(x.shape[-1] // 4, 1), self.numerics
        pam = attention.build("danet", name="pam", dtype=numerics.dtype, axis_name=numerics.axis_name)
        cam = attention.ChannelAttention(self.inverted, numerics.dtype, name="cam")
        found = {}
        for name, attend in (("pam", pam), ("cam", cam)):
            y = CBR(features, 3, numerics, name=f"{name}_in")(x, train=train)
            y = attend(frame.clear(y), train=train, valid=valid)
            found[name] = CBR(features, 3, numerics, name=f"{name}_out")(y, train=train)
        found["sum"] = found["pam"] + found["cam"]
        dropout = Dropout(self.rate, numerics, whole_channels=True, name="dropout")
        return found["sum"], {name: dropout(y, train=train) for name, y in found.items()}
