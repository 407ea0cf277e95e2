"""What a function costs, counted on its jaxpr before it runs: operations, bytes moved and bytes alive."""

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

    The program is the one that JAX traces, without equations whose results are not used and with its calls inlined.

    - *Operations*. A product of matrices or a convolution: two per multiply-add, those with padding included, as usual
      in layer tables. A reduction: one per entry that it reads. Any other element-wise operation, an exponential too:
      one per entry of its result. Moving, reshaping, converting: none. The body of a loop counts as often as it runs.
    - *Bytes moved*. What a step reads and writes. Element-wise operations and moves are fused into the step that reads
      them, as XLA does: their result is stored only where a product, a convolution, a gather, a scatter, a sort or a
      loop reads it, where the function returns it, or where several steps read it and it is expensive to compute again
      (exp, log, tanh, ...). No cache is modelled: a loop moves its operands on every iteration.
    - *Bytes alive*. Each stored value counts from the step that makes it to the last step that reads it, in the order
      of the program, those in the body of a loop included. Arguments count throughout, results from their step to the
      end. XLA may find an order that needs less.

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


def count(function: Callable, *arguments: Any) -> Count:
    """Return what ``function`` costs on ``arguments``: arrays, or ``jax.ShapeDtypeStruct`` in their place.

    Raises:
        ValueError: ``function`` has a loop of unknown length, or another operation whose cost is not known beforehand.
    """
    jaxpr = jax.make_jaxpr(function)(*arguments).jaxpr
    values = [Value.of(atom, stored=True) for atom in (*jaxpr.constvars, *jaxpr.invars)]
    program, given = Program(jaxpr, values), sum(value.size for value in values)
    returned = sum(value.size for value in program.results.difference(values))
    return Count(program.steps(given), program.kept(), given, returned)


def with_gradients(function: Callable[..., tuple[Any, Any]]) -> Callable:
    """Return a function that computes ``function`` and its gradients by all its arguments, for counting.

    ``function`` returns (result, anything else). The gradients are computed with the result as its own cotangent:
    computing a cotangent belongs to the cost of whatever reads the result.
    """

    def both(*arguments: Any) -> tuple[Any, Any, Any]:
        result, pull, others = jax.vjp(function, *arguments, has_aux=True)
        return result, others, pull(result)

    return both
