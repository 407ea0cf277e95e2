"""Rows, read off trained weights: what one query reads of an image that nothing was trained on.

Three convolutions and a 1x1 head learn to find the vessels of generated retinas. Then they stay as they are, and each
mechanism learns the same from crops of their features, with a head of its own.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from pictured.panels import GAP, panel

from jaxseg import attention
from jaxseg.data import generate
from jaxseg.layers import Conv
from jaxseg.report.panels import number

DOCUMENT = Path(__file__).parents[1] / "attention.md"
PIXELS, CELLS = 128, 64  # a side of the images, and of their features
IMAGES, CHANNELS, CROP = 12, 32, 24
SHOWN, PIXEL = 1003, (28, 63)  # the image and the query of the picture
OWN = (PIXEL[0] * CELLS // PIXELS, PIXEL[1] * CELLS // PIXELS)
COLUMNS = 4  # panels side by side
SIDE = 2.56  # inches of a panel: four dots for a cell
HEAD = 0.66  # inches above a panel: a title of two lines, and what colours mean
PARTS = {"passes 0": "pass 1", "passes 1": "pass 2", "point_wise": "point-wise"}
LEARNT: dict[str, tuple[str, dict[str, Any]]] = {
    "none, conv1x1": ("conv1x1", {}),
    "conv3x3, depthwise_conv, average_pool": ("conv3x3", {}),
    "dilated_conv": ("dilated_conv", {}),
    "pwa_linear": ("pwa_linear", {}),
    "pwa": ("pwa", {}),
    "cbam": ("cbam", {}),
    "bam": ("bam", {"reduction": 4}),
    "attention_gate": ("attention_gate", {}),
    "deformable_conv": ("deformable_conv", {}),
    "involution": ("involution", {}),
    "dynamic_conv": ("dynamic_conv", {}),
    "swin": ("swin", {}),
    "neighborhood": ("neighborhood", {}),
    "criss_cross": ("criss_cross", {"recurrence": 2}),
    "axial": ("axial", {"heads": 2}),
    "key_only": ("key_only", {}),
    "sa, nonlocal_dot": ("sa", {}),
    "nonlocal_gaussian": ("nonlocal_gaussian", {}),
    "nonlocal_embedded": ("nonlocal_embedded", {}),
    "nonlocal_concat": ("nonlocal_concat", {}),
    "danet": ("danet", {}),
    "multi_head": ("multi_head", {"heads": 2}),
    "linear_attention": ("linear_attention", {"heads": 2}),
    "efficient_attention": ("efficient_attention", {"heads": 2}),
    "generalized": ("generalized", {"heads": 2}),
    "psa_collect": ("psa_collect", {}),
    "psa_distribute": ("psa_distribute", {}),
    "ja9": ("ja9", {}),
    "aperture, declared below": ("aperture", {}),
}


class Local(nn.Module):
    """Features of each 2 x 2 pixels, from the 11 x 11 around them."""

    @nn.compact
    def __call__(self, x: Array, *, train: bool) -> Array:
        """Return the features, each of mean square one."""
        for layer, strides in enumerate((2, 1, 1)):
            x = nn.silu(Conv(CHANNELS, strides=strides, name=f"conv{layer}")(x))
        return nn.RMSNorm(name="norm")(x)


class Headed(nn.Module):
    """A body and the logits of each of the 2 x 2 pixels of a cell; where the body has no shortcut, x goes beside it."""

    body: nn.Module

    @nn.compact
    def __call__(self, x: Array, *, train: bool) -> Array:
        """Return the logits."""
        y = self.body(x, train=train)
        beside = [y] if getattr(self.body, "shortcut", True) else [x, y]
        return Conv(4, (1, 1), name="head")(jnp.concatenate(beside, -1))


class View(NamedTuple):
    """One part of a mechanism, seen from the query."""

    title: str
    is_map: bool  # of a gate, else a row
    heads: int
    weights: np.ndarray  # [CELLS, CELLS], the mean over the heads


def retinas(first: int, count: int) -> tuple[np.ndarray, Array, Array]:
    """Return generated photographs, the same normalised, and their vessels, the 2 x 2 pixels of a cell as channels."""
    drawn = [generate.fundus(7, first + n, PIXELS) for n in range(count)]
    images, masks = np.stack([image for image, _, _ in drawn]), np.stack([mask for _, mask, _ in drawn])
    cells = masks.reshape(count, CELLS, 2, CELLS, 2).swapaxes(2, 3).reshape(count, CELLS, CELLS, 4)
    return images, jnp.asarray(images / 64 - 1, jnp.float32), jnp.asarray(cells, jnp.float32)


def learn(net: nn.Module, x: Array, y: Array, steps: int, rate: float) -> Any:
    """Return the variables of the body of ``net`` after some steps of four crops of ``x``, whose vessels are ``y``."""
    times = x.shape[1] // CELLS
    variables = jax.jit(partial(net.init, train=False))(jax.random.key(0), x[:1, : CROP * times, : CROP * times])
    optimizer = optax.adam(optax.cosine_decay_schedule(rate, steps))

    def crop(a: Array, image: Array, corner: Array) -> Array:
        times = a.shape[1] // CELLS
        return jax.lax.dynamic_slice(a[image], (*(corner * times), 0), (CROP * times, CROP * times, a.shape[-1]))

    @jax.jit
    def step(params: Any, rest: Any, state: Any, key: Array) -> tuple:
        one, other = jax.random.split(key)
        image, corner = jax.random.randint(one, 4, 0, len(x)), jax.random.randint(other, (4, 2), 0, CELLS - CROP + 1)
        some, truth = (jax.vmap(partial(crop, a))(image, corner) for a in (x, y))

        def loss(params: Any) -> Any:
            logits, moved = net.apply({"params": params, **rest}, some, train=True, mutable=list(rest))
            return optax.sigmoid_binary_cross_entropy(logits, truth).mean(), moved

        (_, rest), gradient = jax.value_and_grad(loss, has_aux=True)(params)
        updates, state = optimizer.update(gradient, state, params)
        return optax.apply_updates(params, updates), rest, state

    params, rest = variables["params"], {name: tree for name, tree in variables.items() if name != "params"}
    state = optimizer.init(params)
    for key in jax.random.split(jax.random.key(1), steps):
        params, rest, state = step(params, rest, state, key)
    return {name: tree["body"] for name, tree in {"params": params, **rest}.items() if "body" in tree}


def declare() -> None:
    """Declare the mechanism of the documentation's ten lines, as they stand there."""
    (block,) = re.findall(r"^```python\n([^`]*class Aperture.*?)^```$", DOCUMENT.read_text(), re.DOTALL | re.MULTILINE)
    exec(block, {"nn": nn, "jnp": jnp, "attention": attention})


