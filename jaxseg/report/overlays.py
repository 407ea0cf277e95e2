"""Example images beside truth, prediction and errors: the worst, the median and the best, not picked by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, UInt8

from jaxseg.data.palette import colours
from jaxseg.data.records import IGNORE
from jaxseg.report.figures import save
from jaxseg.report.panels import MARK, aspect, interpolation, stretched, thinned

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
CLASS_ERRORS = ERRORS | {"another class": ((230, 70, 200), 1.0)}
_TINT = 0.75  # opacity of a class over the photograph
_NOT_SCORED = (128, 128, 128)
# Lengths in inches.
_PANEL = 3.4  # width of a panel
_GAP, _MARGIN = 0.08, 0.12  # between panels, and left and right of them
_LINE = 0.34  # height of a row's title
_HEAD, _FOOT = 0.68, 0.85  # above and below all rows
_CHIPS = 6  # of a legend in one line


class Example(NamedTuple):
    """One image to show; ``title`` names its place in the ranking, its id and its score."""

    title: str
    image: UInt8[np.ndarray, "height width 3"]
    truth: UInt8[np.ndarray, "height width"]  # the class of each pixel; one foreground is class 1
    probability: Float32[np.ndarray, "height width *classes"]  # of the foreground, or of each class
    predicted: UInt8[np.ndarray, "height width"]  # likewise the predicted class
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
    truth: UInt8[np.ndarray, "height width"],
    prediction: UInt8[np.ndarray, "height width"],
) -> UInt8[np.ndarray, "height width 3"]:
    """Return the photograph, grey and darkened, with what ``CLASS_ERRORS`` lists coloured where the truth is known."""
    drawn = np.repeat(image.mean(axis=2, keepdims=True) * 0.45, 3, axis=2)
    known, same, real, found = truth != IGNORE, truth == prediction, truth > 0, prediction > 0
    kinds = (real & found & same, ~real & found, real & ~found, real & found & ~same)
    for where, (colour, opacity) in zip(kinds, CLASS_ERRORS.values(), strict=True):
        drawn[where & known] = (1 - opacity) * drawn[where & known] + opacity * np.array(colour)
    return np.rint(drawn).astype(np.uint8)


def class_map(
    image: UInt8[np.ndarray, "height width 3"], classes: UInt8[np.ndarray, "height width"], number: int
) -> UInt8[np.ndarray, "height width 3"]:
    """Return the photograph, each of a ``number`` of classes in its colour, and grey where nobody knows the class."""
    table = np.full((256, 3), _NOT_SCORED, np.float32)
    table[1 : 1 + number] = colours(number)
    tinted = np.where((classes > 0)[..., None], (1 - _TINT) * image + _TINT * table[classes], image)
    return np.rint(tinted).astype(np.uint8)


def draw_examples(
    examples: Sequence[Example],
    path: Path,
    *,
    title: str,
    threshold: float | tuple[float, ...] = 0.5,
    classes: Sequence[str] = (),
) -> None:
    """Draw one row per example: the image, the truth, the prediction, the errors; write a PNG.

    One foreground is shown by the truth's outline and the probability, several classes by their colours.

    Args:
        examples: what to show, top to bottom.
        path: the picture's file.
        title: of the picture: split, metric, region and size of scoring.
        threshold: how probabilities became classes; told where there is one foreground.
        classes: names of the classes; () where there is one foreground.
    """
    from matplotlib.figure import Figure

    unknown = any((example.truth == IGNORE).any() for example in examples)
    view = _Classes(classes, unknown=unknown) if classes else _Foreground(threshold)
    columns = view.columns()
    heights = [_PANEL * aspect(example.truth) for example in examples]
    width = 2 * _MARGIN + len(columns) * _PANEL + (len(columns) - 1) * _GAP
    height = _HEAD + sum(heights) + len(heights) * _LINE + _FOOT + view.more
    figure = Figure(figsize=(width, height))
    figure.text(_MARGIN / width, 1 - 0.32 / height, title, fontsize=13, fontweight="bold")
    top = height - _HEAD
    for index, (example, panel) in enumerate(zip(examples, heights, strict=True)):
        top -= _LINE + panel
        heading = "  ·  ".join(filter(None, [example.title, stretched(example.truth)]))
        figure.text(_MARGIN / width, (top + panel + 0.07) / height, heading, fontsize=10.5)
        lefts = [_MARGIN + column * (_PANEL + _GAP) for column in range(len(columns))]
        boxes = [(left / width, top / height, _PANEL / width, panel / height) for left in lefts]
        axes = [figure.add_axes(box) for box in boxes]
        view.draw(axes, _thinned(example))
        if index == 0:
            for axis, column in zip(axes, columns, strict=True):
                axis.text(0.5, 1 + (_LINE + 0.06) / panel, column, transform=axis.transAxes, ha="center", fontsize=11)
            view.legend(figure)
    save(figure, path)


class _Foreground:
    """One foreground: its outline, its probability on a colour scale, and where a threshold errs."""

    def __init__(self, threshold: Any):
        self.more = 0.0  # inches of the foot, beyond _FOOT
        self._threshold = threshold
        self._shading: Any = None

    def columns(self) -> tuple[str, ...]:
        return "image", "outline of the truth", "probability", f"errors at threshold {self._threshold:g}"

    def draw(self, axes: Sequence[Axes], example: Example) -> None:
        for axis in axes[:2]:
            _show(axis, example.image)
        draw_outline(axes[1], example.truth)
        self._shading = _show(axes[2], example.probability, cmap="viridis", vmin=0, vmax=1)
        _draw_errors(axes[3], example)
        _bare(axes)

    def legend(self, figure: Figure) -> None:
        width, height = figure.get_size_inches()
        bar = figure.add_axes((2 * _MARGIN / width, 0.42 / height, 0.9 * _PANEL / width, 0.16 / height))
        figure.colorbar(self._shading, cax=bar, orientation="horizontal").set_label(
            "foreground probability", fontsize=9.5
        )
        bar.tick_params(labelsize=8.5)
        _chips(figure, ERRORS, "right")


class _Classes:
    """Several classes, each in a colour of its own: those of the truth, the predicted ones, and where they differ."""

    def __init__(self, names: Sequence[str], *, unknown: bool):
        self._names = tuple(names)
        shades = [(shade, 1.0) for shade in colours(len(self._names)).tolist()]
        self._shades: dict[str, Any] = dict(zip(self._names, shades, strict=True))
        if unknown:
            self._shades["not scored"] = (_NOT_SCORED, 1.0)
        self.more = _LINE * ((len(self._shades) - 1) // _CHIPS)

    def columns(self) -> tuple[str, ...]:
        return "image", "truth", "prediction", "errors"

    def draw(self, axes: Sequence[Axes], example: Example) -> None:
        _show(axes[0], example.image)
        for axis, classes in ((axes[1], example.truth), (axes[2], example.predicted)):
            _show(axis, class_map(example.image, classes, len(self._names)))
        _draw_errors(axes[3], example)
        _bare(axes)

    def legend(self, figure: Figure) -> None:
        _chips(figure, self._shades, "left", 0.62 + self.more / 2)
        _chips(figure, CLASS_ERRORS, "right", 0.24)


def draw_outline(axis: Axes, truth: np.ndarray) -> None:
    """Draw the outline of the foreground, pixels of 1, over an image that is drawn already."""
    from matplotlib.patheffects import withStroke

    own = truth == 1
    if not own.any():
        return
    rows, columns = own.shape
    around = np.arange(-1, columns + 1), np.arange(-1, rows + 1)  # so that it closes at the image's border
    outline = axis.contour(*around, np.pad(own, 1), levels=[0.5], colors=[MARK], linewidths=0.8)
    axis.set(xlim=(-0.5, columns - 0.5), ylim=(rows - 0.5, -0.5))
    outline.set_path_effects([withStroke(linewidth=1.6, foreground="#003B46")])  # so that it shows on pale skin


def _show(axis: Axes, image: np.ndarray, **style: Any) -> AxesImage:
    return axis.imshow(image, interpolation=interpolation(image, _PANEL), **style)


def _draw_errors(axis: Axes, example: Example) -> None:
    _show(axis, error_map(example.image, example.truth, example.predicted))
    if example.fov is not None and not example.fov.all():
        axis.contour(example.fov, levels=[0.5], colors=["white"], linewidths=0.8, linestyles="dotted")


def _bare(axes: Sequence[Axes]) -> None:
    for axis in axes:
        axis.set_axis_off()
        axis.set_aspect("auto")  # the panel has the image's shape already


def _chips(
    figure: Figure,
    kinds: Mapping[str, tuple[Sequence[int], float]],
    side: Literal["left", "right"],
    middle: float = 0.5,
) -> None:
    """Write a legend of coloured chips at the left or right of the figure, ``middle`` inches above its lower edge."""
    from matplotlib.patches import Patch

    width, height = figure.get_size_inches()
    patches = []
    for name, (colour, opacity) in kinds.items():
        chip = [round((1 - opacity) * 60 + opacity * part) for part in colour]  # as on a dark photograph
        patches.append(Patch(facecolor="#{:02x}{:02x}{:02x}".format(*chip), label=name))
    left = _MARGIN / width
    place = (left if side == "left" else 1 - left, middle / height)
    columns = min(len(patches), _CHIPS)
    loc = "center left" if side == "left" else "center right"
    figure.legend(handles=patches, loc=loc, bbox_to_anchor=place, ncols=columns, frameon=False, borderaxespad=0)


def _thinned(example: Example) -> Example:
    arrays = {name: thinned(value) for name, value in example._asdict().items() if isinstance(value, np.ndarray)}
    return example._replace(**arrays)
