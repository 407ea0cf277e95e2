"""Panels over one image: attention weights on a colour scale that a few very large ones do not flatten."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from jaxtyping import Float, Float32, Shaped, UInt8

from jaxseg.data.palette import colours
from jaxseg.report.figures import DPI

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

Pixel = tuple[int, int]
Box = tuple[float, float, float, float]  # left, top, width, height in inches from the figure's upper left corner

MARK = "#00E5FF"  # cyan: neither the retina nor the skin has it
LIMITS = (1, 99)  # percentiles of a panel's weights at the ends of its colour scale
_FEW = 8  # of fewer weights the scale leaves none out
_ALIKE = 0.01  # weights that differ by less than this part of the largest are drawn as one colour
_COARSE = 40  # cells along the longer side: fewer do not show by themselves what they lie on
_ENLARGED = 1 / 3  # weights that fit into this fraction of the image's sides are drawn enlarged
_BLOCKS = 32  # means over blocks of the image are outlined, so many along its longer side
_DARK_BRIGHT = (5, 95)  # percentiles of its brightness, between which the outline runs
_LEAST = 8  # pixels of a side below which there is nothing to outline
_LARGEST = 1200  # pixels along a side of a drawn image; larger ones are subsampled


class View(NamedTuple):
    """One part of a mechanism, ready to draw: the map of a point-wise part, or one pixel's row of any other part."""

    part: str  # its name; "" if the mechanism has no parts
    kind: str  # "map" or "row"
    weights: Float[np.ndarray, "rows columns"]  # mean over the heads
    extent: tuple[float, float, float, float]  # left, right, bottom and top in the image
    own: tuple[int, int] | None  # the cell that the pixel lies in; None where keys are pooled cells
    heads: int

    @property
    def name(self) -> str:
        """The heading: the part, and whether its map or its row is shown."""
        what = "map" if self.kind == "map" else "what the pixel reads"
        return f"{self.part}: {what}" if self.part else what

    def caption(self) -> str:
        """Return what colours do not show: a map's value at the pixel; a row's sum and the pixel's own share."""
        if self.kind == "map":
            words = f"at the pixel {number(float(self.weights[self.own]))}"
        else:
            words = f"sum {number(float(self.weights.sum()))}"
            total = float(np.abs(self.weights).sum())
            if self.own is not None and total:
                words += f", itself {abs(self.weights[self.own]) / total:.2%}"
        return words if self.heads == 1 else f"{words}, mean of {self.heads} heads"

    def scaled(self) -> Float[np.ndarray, " entries"]:
        """Return the weights that the colour scale is made for: those that are not zero; all, if all are zero.

        A row is scaled without the pixel's weight on itself, often by far the largest, unless it is the only one.
        """
        nonzero = self.weights != 0
        others = nonzero.copy()
        if self.kind == "row" and self.own is not None:
            others[self.own] = False
        chosen = next((places for places in (others, nonzero) if places.any()), ~nonzero)
        return self.weights[chosen]


class Scale(NamedTuple):
    """The colour scale of weights: diverging about zero where their signs differ, else sequential."""

    low: float
    high: float
    colours: str = "magma"  # dark is near zero: negative weights take it the other way round
    extend: str = "neither"  # which ends of the bar have an arrowhead

    @classmethod
    def of(cls, view: View) -> Scale:
        """Return the scale between the ``LIMITS`` of a view's weights, beside which few lie.

        At least the largest and the smallest of ``_FEW`` weights or more lie beside it: one bright cell at the border
        of a coarse map would else leave all others in one colour.
        """
        weights = view.scaled()
        if weights.size < _FEW:
            low, high = float(weights.min()), float(weights.max())
        else:
            low = float(np.percentile(weights, LIMITS[0], method="higher"))
            high = float(np.percentile(weights, LIMITS[1], method="lower"))
        if low < 0 < high:
            colours, reach = "RdBu_r", max(-low, high)
            low, high = -reach, reach
        else:
            colours = "magma_r" if low < 0 else "magma"
            if high - low <= _ALIKE * max(-low, high):
                low, high = (low, 0.0) if low < 0 else (0.0, high or 1.0)
        drawn = view.weights[view.weights != 0]
        beyond = bool((drawn < low).any()), bool((drawn > high).any())
        ends = {(False, False): "neither", (False, True): "max", (True, False): "min", (True, True): "both"}
        return cls(low, high, colours, ends[beyond])


