"""The head of the point-wise spatial attention network (Zhao et al. 2018): collect and distribute, beside the input."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jaxseg import attention, checks
from jaxseg.attention.mechanisms.gates import extent
from jaxseg.attention.mechanisms.psa import PointwiseSpatial, Reduced
from jaxseg.layers import Numerics, resize


class PSANetHead(nn.Module):
    """The features, and beside them what each position collects from all others and what all others distribute to it.

    Zhao et al. 2018, "PSANet", Figure 2; code hszhao/semseg@4f274c3, PSA of model/psanet.py with psa_type 2. Each
    branch narrows to m channels, shrinks the grid and attends there; both together come back to C channels and to the
    grid. With S = 2 span - 1, 2 (C m + 4 m + m^2 + S^2 m) + 2 m C + 2 C parameters.

    The published tables have an entry for every offset of one grid, so that the size of the images is part of the
    weights. These have a largest side, ``span``, and a smaller grid reads the middle of them: equal where the grid has
    that side. The code comes back to (n - 1) shrink + 1 cells, the same n' that it came from only where shrink divides
    n' - 1; here it is always the same grid, and corners are those of the image, not of the padding.

    Args:
        numerics: as everywhere.
        width: m; None is a quarter of C, at least 1, as in the published network.
        span: the longest side of a shrunk grid; 30 in the published network.
        shrink: cells along a side of the grid that become one.

    Raises:
        ValueError: for a width, span or shrink below 1; when called, for a shrunk grid that is longer than ``span``.

    """

    numerics: Numerics
    width: int | None = None
    span: int = 32
    shrink: int = 2

    auxiliary_weights: ClassVar[Mapping[str, float]] = MappingProxyType({})

    def __post_init__(self) -> None:
        """Raise ValueError for a width, span or shrink below 1."""
        checks.at_least_one(span=self.span, shrink=self.shrink)
        checks.at_least_one_if_given(width=self.width)
        super().__post_init__()

    @nn.compact
    def __call__(
        self, x: Float[Array, "b h w c"], *, train: bool, valid: Bool[Array, "b h w"] | None = None
    ) -> tuple[Float[Array, "b h w d"], Mapping[str, Array]]:
        """Return 2 C channels, the first C of them ``x`` itself; there are no auxiliary features."""
        found = []
        for name, collects in (("collect", True), ("distribute", False)):
            branch = PointwiseSpatial(
                collects, self.width, self.span, True, 1.0, self.shrink, numerics=self.numerics, name=name, parent=self
            )
            found.append(attention.aggregate(branch(x, train=train, valid=valid)))
        y = Reduced(x.shape[-1], self.numerics, name="proj")(jnp.concatenate(found, -1), train=train)
        real = extent(x, valid)
        y = resize(y, x.shape[1:3], -(-real // self.shrink), real, align_corners=True)
        return jnp.concatenate([x, y], -1), {}
