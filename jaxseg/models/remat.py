"""Less memory for more time: a network whose blocks are computed again in the backward pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax.core import lift
from jax.extend import core

from jaxseg.layers.order import after


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
        leaves, tree = jax.tree.flatten((args, options))
        arrays = {place: leaf for place, leaf in enumerate(leaves) if isinstance(leaf, jax.Array)}

        def call(block: Any, arrays: Mapping[int, jax.Array]) -> Any:
            args, options = tree.unflatten([arrays.get(place, leaf) for place, leaf in enumerate(leaves)])
            return block(*args, **options)

        inside = True
        try:
            return nn.transforms.lift_direct_transform(_lifted, (call,), block, arrays)
        finally:
            inside = False

    with nn.intercept_methods(remat):
        yield


def _lifted(call: Callable, scope: Any, arrays: Mapping[int, jax.Array]) -> Any:
    """Return ``call(scope, arrays)``, a function of a module's scope and of arrays, with ``recomputed`` around it."""

    def packed(scope_of: Callable, variables_of: Callable, variables: Any, keys: Any, arrays: Any) -> Any:
        def pure(variables: Any, keys_and_arrays: Any) -> Any:
            keys, arrays = keys_and_arrays
            inner = scope_of(variables, keys)
            return call(inner, arrays), variables_of(inner)

        return recomputed(pure)(variables, (keys, arrays))

    return lift.pack(packed, (True,), (True,), (True,), name="remat")(scope, arrays)


def recomputed(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Return ``function(parameters, inputs)`` with the same gradients, which keeps for them its arguments alone.

    ``jax.checkpoint`` does the same but on a CPU, where XLA drops the barriers it sets before it joins what is computed
    twice, and so undoes it. Here the second computation is one ``after`` the gradient of its result.

    Args:
        function: of two trees of arrays, to a tree of arrays; reverse-mode differentiable.
    """

    def run(parameters: Any, inputs: Any) -> Any:
        # Python runs once for both computations: dropout would draw anew if it ran again.
        program, shapes = jax.make_jaxpr(function, return_shape=True)(parameters, inputs)

        def evaluate(parameters: Any, inputs: Any) -> Any:
            results = core.jaxpr_as_fun(program)(*jax.tree.leaves((parameters, inputs)))
            return jax.tree.unflatten(jax.tree.structure(shapes), results)

        def forward(parameters: Any, inputs: Any) -> tuple[Any, tuple[Any, Any]]:
            return evaluate(parameters, inputs), (parameters, inputs)

        def backward(kept: tuple[Any, Any], gradient: Any) -> tuple[Any, Any]:
            firsts = [leaf.ravel()[0].astype(jnp.float32) for leaf in jax.tree.leaves(gradient) if _is_float(leaf)]
            last = sum(firsts, jnp.zeros(()))  # of several gradients
            again = jax.tree.map(lambda leaf: after(leaf, last) if _is_float(leaf) else leaf, kept)
            return jax.vjp(evaluate, *again)[1](gradient)

        ruled = jax.custom_vjp(evaluate)
        ruled.defvjp(forward, backward)
        return ruled(parameters, inputs)

    return run


def _is_float(leaf: Any) -> bool:
    return jnp.issubdtype(leaf.dtype, jnp.floating)
