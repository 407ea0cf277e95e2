"""What a function costs, counted on its jaxpr before it runs: operations, bytes moved and bytes alive."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import jax
from jax.extend import core

from jaxseg.counting.machine import room as room
from jaxseg.counting.modules import Called as Called
from jaxseg.counting.modules import labelled as labelled
from jaxseg.counting.modules import owner as owner
from jaxseg.counting.program import BACKWARD as BACKWARD
from jaxseg.counting.program import Kept as Kept
from jaxseg.counting.program import Program, Value
from jaxseg.counting.program import Step as Step
from jaxseg.counting.text import aligned as aligned
from jaxseg.counting.text import memory as memory
from jaxseg.counting.text import operations as operations


class Count(NamedTuple):
    """What a program costs.

    The program is the one that JAX traces, without equations whose results are not used and with its calls inlined.

    - *Operations*. A product of matrices or a convolution: two per multiply-add, those with padding included, as usual
      in layer tables. A reduction: one per entry that it reads. Any other element-wise operation, an exponential too:
      one per entry of its result. Moving, reshaping, converting: none. The body of a loop counts as often as it runs.
    - *Bytes moved*. What a step reads and writes. Element-wise operations and moves are fused into the step that reads
      them, as XLA does: their result is stored only where a product, a convolution, a gather, a scatter, a sort or a
      loop reads it, where the function returns it, or where several steps read it and it is expensive to compute again
      (exp, log, tanh, ...). No cache is modelled: a loop moves its operands on every iteration.
    - *Bytes alive*. Each stored value counts from the step that makes it to the last step that reads it, in the order
      of the program, those in the body of a loop included. Arguments count throughout, or to the last step that reads
      them where the function donates them, and results from their step to the end. XLA may find an order that needs
      less.

    Attributes:
        steps: the steps in order.
        kept: what the forward pass stores for the backward pass, besides arguments and results; empty where the program
            has no backward pass.
        given: bytes of the arguments.
        returned: bytes of the results.
    """

    steps: list[Step]
    kept: list[Kept]
    given: int
    returned: int

    @property
    def flops(self) -> int:
        """Number of operations of all steps."""
        return sum(step.flops for step in self.steps)

    @property
    def products(self) -> int:
        """Number of multiply-adds of matrix products and convolutions."""
        return sum(step.products for step in self.steps)

    @property
    def moved(self) -> int:
        """Bytes that all steps read and write."""
        return sum(step.moved for step in self.steps)

    @property
    def peak(self) -> int:
        """The most bytes alive at once."""
        return max((step.alive for step in self.steps), default=self.given)

    @property
    def temporary(self) -> int:
        """Bytes of the peak that are neither arguments nor results."""
        return max(self.peak - self.given - self.returned, 0)


def count(function: Callable, *arguments: Any, turns: int | None = None) -> Count:
    """Return what ``function`` costs; of one that is mapped over devices (``jax.pmap``), what one device does.

    Args:
        function: what to count.
        arguments: its own: arrays, or ``jax.ShapeDtypeStruct`` in their place.
        turns: how often a loop runs whose length only its arguments tell; None: it is an error.

    Raises:
        ValueError: ``function`` has such a loop, or another operation whose cost is not known beforehand.
    """
    jaxpr, donated = _on_a_device(jax.make_jaxpr(function)(*arguments).jaxpr)
    values = {atom: Value.of(atom, stored=True) for atom in (*jaxpr.constvars, *jaxpr.invars)}
    given, owned = list(values.values()), [values[atom] for atom in donated]
    program = Program(jaxpr, given, owned, turns)
    steps = program.steps(_bytes(given) - _bytes(owned))
    return Count(steps, program.kept(), _bytes(given), _bytes(program.results.difference(given)))


def with_gradients(function: Callable[..., tuple[Any, Any]]) -> Callable:
    """Return a function that computes ``function`` and its gradients by all its arguments, for counting.

    ``function`` returns (result, anything else). The gradients are computed with the result as its own cotangent:
    computing a cotangent belongs to the cost of whatever reads the result.
    """

    def both(*arguments: Any) -> tuple[Any, Any, Any]:
        result, pull, others = jax.vjp(function, *arguments, has_aux=True)
        return result, others, pull(result)

    return both


def _on_a_device(jaxpr: core.Jaxpr) -> tuple[core.Jaxpr, list[core.Var]]:
    """Return the program that one device runs, within the calls that map it, and its arguments that are donated."""
    donated: list[Any] = []
    while len(jaxpr.eqns) == 1 and jaxpr.eqns[0].primitive.name in ("jit", "shard_map"):
        (call,) = jaxpr.eqns
        if call.outvars != jaxpr.outvars:
            break
        gone = call.params.get("donated_invars") or [any(atom is other for other in donated) for atom in call.invars]
        jaxpr = getattr(call.params["jaxpr"], "jaxpr", call.params["jaxpr"])
        donated = [atom for atom, is_gone in zip(jaxpr.invars, gone, strict=True) if is_gone]
    return jaxpr, donated


def _bytes(values: Iterable[Value]) -> int:
    return sum(value.size for value in values)