def views(label: str, features: Array, truth: Array, scene: Array) -> Iterator[View]:
    """Yield each part of a mechanism, once it has learnt."""
    name, options = LEARNT[label]
    module = attention.build(name, **options)
    variables = learn(Headed(module), features, truth, 120, 3e-3)
    maps = attention.gate_maps(module, variables, scene)
    for path, row in jax.tree_util.tree_leaves_with_path(attention.rows(module, variables, scene, [OWN])):
        part = jax.tree_util.keystr(path, simple=True, separator=" ")
        heads = maps[part] if part in maps else row[0]
        title = f"{label}: {PARTS.get(part, part)}" if part else label
        yield View(title, part in maps, len(heads), np.asarray(heads.mean(0)))


def draw() -> Figure:
    """Return a figure with a panel for each part of every mechanism."""
    declare()
    _, x, truth = retinas(0, IMAGES)
    (photograph,), scene, _ = retinas(SHOWN, 1)
    local = Local()
    stem = learn(Headed(local), x, truth, 400, 5e-3)
    features, scene = (jax.jit(partial(local.apply, train=False))(stem, a) for a in (x, scene))
    with ThreadPoolExecutor(2) as pool:
        found = pool.map(lambda label: list(views(label, features, truth, scene)), LEARNT)
    return arrange(photograph, [view for some in found for view in some])


def arrange(photograph: np.ndarray, found: list[View]) -> Figure:
    """Return the figure of the photograph and of all views."""
    step = SIDE + HEAD
    rows = -(-(len(found) + 1) // COLUMNS)
    figure = Figure(figsize=(COLUMNS * (SIDE + GAP) + GAP, rows * step + 0.05))
    for n, view in enumerate([None, *found]):
        axis = panel(figure, GAP + n % COLUMNS * (SIDE + GAP), n // COLUMNS * step + HEAD - 0.06, SIDE, SIDE)
        if view is None:
            axis.imshow(photograph)
            _mark(axis, "the image", f"the query is at {PIXEL[0]}, {PIXEL[1]}")
        else:
            _draw(axis, photograph, view)
    return figure


def _draw(axis: Any, photograph: np.ndarray, view: View) -> None:
    """Draw the weights over the photograph, which shows where they are zero."""
    weights, others = view.weights, view.weights != 0
    if view.is_map:
        low, high = np.percentile(weights, (0.5, 99.5)).tolist()
        shown: dict[str, Any] = {"cmap": "magma", "vmin": min(low, high - 1e-3), "vmax": high}
        told = f"map, {number(low, 2)} … {number(high, 2)}"
    else:
        others[OWN] = False  # It may be a hundred times all the others.
        high = float(np.percentile(np.abs(weights[others]), 99.5))
        if (weights < 0).any():
            shown, told = {"cmap": "RdBu_r", "vmin": -high, "vmax": high}, f"row, ±{number(high, 2)}"
        else:  # Most weights of a softmax are small: on a linear scale the few others would stand in the dark.
            shown, told = {"cmap": "magma", "norm": PowerNorm(0.5, 0, high)}, f"row, 0 … {number(high, 2)}"
    axis.imshow(photograph.mean(2), cmap="gray", vmin=0, vmax=400)
    axis.imshow(np.ma.masked_equal(weights, 0).repeat(2, 0).repeat(2, 1), interpolation="nearest", **shown)
    reach = np.abs(np.argwhere(weights) - OWN).max() + 2
    if reach < 12:  # A small support is enlarged.
        top, left = (2 * (place - reach) - 0.5 for place in OWN)
        axis.set(xlim=(left, left + 4 * reach + 2), ylim=(top + 4 * reach + 2, top))
    _mark(axis, view.title, told + (f", mean of {view.heads} heads" if view.heads > 1 else ""))


def _mark(axis: Any, title: str, told: str) -> None:
    """Mark the query, and write above the panel what it shows."""
    axis.plot(PIXEL[1], PIXEL[0], "+", color="black", markersize=9, markeredgewidth=2.6)
    axis.plot(PIXEL[1], PIXEL[0], "+", color="#00e5ff", markersize=8, markeredgewidth=1.2)
    axis.text(0, 1.02, told, transform=axis.transAxes, fontsize=9.5, color="#333333")
    axis.text(
        0, 1.085, textwrap.fill(title, 29), transform=axis.transAxes, fontsize=11, fontweight="bold", linespacing=1
    )
