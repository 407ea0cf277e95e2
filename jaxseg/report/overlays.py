"""Example images beside truth, probability and errors: the worst, the median and the best, not picked by hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, UInt8

from jaxseg.metrics import threshold as above
from jaxseg.report.panels import MARK, aspect, thinned

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

# (colour, opacity) of each kind of pixel: Okabe and Ito's colours, which colour-blind readers can tell apart, light
# enough to stand out from a darkened photograph. The photograph shows through large areas of agreement, not through
# errors, which may be one pixel wide.
ERRORS = {
    "true positive": ((255, 255, 255), 0.45),
    "false positive": ((240, 120, 0), 1.0),
    "false negative (missed)": ((64, 180, 255), 1.0),
}
_COLUMNS = ("image", "outline of the truth", "probability", "errors at threshold {threshold:g}")
# Lengths in inches.
_PANEL = 3.4  # width of a panel
_GAP, _MARGIN = 0.08, 0.12  # between panels, and left and right of them
_LINE = 0.34  # height of a row's title
_HEAD, _FOOT = 0.68, 0.85  # above and below all rows
_DPI = 150


class Example(NamedTuple):
    """One image to show; ``title`` names its place in the ranking, its id and its score."""

    title: str
    image: UInt8[np.ndarray, "height width 3"]
    truth: Bool[np.ndarray, "height width"]
    probability: Float32[np.ndarray, "height width"]
    fov: Bool[np.ndarray, "height width"] | None


def choose(rows: Sequence[dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    """Return (place, row) of the worst, the median and the best of rows ordered from worst to best.

    Of two rows these are the worst and the best, of one row the best.
    """
    last = len(rows) - 1
    places = {last // 2: "median", 0: "worst", last: "best"}  # where two places coincide, the later name stands
    return [(name, rows[index]) for index, name in sorted(places.items())] if rows else []


def error_map(
    image: UInt8[np.ndarray, "height width 3"],
    truth: Bool[np.ndarray, "height width"],
    prediction: Bool[np.ndarray, "height width"],
) -> UInt8[np.ndarray, "height width 3"]:
    """Return the photograph, grey and darkened, with true positives, false positives and false negatives coloured."""
    drawn = np.repeat(image.mean(axis=2, keepdims=True) * 0.45, 3, axis=2)
    kinds = (truth & prediction, ~truth & prediction, truth & ~prediction)
    for where, (colour, opacity) in zip(kinds, ERRORS.values(), strict=True):
        drawn[where] = (1 - opacity) * drawn[where] + opacity * np.array(colour)
    return np.rint(drawn).astype(np.uint8)


def draw_examples(examples: Sequence[Example], path: Path, *, title: str, threshold: float) -> None:
    """Draw one row per example: the image, the truth's outline, the probability, the errors; write a PNG.

    Args:
        examples: what to show, top to bottom.
        path: the picture's file.
        title: of the picture: split, metric, region and size of scoring.
        threshold: the probability above which a pixel counts as predicted.
    """
    from matplotlib.figure import Figure

    heights = [_PANEL * aspect(example.truth) for example in examples]
    width = 2 * _MARGIN + len(_COLUMNS) * _PANEL + (len(_COLUMNS) - 1) * _GAP
    height = _HEAD + sum(heights) + len(heights) * _LINE + _FOOT
    figure = Figure(figsize=(width, height))
    figure.text(_MARGIN / width, 1 - 0.32 / height, title, fontsize=13, fontweight="bold")
    top = height - _HEAD
    for index, (example, panel) in enumerate(zip(examples, heights, strict=True)):
        top -= _LINE + panel
        figure.text(_MARGIN / width, (top + panel + 0.07) / height, example.title, fontsize=10.5)
        lefts = [_MARGIN + column * (_PANEL + _GAP) for column in range(len(_COLUMNS))]
        boxes = [(left / width, top / height, _PANEL / width, panel / height) for left in lefts]
        axes = [figure.add_axes(box) for box in boxes]
        shading = _draw_row(axes, _thinned(example), threshold)
        if index == 0:
            for axis, name in zip(axes, _COLUMNS, strict=True):
                heading = name.format(threshold=threshold)
                axis.text(0.5, 1 + (_LINE + 0.06) / panel, heading, transform=axis.transAxes, ha="center", fontsize=11)
            _legend(figure, shading)
    figure.savefig(path, dpi=_DPI)


def _draw_row(axes: Sequence[Axes], example: Example, threshold: float) -> AxesImage:
    from matplotlib.patheffects import withStroke

    image, truth = example.image, example.truth
    axes[0].imshow(image)
    axes[1].imshow(image)
    if truth.any() and not truth.all():
        outline = axes[1].contour(truth, levels=[0.5], colors=[MARK], linewidths=0.8)
        outline.set_path_effects([withStroke(linewidth=1.6, foreground="#003B46")])  # so that it shows on pale skin
    shading = axes[2].imshow(example.probability, cmap="viridis", vmin=0, vmax=1)
    axes[3].imshow(error_map(image, truth, above(example.probability, threshold)))
    if example.fov is not None and not example.fov.all():
        axes[3].contour(example.fov, levels=[0.5], colors=["white"], linewidths=0.8, linestyles="dotted")
    for axis in axes:
        axis.set_axis_off()
        axis.set_aspect("auto")  # the panel has the image's shape already
    return shading


def _legend(figure: Figure, shading: AxesImage) -> None:
    from matplotlib.patches import Patch

    width, height = figure.get_size_inches()
    bar = figure.add_axes((2 * _MARGIN / width, 0.42 / height, 0.9 * _PANEL / width, 0.16 / height))
    figure.colorbar(shading, cax=bar, orientation="horizontal").set_label("foreground probability", fontsize=9.5)
    bar.tick_params(labelsize=8.5)
    patches = []
    for name, (colour, opacity) in ERRORS.items():
        chip = [round((1 - opacity) * 60 + opacity * part) for part in colour]  # as on a dark photograph
        patches.append(Patch(facecolor="#{:02x}{:02x}{:02x}".format(*chip), label=name))
    place = (1 - _MARGIN / width, 0.5 / height)
    figure.legend(handles=patches, loc="center right", bbox_to_anchor=place, ncols=3, frameon=False, borderaxespad=0)


def _thinned(example: Example) -> Example:
    title, image, truth, probability, fov = example
    return Example(title, thinned(image), thinned(truth), thinned(probability), None if fov is None else thinned(fov))
