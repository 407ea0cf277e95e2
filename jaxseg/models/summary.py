"""A network as a table of its layers, and what a training step needs, before anything runs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxseg import counting
from jaxseg.attention.costs import alone, forms_at, place, written_out
from jaxseg.attention.lowerings import aggregate
from jaxseg.counting import BACKWARD, Called, Count, aligned, memory, operations
from jaxseg.models.network import Network, training_pass

Path = tuple[str, ...]  # names of a module and of those around it, outermost first; () for the network


class Layer(NamedTuple):
    """A module of the network, apart from the modules in it."""

    path: Path
    output: tuple[int, ...]  # the shape of what it returns
    parameters: int
    forward: int  # operations
    backward: int
    kept: int  # bytes stored for the backward pass


class Lowered(NamedTuple):
    """An Eq. 1 of the network, forward and backward, by itself; naive: with the weights of all queries at once."""

    path: Path  # of the mechanism
    lowering: str
    operations: int
    temporary: int  # bytes alive at most, besides its factors, its result and their gradients
    naive_operations: int
    naive_temporary: int
    naive_kept: int  # bytes stored for the backward pass


class Summary(NamedTuple):
    """What a training step of a network takes, for a batch on one device; ``counting.Count`` says what is counted."""

    images: tuple[int, ...]  # shape of the batch
    layers: list[Layer]  # in the order in which they run
    attention: list[Lowered]
    parameters: int
    parameter_bytes: int
    peak: int  # bytes alive at most in the forward and backward pass, parameters and gradients included
    moved: int  # bytes that the two passes read and write
    products: int  # multiply-adds of convolutions and matrix products that predict one image

    @property
    def operations(self) -> int:
        """Operations of the forward and backward pass."""
        return sum(layer.forward + layer.backward for layer in self.layers)

    @property
    def kept(self) -> int:
        """Bytes of activations that the forward pass stores for the backward pass."""
        return sum(layer.kept for layer in self.layers)

    @property
    def step(self) -> int:
        """Bytes alive at most in a training step: those of the pass, and Adam's two moments."""
        return self.peak + 2 * self.parameter_bytes

    def __str__(self) -> str:
        """Return the tables, a row for each outermost module."""
        return self.text()

    def text(self, depth: int = 1) -> str:
        """Return the tables, with a row for each module that lies in fewer than ``depth`` others."""
        tables = [self._layers(depth), self._levels(), self._attention(), self._needs()]
        return "\n\n".join(table for table in tables if table)

    def _layers(self, depth: int) -> str:
        head = ("layer", "Eq. 1", "output", "parameters", "forward", "backward", "kept")
        groups: dict[Path, list[Layer]] = {}
        for layer in self.layers:
            groups.setdefault(layer.path[:depth], []).append(layer)
        between = groups.pop(())  # Last: it runs between the others.
        rows = []
        for path, group in groups.items():
            lowerings = dict.fromkeys(eq1.lowering for eq1 in self.attention if eq1.path[:depth] == path)
            rows.append(("/".join(path), ", ".join(lowerings), _by(group[0].output[1:]), *_sums(group)))
        rows += [("between the layers", "", "", *_sums(between)), ("total", "", "", *_sums(self.layers))]
        return aligned([head, *rows], text=3)

    def _levels(self) -> str:
        """Return the same sums by the grid of what a module, or the nearest one around it, returns."""
        grids = {layer.path: layer.output[1:3] for layer in self.layers if len(layer.output) == 4}
        del grids[()]
        largest = max(grid[0] for grid in grids.values())
        levels: dict[tuple[int, ...], list[Layer]] = {}
        for layer in self.layers:
            around = (layer.path[:depth] for depth in range(len(layer.path), 0, -1))
            if grid := next((grids[path] for path in around if path in grids), None):
                levels.setdefault(grid, []).append(layer)
        rows = [(_level(largest, grid[0]), _by(grid), *_sums(levels[grid])) for grid in sorted(levels, reverse=True)]
        return aligned([("level", "grid", "parameters", "forward", "backward", "kept"), *rows], text=2)

    def _attention(self) -> str:
        head = ("Eq. 1, forward and backward", "lowering", "operations", "temporary", "naive: operations", "temporary")
        rows = [
            (
                "/".join(eq1.path), eq1.lowering, operations(eq1.operations), memory(eq1.temporary),
                operations(eq1.naive_operations), memory(eq1.naive_temporary),
            )
            for eq1 in self.attention
        ]  # fmt: skip
        return aligned([head, *rows], text=2) if rows else ""

    def _needs(self) -> str:
        there = counting.room(jax.local_devices()[0])
        room = "" if there is None else f", {'of' if self.step <= there else 'MORE THAN'} the {memory(there)} there"
        largest = max((eq1.temporary for eq1 in self.attention), default=0)
        lines = [
            f"a training step on {_by(self.images)} takes {memory(self.step)}{room} on one {jax.default_backend()}, "
            "beside the training set:",
            f"  parameters {memory(self.parameter_bytes)}, gradients {memory(self.parameter_bytes)}, "
            f"Adam's moments {memory(2 * self.parameter_bytes)}, activations kept {memory(self.kept)}, "
            f"largest attention temporary {memory(largest)}",
        ]
        lines.append(f"  prediction of one image: {operations(self.products)} multiply-adds")
        if self.attention:
            naive = self.step + sum(eq1.naive_kept for eq1 in self.attention)
            lines.append(f"  with attention that stores all its weights: at least {memory(naive)}")
        return "\n".join(lines)


