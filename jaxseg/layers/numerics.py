"""How a network computes: the type of its features, and the mapped axis that shares its batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Numerics:
    """How the modules of a network compute; hashable, as a field of a Flax module has to be.

    Attributes:
        dtype: what features are computed in; None is the common type of input and parameters. Parameters and batch
            statistics are float32 whatever it is.
        axis_name: the mapped axis (of ``pmap`` or ``vmap``) that shares a batch: batch statistics are averaged over it,
            and dropout draws by a sample's place in the whole batch. None: the batch is not shared.
    """

    dtype: Any = None
    axis_name: str | None = None
