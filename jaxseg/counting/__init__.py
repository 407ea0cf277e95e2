"""Counting what a function costs before it runs: operations, bytes moved and bytes alive, read off its jaxpr."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax

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

    Of the program that JAX traces, without its dead equations and with its calls inlined, this is counted:

    - *Operations*. A product of matrices or a convolution: two a multiply-add (taps on the padding included, as layer
      tables have it). A reduction: one an entry that it reads. Anything else element-wise: one an entry of its result,
      an exponential too. Moving, reshaping, converting: none. The body of a loop counts as often as it runs.
    - *Bytes moved*. What a step reads and writes. Element-wise operations and moves are fused into what reads them, as
      XLA does: their result is stored only where a product, a convolution, a gather, a scatter, a sort or a loop reads
      it, where the function returns it, or where several read it and it is dear to compute again (exp, log, tanh, ...).
      No cache is modelled: a loop moves its tiles every time.
    - *Bytes alive*. Stored values, each from the step that makes it to the last one that reads it in the order of the
      program, those in the body of a loop included; arguments and results throughout. XLA may order them better.

    Attributes:
        steps: the steps in order.
        kept: what the forward pass stores for the backward pass, arguments and results aside, where the program has
            both.
        given: bytes of the arguments.
        returned: bytes of the results.
    """

    steps: list[Step]
    kept: list[Kept]
    given: int
    returned: int

    @property
    def flops(self) -> int:
        """Operations."""
        return sum(step.flops for step in self.steps)

    @property
    def moved(self) -> int:
        """Bytes moved."""
        return sum(step.moved for step in self.steps)

    @property
    def peak(self) -> int:
        """The most bytes alive at once."""
        return max((step.alive for step in self.steps), default=self.given)

    @property
    def temporary(self) -> int:
        """How many of these are neither arguments nor results."""
        return max(self.peak - self.given - self.returned, 0)


def count(function: Callable, *arguments: Any) -> Count:
    """Return what ``function`` costs on ``arguments``: arrays, or ``jax.ShapeDtypeStruct`` in their place.

    Raises:
        ValueError: for a loop of unknown length, and other operations that do not say what they cost.
    """
    jaxpr = jax.make_jaxpr(function)(*arguments).jaxpr
    values = [Value.of(atom, stored=True) for atom in (*jaxpr.constvars, *jaxpr.invars)]
    program, given = Program(jaxpr, values), sum(value.size for value in values)
    returned = sum(value.size for value in program.results.difference(values))
    return Count(program.steps(given), program.kept(), given, returned)


def with_gradients(function: Callable[..., tuple[Any, Any]]) -> Callable:
    """Return ``function``, which returns a result and anything else, with the gradients by all its arguments.

    The result stands in for its own cotangent: what that one costs belongs to whatever reads the result.
    """

    def both(*arguments: Any) -> tuple[Any, Any, Any]:
        result, pull, others = jax.vjp(function, *arguments, has_aux=True)
        return result, others, pull(result)

    return both
