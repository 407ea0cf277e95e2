"""The random start of a network, cut from one draw.

``network.init`` asks for a draw of its own for each kernel, and XLA compiles a generator for each. One draw for all of
them compiles in a tenth of the time. So the program of ``init`` is run again here, with the random bits replaced.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend import core
from jaxtyping import Array

from jaxseg.models.network import Network

Later = Callable[[], Any]  # a value that is computed when it is asked for, and once


def initial_variables(network: Network, key: Array, channels: int = 3) -> dict[str, Any]:
    """Return the variables that a network starts with, ``{"params": ..., "batch_stats": ...}``; to be jitted.

    They are distributed as those of ``network.init`` and have their structure, but other values for the same key.

    Args:
        network: the network.
        key: from ``jax.random.key``.
        channels: of its images.
    """

    def init(key: Array) -> Any:
        return network.init(key, jnp.zeros((1, network.stride, network.stride, channels)), train=False)

    program, shapes = jax.make_jaxpr(init, return_shape=True)(key)
    bits, start = jax.random.bits(key, (_drawn(program.jaxpr),)), 0

    def cut(shape: tuple[int, ...]) -> Array:
        nonlocal start
        start += math.prod(shape)
        return bits[start - math.prod(shape) : start].reshape(shape)

    leaves = [leaf() for leaf in _results(program, [lambda: key], cut)]
    return jax.tree.unflatten(jax.tree.structure(shapes), leaves)


def _drawn(program: Any) -> int:
    """Return how many words of random bits a program asks for."""
    return sum(
        _drawn(equation.params["jaxpr"].jaxpr)
        if equation.primitive.name == "jit"
        else math.prod(equation.outvars[0].aval.shape) * _is_draw(equation)
        for equation in program.eqns
    )


def _is_draw(equation: core.JaxprEqn) -> bool:
    return equation.primitive.name == "random_bits" and equation.params["bit_width"] == 32


def _results(
    program: core.ClosedJaxpr, arguments: Sequence[Later], cut: Callable[[tuple[int, ...]], Array]
) -> list[Later]:
    """Return a program's results, none of them computed yet, every draw replaced by ``cut(its shape)``.

    What no result needs is never computed: the network's features, and the keys that the kernels would have had.
    """
    values: dict[Any, Later] = dict(zip(program.jaxpr.invars, arguments, strict=True))
    values |= {
        var: functools.partial(_itself, value)
        for var, value in zip(program.jaxpr.constvars, program.consts, strict=True)
    }

    def later(atom: Any) -> Later:
        return functools.partial(_itself, atom.val) if isinstance(atom, core.Literal) else values[atom]

    for equation in program.eqns:
        operands = [later(atom) for atom in equation.invars]
        if equation.primitive.name == "jit":
            results = _results(equation.params["jaxpr"], operands, cut)
        elif _is_draw(equation):
            results = [functools.cache(functools.partial(cut, equation.outvars[0].aval.shape))]
        else:
            together = functools.cache(functools.partial(_evaluated, equation, operands))
            results = [functools.partial(_entry, together, place) for place in range(len(equation.outvars))]
        values.update(zip(equation.outvars, results, strict=True))
    return [later(atom) for atom in program.jaxpr.outvars]


def _itself(value: Any) -> Any:
    return value


def _entry(values: Callable[[], Sequence[Any]], place: int) -> Any:
    return values()[place]


def _evaluated(equation: core.JaxprEqn, operands: Sequence[Later]) -> Sequence[Any]:
    params = equation.primitive.get_bind_params(equation.params)
    found = equation.primitive.bind(*(operand() for operand in operands), **params)
    return found if equation.primitive.multiple_results else [found]