def summarise(model: Network, images: Sequence[int]) -> Summary:
    """Return what a training step of ``model`` takes on a batch of ``images``, its shape; nothing runs or compiles.

    Args:
        model: a network from ``build``.
        images: (batch, height, width, channels).

    Raises:
        ValueError: for a shape that is not four numbers above 0.
    """
    if len(images) != 4 or min(images) < 1:
        raise ValueError(f"images is {tuple(images)}; give numbers above 0, (batch, height, width, channels).")
    x = jax.ShapeDtypeStruct(tuple(images), jnp.float32)
    sizes = jax.ShapeDtypeStruct((images[0], 2), jnp.int32)  # Training masks the padding, whether there is any or not.
    variables = jax.eval_shape(lambda x: model.init(jax.random.key(0), x, train=False), x)
    params = variables["params"]
    state = {name: tree for name, tree in variables.items() if name != "params"}

    def both_passes(params: Any, state: dict[str, Any], x: Any, sizes: Any) -> Any:
        def forward(params: Any) -> Any:
            logits, auxiliary, new = training_pass(model, {**state, "params": params}, x, sizes, jax.random.key(0))
            return (logits, auxiliary), new

        logits, pull, new = jax.vjp(forward, params, has_aux=True)
        return new, pull(logits)  # The logits stand in for the loss's gradients, of their shapes.

    def predicted(variables: Any, x: Any) -> Any:
        return model.apply(variables, x, train=False)

    with counting.labelled() as modules:
        program = counting.count(both_passes, params, state, x, sizes)
    leaves = jax.tree.leaves(params)
    return Summary(
        tuple(images),
        _layers(program, modules, params),
        _attention(program, modules),
        sum(math.prod(leaf.shape) for leaf in leaves),
        sum(math.prod(leaf.shape) * leaf.dtype.itemsize for leaf in leaves),
        program.peak,
        program.moved,
        counting.count(predicted, variables, jax.ShapeDtypeStruct((1, *images[1:]), x.dtype)).products,
    )


def _layers(program: Count, modules: Mapping[str, Called], params: Mapping[str, Any]) -> list[Layer]:
    sums = {label: [0, 0, 0] for label in modules}  # forward, backward, kept
    for step in program.steps:
        label, _ = counting.owner(step.scopes, modules)
        sums[label or "/"][BACKWARD in step.scopes] += step.flops
    for value in program.kept:
        label, _ = counting.owner(value.scopes, modules)
        sums[label or "/"][2] += value.bytes
    return [
        Layer(called.module.path, called.output, _own(params, called.module.path), *sums[label])
        for label, called in modules.items()
    ]


def _own(params: Mapping[str, Any], path: Path) -> int:
    """Return how many parameters a module has, apart from those of the modules in it."""
    for name in path:
        params = params.get(name, {})
    return sum(math.prod(leaf.shape) for leaf in params.values() if not isinstance(leaf, Mapping))


def _attention(program: Count, modules: Mapping[str, Called]) -> list[Lowered]:
    places = dict.fromkeys(place(step, modules) for step in program.steps)
    found: list[Lowered] = []
    for label, lowering in places:
        for form in forms_at(label, modules) if lowering else []:
            ours, naive = (alone(compute, form, backward=True) for compute in (aggregate, written_out))
            kept = sum(value.bytes for value in naive.kept)
            path = modules[label].module.path
            found.append(Lowered(path, lowering, ours.flops, ours.temporary, naive.flops, naive.temporary, kept))
    return found


def _sums(layers: Iterable[Layer]) -> tuple[str, str, str, str]:
    parameters, forward, backward, kept = map(sum, zip(*(layer[2:] for layer in layers), strict=True))
    return f"{parameters:,}", operations(forward), operations(backward), memory(kept)


def _level(largest: int, side: int) -> str:
    """Return which part of the largest side a side is, where it came of halving; else nothing."""
    parts, rest = divmod(largest, side)
    return "" if rest or parts & (parts - 1) else f"1/{parts}"


def _by(sides: Sequence[int]) -> str:
    return " x ".join(map(str, sides))
