"""UNet++ (Zhou et al. 2018), padded and batch-normalised: a U-Net whose skips are chains of nodes, with four heads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxseg import checks
from jaxseg.layers import max_pool2
from jaxseg.models.blocks import Pair, UpConv
from jaxseg.models.network import Attend, Network

DEPTH = 4


class UNetPP(Network):
    """UNet++ of any ``width``, w: nodes X[i, j] at level i and column j, of w 2^i channels.

    X[i, 0] are the encoder; X[i, j] is two convolutions of X[i, 0], ..., X[i, j - 1] and of X[i + 1, j - 1] upsampled.
    Every X[0, j] has a head: the last one gives the logits, those before it auxiliary ones for the training loss (deep
    supervision). Attention acts on X[i, 0] alone, on its way to X[i, 1] and those behind it. The published code has
    dropout and no normalisation; here it is the other way round. 8825 w^2 + (9 c + 254) w + 4 (K w + K) parameters for
    c input channels and K classes.

    Args:
        width: w.
        depth: columns and levels that are kept, 1 to 4; fewer are the pruned network: see ``pruned``.

    """

    framed = True

    width: int
    depth: int = DEPTH

    @property
    def stride(self) -> int:  # type: ignore[override]
        """Pixels along a side of the coarsest cell."""
        return 2**self.depth

    @property
    def skip_strides(self) -> tuple[int, ...]:  # type: ignore[override]
        """Those of X[0, 0] to X[depth - 1, 0]."""
        return tuple(2**level for level in range(self.depth))

    @property
    def auxiliary_weights(self) -> Mapping[str, float]:  # type: ignore[override]
        """One for each head before the last: the loss of all is their sum."""
        return {f"column{column}": 1.0 for column in range(1, self.depth)}

    def features(
        self, x: Float[Array, "b h w c"], attend: Attend, *, train: bool
    ) -> tuple[Float[Array, "b h w d"], Mapping[str, Float[Array, "b h w d"]]]:
        """Return ``width`` channels at full resolution: X[0, depth], and those of the columns before it."""
        nodes: list[list[Array]] = []
        for level in range(self.depth + 1):
            x = max_pool2(x) if level else x
            x = Pair(self.width * 2**level, self.numerics, name=f"node{level}_0")(x, train=train)
            nodes.append([x])
        for column in range(1, self.depth + 1):
            for level in range(self.depth + 1 - column):
                features = self.width * 2**level
                up = UpConv(features, self.numerics, name=f"up{level}_{column}")(nodes[level + 1][column - 1])
                if column == 1:
                    nodes[level][0] = attend(level, nodes[level][0], gate=up)
                joined = jnp.concatenate([up, *nodes[level]], axis=-1)
                nodes[level].append(Pair(features, self.numerics, name=f"node{level}_{column}")(joined, train=train))
        *before, last = nodes[0][1:]
        return last, {f"column{column}": node for column, node in enumerate(before, 1)}


def unetpp(*, width: int = 32, depth: int = DEPTH, **shared: Any) -> UNetPP:
    """Return UNet++ whose first level has ``width`` channels, 32 in the paper; ``shared`` are fields of ``Network``.

    Raises:
        ValueError: for a width below 1, or a depth that is not 1 to 4.
    """
    checks.at_least_one(width=width, depth=depth)
    checks.require(depth <= DEPTH, "depth", depth, f"1 to {DEPTH}")
    return UNetPP(width=width, depth=depth, **shared)


def pruned(variables: Mapping[str, Any], depth: int) -> dict[str, Any]:
    """Return the variables of ``unetpp(depth=depth)`` out of those of a deeper one: its column ``depth`` by itself.

    Args:
        variables: {"params": ..., "batch_stats": ...} of a network of a greater depth.
        depth: columns to keep.

    Raises:
        ValueError: the network has no auxiliary head at that column.
    """
    head = f"auxiliary_column{depth}"
    checks.require(head in variables["params"], "depth", depth, "a column of the network before its last one")

    def kept(name: str) -> bool:
        kind, _, place = name.partition("_column")
        if kind == "auxiliary":
            return int(place) < depth
        if name.startswith(("node", "up")):
            level, column = map(int, name.removeprefix("node").removeprefix("up").split("_"))
            return level + column <= depth
        return name.startswith("attention") and int(name.removeprefix("attention")) < depth

    found = {kind: {name: tree for name, tree in held.items() if kept(name)} for kind, held in variables.items()}
    found["params"]["head"] = variables["params"][head]
    return found
