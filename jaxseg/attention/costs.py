"""What a mechanism costs at a given input shape, by part, read off its program before anything runs."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxseg import counting
from jaxseg.attention.form import Form
from jaxseg.attention.lowerings import TABLE
from jaxseg.attention.supports import take
from jaxseg.counting import Called, Count, Step

LOWERINGS = frozenset(row.name for row in TABLE)


@dataclass(frozen=True)
class Cost:
    """What a computation takes; ``jaxseg.counting.Count`` says what is counted.

    Attributes:
        flops: operations, two per multiply-add.
        bytes_moved: bytes that its steps read and write, element-wise operations fused.
        peak_bytes: the most bytes alive at once; of a part, while it runs, with all that is alive beside it.
        parts: the costs by part. An Eq. 1 is named after its lowering, the modules that make its factors and its output
            have their own names, and sums and shortcuts are counted under the mechanism's.
        naive: of an Eq. 1, what it would cost by itself if the weights of all queries were held together, [B, N, M, K].
    """

    flops: int
    bytes_moved: int
    peak_bytes: int
    parts: Mapping[str, Cost] = field(default_factory=dict)
    naive: Cost | None = None

    @classmethod
    def of(cls, steps: Sequence[Step], **others: Any) -> Cost:
        """Return the cost of some steps of a program."""
        peak = max((step.alive for step in steps), default=0)
        return cls(sum(step.flops for step in steps), sum(step.moved for step in steps), peak, **others)

    def __str__(self) -> str:
        """Return a table of the parts."""
        rows = [("", "operations", "bytes moved", "peak bytes"), self._row("total")]
        for name, part in self.parts.items():
            rows.append(part._row(f"  {name}"))
            if part.naive is not None:
                rows.append(part.naive._row("    naive, alone"))
        return counting.aligned(rows)

    def _row(self, name: str) -> tuple[str, str, str, str]:
        moved, peak = counting.memory(self.bytes_moved), counting.memory(self.peak_bytes)
        return name, counting.operations(self.flops), moved, peak


def cost(
    module: nn.Module,
    shape: Sequence[int],
    *,
    dtype: Any = jnp.float32,
    backward: bool = False,
    gate: Sequence[int] | None = None,
) -> Cost:
    """Return what ``module`` costs on features of a ``shape``, on this backend; nothing runs or compiles.

    Args:
        module: a mechanism from ``build``, or any Flax module that is called as ``module(x, train=)``.
        shape: of x, (batch, *spatial, channels), with two or more spatial axes.
        dtype: of x.
        backward: False: one evaluation. True: one training pass, with the gradients by x, gate and parameters.
        gate: shape of another tensor, (batch, *spatial, channels), for the mechanisms that read one.

    Raises:
        ValueError: for a shape without batch, space and channels, and for what the module refuses.
    """
    for name, sides in (("shape", shape), ("gate", shape if gate is None else gate)):
        if len(sides) < 4 or not all(isinstance(side, int) and side > 0 for side in sides):
            raise ValueError(f"{name} is {tuple(sides)}; give numbers above 0, (batch, *spatial, channels).")
    x = jax.ShapeDtypeStruct(tuple(shape), dtype)
    others: dict[str, Any] = {} if gate is None else {"gate": jax.ShapeDtypeStruct(tuple(gate), dtype)}
    variables = jax.eval_shape(lambda x, others: module.init(jax.random.key(0), x, train=False, **others), x, others)
    params = variables.get("params", {})
    state = {name: tree for name, tree in variables.items() if name != "params"}

    def run(params: Any, x: Array, others: dict[str, Any], state: dict[str, Any]) -> Any:
        return module.apply({**state, "params": params}, x, train=backward, mutable=list(state), **others)

    with counting.labelled() as modules:
        program = counting.count(counting.with_gradients(run) if backward else run, params, x, others, state)
    return by_part(program.steps, modules, backward=backward)


def by_part(steps: Sequence[Step], modules: Mapping[str, Called], *, backward: bool) -> Cost:
    """Return the cost of ``steps``, and that of each part by its name."""
    places = [place(step, modules) for step in steps]
    deepest = max((len(_path(label, modules)) for label, lowering in places if lowering), default=0)
    parts: dict[str, list[Step]] = {}
    naive: dict[str, Cost] = {}
    for step, (label, lowering) in zip(steps, places, strict=True):
        path = _path(label, modules)
        name = "/".join((*path, lowering) if lowering else path[: deepest + 1]) or type(modules["/"].module).__name__
        parts.setdefault(name, []).append(step)
        forms = forms_at(label, modules) if lowering else []
        if forms and name not in naive:
            naive[name] = Cost.of(
                [step for form in forms for step in alone(written_out, form, backward=backward).steps]
            )
    return Cost.of(steps, parts={name: Cost.of(part, naive=naive.get(name)) for name, part in parts.items()})


def place(step: Step, modules: Mapping[str, Called]) -> tuple[str, str]:
    """Return the label of the module around a step, and "" or the lowering of the Eq. 1 that it is part of.

    An Eq. 1 belongs to the module that gave its form, at the step or around it.
    """
    label, within = counting.owner(step.scopes, modules)
    lowering = next((scope for scope in within if scope in LOWERINGS), "")
    path = _path(label, modules)
    around = ("/" + "/".join(path[:depth]) for depth in range(len(path), -1, -1) if lowering)
    return next((name for name in around if forms_at(name, modules)), label), lowering


def alone(compute: Callable[[Form], Array], form: Form, *, backward: bool) -> Count:
    """Return what ``compute(form)`` costs by itself; ``backward``: with the gradients by all arrays of the form."""

    def run(form: Form) -> tuple[Array, None]:
        return compute(form), None

    return counting.count(counting.with_gradients(run) if backward else run, form)


def written_out(form: Form) -> Float[Array, "B N Gd"]:
    """Return Eq. 1 with the weights of all queries at once: the naive form, which no lowering is."""
    a, j = form.weights(jnp.arange(math.prod(form.support.queries)))
    return form.merge(jnp.einsum("brmk,brmkd->brmd", a, take(form.values(), j)))


def forms_at(label: str, modules: Mapping[str, Called]) -> list[Form]:
    """Return the forms that a module gave, one per call."""
    return [result for result in modules[label].results if isinstance(result, Form)] if label in modules else []


def _path(label: str, modules: Mapping[str, Called]) -> tuple[str, ...]:
    return modules[label].module.path if label in modules else ()
