"""Supports, read off the declarations: the keys of Omega of one query, and what its weights are made from."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from pictured.panels import COLUMNS, GAP, panel

from jaxseg import attention
from jaxseg.attention.mechanisms.joint import STRUCTURES, Chain
from jaxseg.attention.mechanisms.sequence import Composition

JOINT = [structure.__name__ for structure in STRUCTURES]
JOINTS = f"{JOINT[0]}\u00a0…\u00a0{JOINT[-1]}"
NAMES = [name for name in attention.MECHANISMS if name not in JOINT]
GRID, QUERY = (18, 18), (2, 9)  # near a border, where supports differ
VARIANTS = {
    "swin(shift=3)": ("swin", {"shift": 3}),
    'sa(pool="post")': ("sa", {"pool": "post"}),
    "generalized(spatial_range=4)": ("generalized", {"spatial_range": 4}),
}
SIDE = 1.86  # inches of a panel
OMEGA, CONTEXT, RING, PAPER = "#2f7f95", "#e8871e", "#c1121f", "#f3f0e9"


class Read(NamedTuple):
    """What one query reads, and what its weights are made from beside that and itself."""

    kind: str
    omega: np.ndarray  # bool, on the grid of the keys
    context: np.ndarray  # bool, on the grid of the queries


def draw() -> Figure:
    """Return a figure with a panel for each support that a mechanism has, above the names that have it."""
    found: dict[tuple, tuple[Read, list[str]]] = {}
    for label, (name, options) in {**{name: (name, {}) for name in NAMES}, JOINTS: ("ja1", {}), **VARIANTS}.items():
        for part, read in supports(name, options):
            key = (read.omega.shape, read.omega.tobytes(), read.context.tobytes())
            found.setdefault(key, (read, []))[1].append(label + part)
    # From one key to all; where keys are pooled, their grid is another.
    panels = sorted(found.values(), key=lambda panel: (panel[0].omega.shape != GRID, panel[0].omega.sum()))
    lines = [(read, textwrap.wrap(", ".join(names), 33)) for read, names in panels]
    rows = [lines[n : n + COLUMNS] for n in range(0, len(lines), COLUMNS)]
    heights = [SIDE + 0.36 + 0.135 * max(len(names) for _, names in row) for row in rows]
    figure = Figure(figsize=(COLUMNS * (SIDE + GAP) + GAP, sum(heights) + 0.4))
    _legend(figure)
    for row, top in zip(rows, 0.62 + np.cumsum([0, *heights[:-1]]), strict=True):
        for n, (read, names) in enumerate(row):
            axis = panel(figure, GAP + n * (SIDE + GAP), top, SIDE, SIDE)
            _draw(axis, read)
            axis.set_title(read.kind, fontsize=8.5, fontweight="bold", loc="left", pad=3)
            axis.text(0, -0.03, "\n".join(names), transform=axis.transAxes, fontsize=7.5, verticalalignment="top")
    return figure


def supports(name: str, options: dict[str, Any]) -> Iterator[tuple[str, Read]]:
    """Yield the name and the support of each part of a mechanism, with random parameters."""
    rng, module = np.random.default_rng(0), attention.build(name, **options)
    x, i = jnp.asarray(rng.normal(size=(8, *GRID, 32)), jnp.float32), jnp.asarray([QUERY[0] * GRID[1] + QUERY[1]])

    def fill(path: Any, leaf: Any) -> Array:
        fixed = {"var": 1, "scale": 1, "mean": 0, "bias": 0}.get(path[-1].key)
        drawn = rng.normal(size=leaf.shape) * 1.5 / max(np.prod(leaf.shape[:-1]), 1) ** 0.5
        return jnp.full(leaf.shape, fixed, jnp.float32) if fixed is not None else jnp.asarray(drawn, jnp.float32)

    shapes = jax.eval_shape(lambda x: module.init(jax.random.key(0), x, train=False), x)
    variables = jax.tree_util.tree_map_with_path(fill, shapes)

    def forms(x: Array) -> dict[str, attention.Form]:
        form: Any = module.apply(variables, x, train=False, method="form")
        if isinstance(form, Chain):
            return {":\u00a0w": form.point_wise, ":\u00a0S": form.self_attention}
        passes = form.forms if isinstance(form, Composition) else ()
        return {f": pass {n}": step for n, step in enumerate(passes, 1)} or {"": form}

    for part, form in jax.eval_shape(forms, x).items():
        context = np.zeros(GRID, bool)
        if not isinstance(form.score, attention.scores.Pairwise):  # Else its weights are made from i and Omega alone.
            form, context = _looked_at(lambda x, part=part: forms(x)[part], i, x)
        support, omega = form.support, np.zeros(form.support.keys, bool)
        j, ok = np.broadcast_arrays(*support.at(i))
        omega.flat[j[0][ok[0]]] = True
        context[QUERY] = False
        yield part, Read(_kind(support), omega, context & ~omega if omega.shape == GRID else context)


def _looked_at(form: Callable[[Array], attention.Form], i: Array, x: Array) -> tuple[attention.Form, np.ndarray]:
    """Return the form at ``x``, and the positions that a query's weights depend on in any of the images."""

    def weigh(x: Array) -> tuple[Array, attention.Form]:
        weights, _ = form(x).weights(i)
        return (weights * jax.random.normal(jax.random.key(0), weights.shape)).sum(), form(x)

    gradient, found = jax.jit(jax.grad(weigh, has_aux=True))(x)
    return found, (np.abs(gradient) > 0).any((0, -1))


def _kind(support: Any) -> str:
    """Return what a support is called, and how large it is."""
    name = type(support).__name__
    if support.keys != support.queries:
        return f"{name}, {' × '.join(map(str, support.keys))} pooled"
    if not isinstance(support, attention.supports.Box) or isinstance(support, attention.supports.Itself):
        return name
    apart = f", {support.dilation} apart" if getattr(support, "dilation", 1) > 1 else ""
    return f"{name} {' × '.join(map(str, support.size))}{apart}"


def _draw(axis: Any, read: Read) -> None:
    height, width = GRID
    frame = (-0.5, width - 0.5, height - 0.5, -0.5)
    axis.imshow(read.omega.astype(float), cmap=ListedColormap([PAPER, OMEGA]), vmin=0, vmax=1, extent=frame)
    for along, side, draw_line in ((0, height, axis.axhline), (1, width, axis.axvline)):
        for line in np.linspace(-0.5, side - 0.5, read.omega.shape[along] + 1):
            draw_line(line, color="white", linewidth=0.7)
    y, x = np.nonzero(read.context)
    axis.plot(x, y, "o", color=CONTEXT, markersize=2.6)
    axis.plot(QUERY[1], QUERY[0], "o", color="white", markersize=4, markeredgecolor=RING, markeredgewidth=1.5)


def _legend(figure: Figure) -> None:
    axis = panel(figure, GAP, 0.08, figure.get_size_inches()[0] - 2 * GAP, 0.3)
    axis.axis("off")
    axis.set(xlim=(0, 100), ylim=(0, 1))
    axis.plot(0.8, 0.5, "o", color="white", markersize=5, markeredgecolor=RING, markeredgewidth=1.7)
    axis.plot(15, 0.5, "s", color=OMEGA, markersize=8)
    axis.plot(43, 0.5, "o", color=CONTEXT, markersize=3.5)
    for place, text in (
        (2, "a query i"),
        (16.2, "Ω(i), the keys that it reads"),
        (44, "what its weights are made from, beside i and Ω(i)"),
    ):
        axis.text(place, 0.5, text, fontsize=9, verticalalignment="center")
