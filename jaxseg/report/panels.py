"""Panels that lie over one image: weights in colours that a few large ones do not spoil, each with its colour bar."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from jaxtyping import Float, Float32, UInt8

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

Pixel = tuple[int, int]
Box = tuple[float, float, float, float]  # left, top, width, height in inches from the figure's upper left corner

HELD = 99  # percent of a picture's weights that its colours tell apart
_ENLARGED = 1 / 3  # weights that fit into this fraction of the image's sides are drawn enlarged
_LARGEST = 1200  # pixels along a side of a drawn photograph; larger ones are thinned


class View(NamedTuple):
    """One part of a mechanism, ready to draw: the map of a point-wise part, of any other the row of a pixel."""

    part: str  # "" where the mechanism is one part
    kind: str  # "map" or "row"
    weights: Float[np.ndarray, "rows columns"]  # mean over the heads
    extent: tuple[float, float, float, float]  # left, right, bottom and top in the image
    own: tuple[int, int] | None  # the pixel's own cell; None where keys are pooled, and none is its own
    heads: int

    @property
    def name(self) -> str:
        """What is shown, in words."""
        what = "map" if self.kind == "map" else "what the pixel reads"
        return f"{self.part}: {what}" if self.part else what

    def told(self) -> str:
        """Return in words what a picture of the weights does not show."""
        if self.kind == "map":
            words = f"at the pixel {number(float(self.weights[self.own]))}"
        else:
            words = f"sum {number(float(self.weights.sum()))}"
            total = float(np.abs(self.weights).sum())
            if self.own is not None and total:
                words += f", itself {abs(self.weights[self.own]) / total:.2%}"
        return words if self.heads == 1 else f"{words}, mean of {self.heads} heads"

    def others(self) -> Float[np.ndarray, " entries"]:
        """Return what the colours are for: weights that are not zero; a row's own aside, often by far the largest."""
        there = self.weights != 0
        others = there.copy()
        if self.kind == "row" and self.own is not None:
            others[self.own] = False
        chosen = next((places for places in (others, there) if places.any()), ~there)
        return self.weights[chosen]


class Scale(NamedTuple):
    """The colours of weights: diverging about zero where they are signed, sequential from zero where they are not."""

    low: float
    high: float
    extend: str = "neither"  # which ends of the bar have an arrowhead

    @classmethod
    def of(cls, view: View, *, signed: bool) -> Scale:
        """Return the scale that tells most weights of a view apart."""
        high = float(np.percentile(np.abs(view.others()), HELD)) or 1.0
        low = -high if signed else 0.0
        beyond = bool((view.weights < low).any()), bool((view.weights > high).any())
        ends = {(False, False): "neither", (False, True): "max", (True, False): "min", (True, True): "both"}
        return cls(low, high, ends[beyond])


class Sheet:
    """A figure of panels that all show the same image, in that image's pixels, with one of them marked."""

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
        step = -(-max(self.shape) // _LARGEST)
        self.image = image[::step, ::step]
        self.figure = Figure() if figure is None else figure
        self.figure.clear()
        self.figure.set_size_inches(size)

    def photograph(self, box: Box) -> None:
        """Draw the image."""
        axis = self._axis(box)
        axis.imshow(self.image, extent=self.frame, aspect="auto")
        self._cross(axis)

    def probability(self, box: Box, probability: Float32[np.ndarray, "height width"]) -> None:
        """Draw the foreground's probability."""
        axis = self._axis(box)
        shading = axis.imshow(probability, cmap="viridis", vmin=0, vmax=1, extent=self.frame, aspect="auto")
        self._cross(axis)
        self._bar(box, shading, Scale(0.0, 1.0))

    def weights(self, box: Box, view: View, *, signed: bool) -> None:
        """Draw weights; the photograph shows where they are zero, enlarged where only few of a row are not."""
        axis, scale = self._axis(box), Scale.of(view, signed=signed)
        axis.imshow(self.image.mean(2), cmap="gray", vmin=0, vmax=400, extent=self.frame, aspect="auto")
        shading = axis.imshow(
            np.ma.masked_equal(view.weights, 0),
            cmap="RdBu_r" if signed else "magma",
            vmin=scale.low,
            vmax=scale.high,
            extent=view.extent,
            interpolation="nearest",
            aspect="auto",
        )
        left, right, bottom, top = self._window(view)
        axis.set_xlim(left, right)
        axis.set_ylim(bottom, top)
        if (times := self.shape[1] / (right - left)) > 1:
            axis.text(0.03, 0.03, f"enlarged {times:.2g} ×", transform=axis.transAxes, color="white", fontsize=8.5)
        self._cross(axis)
        self._bar(box, shading, scale)

    def write(self, left: float, top: float, text: str, **style: Any) -> None:
        """Write text, its baseline or, as ``style`` says, its top ``top`` inches below the figure's upper edge."""
        self.figure.text(left / self.size[0], 1 - top / self.size[1], text, **style)

    def _window(self, view: View) -> tuple[float, float, float, float]:
        """Return the extent to show: the image's, or of a row that reads a small place only, that place's."""
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
        """Mark the pixel, and leave the pixel itself to be seen."""
        from matplotlib.path import Path
        from matplotlib.patheffects import withStroke

        ends = [(-1, 0), (-0.3, 0), (0.3, 0), (1, 0), (0, -1), (0, -0.3), (0, 0.3), (0, 1)]
        marker = Path(ends, [Path.MOVETO, Path.LINETO] * 4)
        (cross,) = axis.plot(self.pixel[1], self.pixel[0], marker=marker, markersize=13, color="#00E5FF")
        cross.set_path_effects([withStroke(linewidth=3, foreground="black")])

    def _bar(self, box: Box, shading: AxesImage, scale: Scale) -> None:
        left, top, width, height = box
        axis = self._place((left + width + 0.06, top, 0.09, height))
        bar = self.figure.colorbar(shading, cax=axis, extend=scale.extend, extendfrac=0.04)
        ticks = [scale.low, (scale.low + scale.high) / 2, scale.high]
        bar.set_ticks(ticks, labels=[number(tick, 2) for tick in ticks], fontsize=8)


def number(value: float, digits: int = 4) -> str:
    """Return a number as people write it, with a minus and few digits."""
    return f"{value:.{digits}g}".replace("-", "−")


def aspect(image: Sequence | np.ndarray) -> float:
    """Return height over width of a panel for an image; a very long one is squeezed."""
    height, width = np.shape(image)[:2]
    return min(max(height / width, 0.5), 1.6)