class Sheet:
    """A figure of panels that all show the same image, their axes in its pixels, with one pixel marked."""

    def __init__(
        self,
        image: UInt8[np.ndarray, "height width 3"],
        pixel: Pixel,
        size: tuple[float, float],
        figure: Figure | None = None,
    ):
        """Clear ``figure``, or make one, of ``size``: width and height in inches."""
        from matplotlib.figure import Figure

        self.pixel, self.size, self.shape = pixel, size, image.shape[:2]
        self.frame = -0.5, self.shape[1] - 0.5, self.shape[0] - 0.5, -0.5
        self.image = thinned(image)
        self.grey = self.image.mean(2)
        self.figure = Figure() if figure is None else figure
        self.figure.clear()
        self.figure.set_size_inches(size)

    def photograph(self, box: Box) -> None:
        """Draw the image."""
        axis = self._axis(box)
        axis.imshow(self.image, extent=self.frame, aspect="auto", interpolation=interpolation(self.image, box[2]))
        self._cross(axis)

    def probability(self, box: Box, probability: Float32[np.ndarray, "height width"]) -> None:
        """Draw the foreground's probability."""
        axis = self._axis(box)
        drawn = {"extent": self.frame, "aspect": "auto", "interpolation": interpolation(probability, box[2])}
        shading = axis.imshow(probability, cmap="viridis", vmin=0, vmax=1, **drawn)
        self._cross(axis)
        self._bar(box, shading, Scale(0.0, 1.0))

    def classes(self, box: Box, classes: Shaped[np.ndarray, "height width"], names: Sequence[str]) -> None:
        """Draw the class of every pixel over the photograph, grey where nobody knows it, and name the colours.

        Without names, 1 is the foreground.
        """
        number = max(len(names), 1)
        shades = np.full((256, 3), 0.5)
        shades[1 : 1 + number] = colours(number) / 255
        axis = self._axis(box)
        self._underlay(axis, box)
        tint = np.dstack([shades[classes], 0.75 * (classes > 0)])
        axis.imshow(tint, extent=self.frame, aspect="auto", interpolation="nearest")
        for place, (name, shade) in enumerate(zip(names, shades[1:], strict=False)):
            outlined = {"bbox": {"facecolor": "black", "alpha": 0.55, "edgecolor": "none", "pad": 1.5}}
            at = (0.03, 0.97 - 0.1 * place)
            axis.text(*at, name, transform=axis.transAxes, color=shade, fontsize=8.5, va="top", **outlined)
        self._cross(axis)

    def weights(self, box: Box, view: View) -> None:
        """Draw weights over the photograph, which shows where they are zero; enlarge rows that read a small region.

        Coarse cells get the photograph's outlines.
        """
        axis, scale = self._axis(box), Scale.of(view)
        self._underlay(axis, box)
        shading = axis.imshow(
            np.ma.masked_equal(view.weights, 0),
            cmap=scale.colours,
            vmin=scale.low,
            vmax=scale.high,
            extent=view.extent,
            interpolation="nearest",
            aspect="auto",
        )
        left, right, bottom, top = self._window(view)
        times = self.shape[1] / (right - left)
        if times == 1 and outlined(view, self.shape):
            self._outline(axis)
        axis.set_xlim(left, right)
        axis.set_ylim(bottom, top)
        if times > 1:
            axis.text(0.03, 0.03, f"enlarged {times:.2g} ×", transform=axis.transAxes, color="white", fontsize=8.5)
        self._cross(axis)
        self._bar(box, shading, scale)

    def write(self, left: float, top: float, text: str, **style: Any) -> None:
        """Write text with its baseline (its top, if ``style`` says so) ``top`` inches below the figure's upper edge."""
        self.figure.text(left / self.size[0], 1 - top / self.size[1], text, **style)

    def _underlay(self, axis: Axes, box: Box) -> None:
        drawn = {"extent": self.frame, "aspect": "auto", "interpolation": interpolation(self.grey, box[2])}
        axis.imshow(self.grey, cmap="gray", vmin=0, vmax=400, **drawn)

    def _outline(self, axis: Axes) -> None:
        """Draw the line between bright and dark of the photograph, smoothed: the border of a retina or a lesion."""
        step = -(-max(self.grey.shape) // _BLOCKS)
        smooth = _blocks(self.grey, step)
        dark, bright = np.percentile(smooth, _DARK_BRIGHT)
        scales = np.array(self.shape) / self.grey.shape
        y, x = ((np.arange(n) + 0.5) * step * scale - 0.5 for n, scale in zip(smooth.shape, scales, strict=True))
        if dark < bright:
            for colour, width in (("black", 1.8), ("white", 0.9)):
                axis.contour(x, y, smooth, levels=[(dark + bright) / 2], colors=colour, linewidths=width)

    def _window(self, view: View) -> tuple[float, float, float, float]:
        """Return the extent to show: the whole image, or for a row that reads only a small region, its surroundings."""
        places, shape = np.nonzero(view.weights), np.array(self.shape)
        if view.kind == "map" or places[0].size == 0:
            return self.frame
        cell = (np.array([view.extent[2], view.extent[1]]) + 0.5) / view.weights.shape
        first = np.array([axis.min() for axis in places]) * cell
        last = np.array([axis.max() + 1 for axis in places]) * cell
        part = 1.5 * ((last - first) / shape).max()
        if part > _ENLARGED:
            return self.frame
        middle = np.clip((first + last) / 2, part * shape / 2, shape * (1 - part / 2))
        (top, left), (bottom, right) = middle - part * shape / 2 - 0.5, middle + part * shape / 2 - 0.5
        return float(left), float(right), float(bottom), float(top)

    def _place(self, box: Box) -> Axes:
        left, top, width, height = box
        across, down = self.size
        return self.figure.add_axes((left / across, 1 - (top + height) / down, width / across, height / down))

    def _axis(self, box: Box) -> Axes:
        axis = self._place(box)
        axis.set_xticks([])
        axis.set_yticks([])
        return axis

    def _cross(self, axis: Axes) -> None:
        """Mark the pixel by a cross that is open in the middle, so that the pixel itself can be seen."""
        from matplotlib.path import Path
        from matplotlib.patheffects import withStroke

        ends = [(-1, 0), (-0.3, 0), (0.3, 0), (1, 0), (0, -1), (0, -0.3), (0, 0.3), (0, 1)]
        marker = Path(ends, [Path.MOVETO, Path.LINETO] * 4)
        (cross,) = axis.plot(self.pixel[1], self.pixel[0], marker=marker, markersize=13, color=MARK)
        cross.set_path_effects([withStroke(linewidth=3, foreground="black")])

    def _bar(self, box: Box, shading: AxesImage, scale: Scale) -> None:
        left, top, width, height = box
        axis = self._place((left + width + 0.06, top, 0.09, height))
        bar = self.figure.colorbar(shading, cax=axis, extend=scale.extend, extendfrac=0.04)
        ticks = [scale.low, (scale.low + scale.high) / 2, scale.high]
        bar.set_ticks(ticks, labels=labels(ticks), fontsize=7.5)


def labels(ticks: Sequence[float]) -> list[str]:
    """Return the numbers, in as few significant digits as tell neighbours apart, two at least."""
    apart = min(abs(one - other) for one, other in pairwise(ticks))
    largest = max(abs(tick) for tick in ticks)
    digits = 2 + (max(0, math.floor(math.log10(largest / apart))) if apart else 0)
    return [number(tick, digits) for tick in ticks]


def number(value: float, digits: int = 4) -> str:
    """Return a number in few significant digits, short even if it is small, with a typographic minus sign."""
    if 0 < abs(value) < 1e-3:
        factor, power = f"{value:.{digits - 1}e}".split("e")
        text = f"{float(factor):g}e{int(power)}"
    else:
        text = f"{value:.{digits}g}"
    return text.replace("-", "−")


def _blocks(grey: Float[np.ndarray, "height width"], step: int) -> Float[np.ndarray, "rows columns"]:
    """Return the means over blocks of ``step`` x ``step`` pixels; the last ones repeat the border."""
    beyond = [(0, -side % step) for side in grey.shape]
    padded = np.pad(grey, beyond, mode="edge")
    return padded.reshape(padded.shape[0] // step, step, padded.shape[1] // step, step).mean((1, 3))


def outlined(view: View, shape: Sequence[int]) -> bool:
    """Return whether coarse cells need the outline of an image of this shape, which is large enough to have one."""
    return max(view.weights.shape) < _COARSE and min(shape[:2]) >= _LEAST


def aspect(image: Sequence | np.ndarray) -> float:
    """Return height / width of a panel for an image: the image's own, within 0.5 and 1.6."""
    height, width = np.shape(image)[:2]
    return min(max(height / width, 0.5), 1.6)


def interpolation(image: np.ndarray, width: float) -> str:
    """Return how an image is drawn ``width`` inches wide: enlarged pixels keep their edges, others are averaged."""
    return "nearest" if max(image.shape[:2]) <= width * DPI else "auto"


def stretched(image: Sequence | np.ndarray) -> str:
    """Return the word for an image whose panel has not its own shape, or ""."""
    height, width = np.shape(image)[:2]
    return "" if aspect(image) == height / width else "stretched"


def thinned(pixels: Shaped[np.ndarray, "height width *channels"]) -> Shaped[np.ndarray, "rows columns *channels"]:
    """Return an image, or if it is large every n-th row and column of it, so that at most ``_LARGEST`` are left."""
    step = -(-max(pixels.shape[:2]) // _LARGEST)
    return pixels[::step, ::step]
