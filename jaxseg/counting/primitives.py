"""What each primitive of JAX costs: which of its results are stored, and how many floating-point operations it takes.

A primitive that is not named here counts as element-wise: one operation per entry of its result, fused into the step
that reads it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

# Calls that are inlined, and the parameter that holds the jaxpr they call.
CALLS = {
    "jit": "jaxpr",
    "pjit": "jaxpr",
    "remat2": "jaxpr",
    "checkpoint": "jaxpr",
    "closed_call": "call_jaxpr",
    "core_call": "call_jaxpr",
    "custom_jvp_call": "call_jaxpr",
    "custom_vjp_call": "call_jaxpr",
    "custom_vjp_call_jaxpr": "fun_jaxpr",
}

# Their result is their operand: no step of its own.
ALIASES = frozenset({"reshape", "squeeze", "expand_dims", "optimization_barrier", "copy", "copy_p", "device_put"})

# Fused like the element-wise ones, with no operation.
MOVES = frozenset(
    {
        "broadcast_in_dim", "broadcast", "transpose", "rev", "pad", "concatenate", "stack", "iota",
        "convert_element_type", "bitcast_convert_type", "stop_gradient", "axis_index", "platform_index",
    }
)  # fmt: skip

# These read only the part of an operand that they return.
PARTS = frozenset({"slice", "dynamic_slice", "split", "unstack"})

# Expensive to compute again: stored where several operations read the result.
DEAR = frozenset(
    {"exp", "exp2", "expm1", "log", "log1p", "logistic", "tanh", "erf", "erfc", "erf_inv", "pow", "sin", "cos",
     "sqrt", "rsqrt", "cbrt"}
)  # fmt: skip

# A CPU's kernels for sums take them along.
PRODUCTS = frozenset({"mul", "square", "integer_pow", "convert_element_type"})

# These overwrite their first operand where it is not read later.
IN_PLACE = frozenset({"dynamic_update_slice", "scatter", "scatter-add", "scatter-mul", "scatter-min", "scatter-max"})

Shapes = Sequence[tuple[int, ...]]
Operations = Callable[[dict[str, Any], Shapes, tuple[int, ...]], int]


def _dot(params: dict[str, Any], operands: Shapes, result: tuple[int, ...]) -> int:
    (contracted, _), _ = params["dimension_numbers"]
    return 2 * math.prod(result) * math.prod(operands[0][axis] for axis in contracted)


def _conv(params: dict[str, Any], operands: Shapes, result: tuple[int, ...]) -> int:
    # All taps count, those on padding too, as usual in layer tables; those on the holes of a dilated operand do not.
    features = operands[1][params["dimension_numbers"].rhs_spec[0]]
    taps = math.prod(operands[1]) // features
    return 2 * math.prod(result) * taps // math.prod(params["lhs_dilation"])


def _per_entry(params: dict[str, Any], operands: Shapes, result: tuple[int, ...]) -> int:
    return math.prod(operands[0])


def _per_entry_of_all(params: dict[str, Any], operands: Shapes, result: tuple[int, ...]) -> int:
    return sum(map(math.prod, operands))


def _per_update(params: dict[str, Any], operands: Shapes, result: tuple[int, ...]) -> int:
    return math.prod(operands[2])


def _windows(params: dict[str, Any], operands: Shapes, result: tuple[int, ...]) -> int:
    return math.prod(result) * math.prod(params["window_dimensions"])


def _sort(params: dict[str, Any], operands: Shapes, result: tuple[int, ...]) -> int:
    side = operands[0][params.get("dimension", -1)]
    return math.prod(operands[0]) * max(side - 1, 1).bit_length()


def _attention(products: int) -> Operations:
    """Return the rule of a fused attention kernel with this many products of queries x keys x channels."""

    def rule(params: dict[str, Any], operands: Shapes, result: tuple[int, ...]) -> int:
        queries, keys, axis = operands[0], operands[1], 1 + params["layout"]
        return 2 * products * math.prod(queries) * keys[axis]

    return rule


def _none(params: dict[str, Any], operands: Shapes, result: tuple[int, ...]) -> int:
    return 0


# Fused with the steps that make their operands; their results are stored.
REDUCTIONS: dict[str, Operations] = dict.fromkeys(
    ("reduce_sum", "reduce_max", "reduce_min", "reduce_prod", "reduce_and", "reduce_or", "reduce_xor", "reduce",
     "argmax", "argmin"),
    _per_entry,
)  # fmt: skip

# Of matrix products, whose operations are two per multiply-add.
MULTIPLIES = frozenset({"dot_general", "conv_general_dilated"})

# Not fused: operands and results are stored.
KERNELS: dict[str, Operations] = {
    "dot_general": _dot,
    "conv_general_dilated": _conv,
    "gather": _none,
    "scatter": _none,
    "scatter-add": _per_update,
    "scatter-mul": _per_update,
    "scatter-min": _per_update,
    "scatter-max": _per_update,
    "dynamic_update_slice": _none,
    "sort": _sort,
    "top_k": _sort,
    "cumsum": _per_entry,
    "cumprod": _per_entry,
    "cummax": _per_entry,
    "cummin": _per_entry,
    "cumlogsumexp": _per_entry,
    "reduce_window": _windows,
    "reduce_window_sum": _windows,
    "reduce_window_max": _windows,
    "reduce_window_min": _windows,
    "select_and_scatter_add": _windows,
    "select_and_gather_add": _windows,
    "dot_product_attention_fwd_wrapper": _attention(2),
    "dot_product_attention_bwd_wrapper": _attention(5),
    "psum": _per_entry_of_all,
    "all_gather": _none,
}
