"""A jaxpr as a list of steps, each with its cost; see ``Count`` for what is counted."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax
from jax.extend import core

from jaxseg.counting.primitives import (
    ALIASES,
    CALLS,
    DEAR,
    IN_PLACE,
    KERNELS,
    MOVES,
    MULTIPLIES,
    PARTS,
    PRODUCTS,
    REDUCTIONS,
)

Scopes = tuple[str, ...]  # modules, named scopes and transformations around an equation, outermost first
BACKWARD = "transpose"  # the transformation around every equation of the backward pass


class Step(NamedTuple):
    """One step of a program.

    Attributes:
        scopes: the modules and named scopes that it belongs to.
        flops: number of operations, over all iterations of the loops around it.
        products: number of multiply-adds of matrix products and convolutions, likewise; two of ``flops`` each.
        moved: bytes that it reads and writes, likewise.
        alive: bytes that are stored while it runs.
    """

    scopes: Scopes
    flops: int
    products: int
    moved: int
    alive: int


class Kept(NamedTuple):
    """A value that the forward pass stores for the backward pass.

    Attributes:
        scopes: the modules and named scopes of the step that makes it.
        shape: its shape.
        bytes: its size.
    """

    scopes: Scopes
    shape: tuple[int, ...]
    bytes: int


@dataclass(eq=False)
class Value:
    """An array of the program; one that is not stored is computed within the steps that read it.

    Attributes:
        size: bytes.
        shape: its shape.
        stored: whether it lies in memory.
        reads: the stored values that it is computed from, and how many bytes of each are read for it.
    """

    size: int
    shape: tuple[int, ...] = ()
    stored: bool = False
    reads: dict[Value, int] = field(default_factory=dict)

    @classmethod
    def of(cls, atom: Any, *, stored: bool = False) -> Value:
        """Return a value for a variable of a jaxpr; ``stored``, an argument has the type that it is given in."""
        # XLA's CPU backend has no bfloat16: what is computed in it is float32 in memory.
        wide = not stored and atom.aval.dtype == jax.numpy.bfloat16 and jax.default_backend() == "cpu"
        return cls(math.prod(atom.aval.shape) * (4 if wide else atom.aval.dtype.itemsize), atom.aval.shape, stored)

    @property
    def sources(self) -> dict[Value, int]:
        """The stored values that a step which reads this one reads, and how many bytes of each."""
        return {self: self.size} if self.stored else self.reads


@dataclass
class Equation:
    """One equation of the jaxpr: a primitive, its operands and its results."""

    name: str
    params: dict[str, Any]
    shapes: list[tuple[int, ...]]  # of the operands
    operands: list[Value]
    results: list[Value]
    scopes: Scopes

    @property
    def whole(self) -> bool:
        """Whether it is fused with nothing: operands and results are stored."""
        return self.name in KERNELS or self.name in BODIES

    @property
    def flops(self) -> int:
        """Number of operations; 0 for a loop or a branch, whose body counts its own."""
        if self.name in MOVES or self.name in PARTS or self.name in BODIES:
            return 0
        if rule := KERNELS.get(self.name) or REDUCTIONS.get(self.name):
            return rule(self.params, self.shapes, self.results[0].shape)
        return math.prod(self.results[0].shape)

    @property
    def products(self) -> int:
        """Number of multiply-adds of a matrix product or a convolution."""
        return self.flops // 2 if self.name in MULTIPLIES else 0


class Run(NamedTuple):
    """What an equation reads and writes when it runs.

    Attributes:
        scopes: its modules and named scopes.
        flops: number of operations.
        products: number of multiply-adds, as in ``Step``.
        moved: bytes that it reads and writes.
        reads: the stored values that it reads, and how many bytes of each.
        writes: the values that it stores.
        over: the values whose memory its results may take, where it is the last to read them.
        reused: the most bytes of its results that do so.
        body: the steps of a loop's or a branch's body; they count what the loop moves and what it carries.
        inside: bytes of its results that those steps count too.
    """

    scopes: Scopes
    flops: int
    products: int
    moved: int
    reads: dict[Value, int]
    writes: list[Value]
    over: Collection[Value] = ()
    reused: int = 0
    body: Sequence[Step] = ()
    inside: int = 0


class Program:
    """A jaxpr with its calls inlined.

    Args:
        jaxpr: the program.
        arguments: values of its constants and arguments, all of them stored.
        owned: arguments that take memory of the program's own, such as the carry of a loop's body.
        turns: how often a loop of unknown length runs; None: there is none.

    Raises:
        ValueError: there is an operation whose cost is not known before it runs.
    """

    def __init__(
        self, jaxpr: core.Jaxpr, arguments: Sequence[Value], owned: Sequence[Value] = (), turns: int | None = None
    ) -> None:
        self.owned = owned
        self.equations: list[Equation] = []
        self.results = set(self._inline(jaxpr, arguments, ()))
        self._drop_and_fuse()
        self.runs = [_run(equation, turns) for equation in self.equations]
        self.last = {value: time for time, run in enumerate(self.runs) for value in run.reads}

    def _inline(self, jaxpr: core.Jaxpr, arguments: Sequence[Value], scopes: Scopes) -> list[Value]:
        """Append the equations of ``jaxpr`` and of the calls in it; return the values of its results."""
        values: dict[Any, Value] = dict(zip((*jaxpr.constvars, *jaxpr.invars), arguments, strict=True))

        def value(atom: Any) -> Value:
            return Value(0) if isinstance(atom, core.Literal) else values[atom]

        for equation in jaxpr.eqns:
            name, operands = equation.primitive.name, [value(atom) for atom in equation.invars]
            here = (*scopes, *(entry.name for entry in equation.source_info.name_stack.stack))
            if name in ALIASES:
                results = operands
            elif called := _called(name, equation.params):
                body, constants = _open(called)
                results = self._inline(body, [*constants, *operands[len(operands) - len(body.invars) :]], here)
            else:
                _refuse(name, equation.params)
                results = [Value.of(atom) for atom in equation.outvars]
                shapes = [atom.aval.shape for atom in equation.invars]  # type: ignore[attr-defined]
                self.equations.append(Equation(name, equation.params, shapes, operands, results, here))
            values.update(zip(equation.outvars, results, strict=False))
        return [value(atom) for atom in jaxpr.outvars]

    def _drop_and_fuse(self) -> None:
        """Drop the equations whose results are not used, and decide which values are stored."""
        readers = Counter(self.results)
        makers = {value: equation for equation in self.equations for value in equation.results}
        for value in self.results:
            value.stored = True
        alive = []
        for equation in reversed(self.equations):
            if not any(readers[value] for value in equation.results):
                continue
            alive.append(equation)
            readers.update(set(equation.operands))
            for value in equation.results:
                again = equation.name in DEAR and readers[value] > 1
                value.stored |= equation.whole or equation.name in REDUCTIONS or again
            for value in _unfused(equation, makers):
                value.stored = True
        self.equations = alive[::-1]

    def steps(self, base: int) -> list[Step]:
        """Return the steps in order.

        Args:
            base: bytes alive throughout besides those that the program allocates, such as its arguments.
        """
        alive = base + sum(value.size for value in self.owned)
        made = dict.fromkeys(self.owned, 0)
        steps = []
        for time, run in enumerate(self.runs):
            made.update(dict.fromkeys(run.writes, time))
            known = (value for value in {*run.reads, *run.writes} if value in made and value not in self.results)
            dying = [value for value in known if self.last.get(value, made[value]) == time]
            written = sum(value.size for value in run.writes)
            overwritten = sum(value.size for value in dying if value in run.over)
            during = alive + written - min(overwritten, run.reused)
            steps += [
                step._replace(scopes=run.scopes + step.scopes, alive=during - run.inside + step.alive)
                for step in run.body
            ] or [Step(run.scopes, run.flops, run.products, run.moved, during)]
            alive += written - sum(value.size for value in dying)
        return steps

    def kept(self) -> list[Kept]:
        """Return the values that the forward pass stores for the backward pass, besides arguments and results."""
        backward = (time for time, run in enumerate(self.runs) if BACKWARD in run.scopes)
        turn = next(backward, len(self.runs))
        return [
            Kept(run.scopes, value.shape, value.size)
            for run in self.runs[:turn]
            for value in run.writes
            if self.last.get(value, 0) >= turn and value not in self.results
        ]


def _unfused(equation: Equation, makers: Mapping[Value, Equation]) -> Sequence[Value]:
    """Return what an equation reads from memory alone, whoever makes it.

    Those of a reduction too on a CPU, whose kernels for it take a product of two arrays at most.
    """
    if equation.whole:
        return equation.operands
    if equation.name in REDUCTIONS and jax.default_backend() == "cpu":
        last = makers.get(equation.operands[0])
        return last.operands if last is not None and last.name in PRODUCTS else equation.operands
    return ()


def _run(equation: Equation, turns: int | None) -> Run:
    """Return what an equation reads and writes; call it for the equations in order, since each builds on the last."""
    reads: dict[Value, int] = {}
    for value in equation.operands:
        for source, size in value.sources.items():
            reads[source] = min(reads.get(source, 0) + size, source.size)
    if equation.name in PARTS:
        whole = sum(value.size for value in equation.results)
        reads = {source: min(size, whole) for source, size in reads.items()}
    for value in equation.results:
        value.reads = reads
    writes = [value for value in equation.results if value.stored]
    written = sum(value.size for value in writes)
    if equation.name in BODIES:
        return BODIES[equation.name](equation, reads, writes, turns)
    if not writes:
        return Run(equation.scopes, equation.flops, equation.products, 0, {}, [])
    over, moved = reads.keys(), sum(reads.values()) + written
    if equation.name in IN_PLACE:
        over = equation.operands[:1]
    elif equation.whole or equation.name in REDUCTIONS:
        over = ()
    # These touch only the part of their first operand that they take from it or write into it.
    if equation.name in IN_PLACE:
        moved = 2 * sum(value.size for value in equation.operands[1:])
    elif equation.name == "gather":
        moved = 2 * written + equation.operands[1].size
    cost = equation.flops, equation.products, moved
    return Run(equation.scopes, *cost, reads, writes, over, written if over else 0)


def _scan(equation: Equation, reads: dict[Value, int], writes: list[Value], turns: int | None) -> Run:
    """Return a loop of known length: the steps of its body, their operations and bytes times the length."""
    constants, carried = equation.params["num_consts"], equation.params["num_carry"]
    return _loop(
        equation, reads, writes, turns,
        body=equation.params["jaxpr"],
        length=equation.params["length"],
        # Of its arguments, the carry and a slice of each input are the body's own.
        shared=constants,
        carry=equation.operands[constants : constants + carried],
    )  # fmt: skip


def _while(equation: Equation, reads: dict[Value, int], writes: list[Value], turns: int | None) -> Run:
    """Return a loop whose length is known only when it runs, as one of ``turns``; its condition is not counted."""
    if turns is None:
        raise ValueError(
            "the operation 'while' does not say what it costs before it runs; write a while loop as jax.lax.scan, or a "
            "fori_loop whose bounds are numbers, or say how many turns it takes."
        )
    conditions, constants = equation.params["cond_nconsts"], equation.params["body_nconsts"]
    return _loop(
        equation, reads, writes, turns,
        body=equation.params["body_jaxpr"],
        length=turns,
        shared=constants,
        carry=equation.operands[conditions + constants :],
    )  # fmt: skip


def _loop(
    equation: Equation,
    reads: dict[Value, int],
    writes: list[Value],
    turns: int | None,
    *,
    body: Any,
    length: int,
    shared: int,
    carry: Sequence[Value],
) -> Run:
    """Return a loop; its body reads ``shared`` arguments in every turn, and the others are its own in each."""
    jaxpr, constants = _open(body)
    arguments = [Value.of(atom, stored=True) for atom in jaxpr.invars]
    steps = Program(jaxpr, [*constants, *arguments], arguments[shared:], turns).steps(0)
    times = ("flops", "products", "moved")
    steps = [step._replace(**{name: length * getattr(step, name) for name in times}) for step in steps]
    carried = sum(value.size for value in equation.results[: len(carry)])
    return Run(equation.scopes, 0, 0, 0, reads, writes, carry, carried, steps, carried)


def _cond(equation: Equation, reads: dict[Value, int], writes: list[Value], turns: int | None) -> Run:
    """Return a choice between branches: the steps of the one with the most operations."""
    branches = []
    for branch in equation.params["branches"]:
        body, constants = _open(branch)
        arguments = [Value.of(atom, stored=True) for atom in body.invars]
        branches.append(Program(body, [*constants, *arguments], turns=turns).steps(0))
    steps = max(branches, key=lambda steps: sum(step.flops for step in steps))
    written = sum(value.size for value in writes)
    return Run(equation.scopes, 0, 0, 0, reads, writes, body=steps, inside=written)


BODIES = {"scan": _scan, "while": _while, "cond": _cond}
PLATFORMS = {"cpu": {"cpu"}, "gpu": {"gpu", "cuda", "rocm"}, "tpu": {"tpu"}}  # names in lowering rules, per backend


def _called(name: str, params: dict[str, Any]) -> Any:
    """Return the jaxpr that an equation calls, or None; of one per platform, that of the default backend."""
    if name in CALLS:
        return params[CALLS[name]]
    if name == "cond" and (platforms := params.get("branches_platforms")):
        ours = PLATFORMS[jax.default_backend()]
        fits = (names is None or ours & set(names) for names in platforms)
        return next(branch for branch, fit in zip(params["branches"], fits, strict=True) if fit)
    return None


def _open(jaxpr: Any) -> tuple[core.Jaxpr, list[Value]]:
    """Return a jaxpr and the values of the constants that are bound to it."""
    if isinstance(jaxpr, core.ClosedJaxpr):
        return jaxpr.jaxpr, [Value.of(atom, stored=True) for atom in jaxpr.jaxpr.constvars]
    return jaxpr, []


def _refuse(name: str, params: dict[str, Any]) -> None:
    """Raise ValueError for a primitive that contains a jaxpr and has no rule here."""
    if name in BODIES or name in KERNELS or name in REDUCTIONS or not list(core.jaxprs_in_params(params)):
        return
    raise ValueError(f"the operation {name!r} contains others, and nothing says how to count them.")
