"""Less memory for more time: a network whose blocks are computed again in the backward pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import flax.linen as nn


@contextmanager
def by_block(network: nn.Module) -> Iterator[None]:
    """Within it, a block keeps for the backward pass what it was given, and nothing of what it computes.

    A block is a module that ``network`` itself calls, whatever its class: a stem, a dense block, a stage of the
    decoder, the attention of a skip. What lies inside is computed twice, forward and again when its gradients are due.
    Parameters, batch statistics and the draws of dropout are what they are without.
    """
    inside = False  # a block: the modules in it belong to it

    def remat(method: Callable, args: tuple, options: Mapping[str, Any], context: nn.module.InterceptorContext) -> Any:
        nonlocal inside
        block = context.module
        if inside or block.parent is not network or context.method_name != "__call__":
            return method(*args, **options)

        def call(block: Any) -> Any:
            return block(*args, **options)

        inside = True
        try:
            return nn.remat(call)(block)
        finally:
            inside = False

    with nn.intercept_methods(remat):
        yield
