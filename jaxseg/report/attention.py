"""Pictures of a network's attention at each skip: the maps of point-wise parts, and what one pixel reads."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

import jax
import numpy as np
from jaxtyping import Float32, UInt8

from jaxseg.report.figures import literal
from jaxseg.report.panels import LIMITS, Pixel, Scale, Sheet, View, aspect, number, outlined, stretched

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Lengths in inches.
_MARGIN = 0.2  # around the figure
_GAP = 0.85  # between panels, colour bar included
_HEAD = 0.45  # height of the figure's title
_HEADING = 0.42  # height of the heading of a row of panels
_LINE = 0.155  # height of a line of text
_TITLE = 0.42  # height of a panel's title of two lines
_PANEL, _SMALL = 2.9, 1.5  # width of a panel, and of one where mechanisms are compared
_WORDS = 3.3  # width of a name and formula beside panels
_CHARACTERS = 12.5  # of a text in one inch
_WIDEST = 100  # characters of a line that is still read with ease

# What the parts of a mechanism are, by the names that they have in ``attention.rows``.
_PARTS = {
    "point-wise": "the map w of point-wise attention alone",
    "self": "the weights of self-attention S alone, without map and shortcuts",
    "passes": "the weights of one pass alone; the next one reads its result",
    "composed": "the weights of the whole structure: its parts and shortcuts multiplied out",
}


@runtime_checkable
class Attends(Protocol):
    """The part of ``models.Skip`` that a picture needs."""

    @property
    def grid(self) -> tuple[int, int]: ...
    @property
    def stride(self) -> int: ...
    def rows(self, pixels: Sequence[Pixel]) -> Any: ...
    def gate_maps(self) -> Mapping[str, Any]: ...
    def cells(self, pixels: Sequence[Pixel]) -> np.ndarray: ...


class Scene(NamedTuple):
    """An image, a network's prediction for it, and the attention at its skips."""

    title: str
    about: tuple[str, ...]  # paragraphs: what the mechanism computes, and what else a reader needs to know
    image: UInt8[np.ndarray, "height width 3"]
    probability: Float32[np.ndarray, "height width *classes"]  # of the foreground, or of each class
    skips: Mapping[int, Attends]  # by level
    classes: tuple[str, ...] = ()  # names of the classes; () where there is one foreground
    truth: UInt8[np.ndarray, "height width"] | None = None  # the class of each pixel, where that is known

    @property
    def before(self) -> int:
        """How many panels come before those of attention: the image, the truth where it is known, the prediction."""
        return 2 if self.truth is None else 3


def views(skip: Attends, pixel: Pixel) -> dict[str, View]:
    """Return each part of a skip's attention for a pixel of the image, by the part's name.

    Raises:
        ValueError: the pixel is off the image.
    """
    gates = skip.gate_maps()
    row, column = skip.cells([pixel])[0].tolist()
    found = {}
    for path, weights in jax.tree_util.tree_leaves_with_path(skip.rows([pixel])):
        part = jax.tree_util.keystr(path, simple=True, separator=" ")
        kind, shown, heads = (
            ("map", gates[part], gates[part].values) if part in gates else ("row", weights, weights.values[0])
        )
        own = (row, column) if heads.shape[1:] == skip.grid else None
        name = part.replace("_", "-")
        found[name] = View(name, kind, heads.mean(0), shown.extent, own, len(heads))
    return found


def draw_pixel(scene: Scene, pixel: Pixel, figure: Figure | None = None) -> Figure:
    """Draw an image, its prediction, and below them the attention of every skip for one pixel.

    Each column is a skip, each row of panels a part of the mechanism; of a single skip, the parts stand side by side.
    A panel shows the map of a point-wise part; of any other part, the weights with which the pixel's cell reads the
    image.

    Args:
        scene: what to show.
        pixel: row and column in the image.
        figure: a figure to clear and draw on; None makes one.

    Raises:
        ValueError: the pixel is off the image.
    """
    seen = {level: views(skip, pixel) for level, skip in scene.skips.items()}
    parts = _parts(seen.values())
    rows = [[(level, part) for level in seen] for part in parts]
    if len(seen) == 1:
        rows = [[cell for row in rows for cell in row]]
    across = max(map(len, rows))
    columns = max(scene.before, across)
    panel = _PANEL * aspect(scene.image)
    lefts = [_MARGIN + column * (_PANEL + _GAP) for column in range(columns)]
    width, step = lefts[-1] + _PANEL + _GAP, _HEADING + _TITLE + panel + _MARGIN
    first = _HEAD + _TITLE
    # The text fills what is free beside the image, or else beside the attention; else it has lines of its own.
    if columns > scene.before:
        words = _Words.within(scene, parts, width - lefts[scene.before])
        place, top = (lefts[scene.before], first), first + max(panel, words.height) + _MARGIN
        height = top + len(rows) * step
    else:
        beside, top = columns > across, first + panel + _MARGIN
        words = _Words.within(scene, parts, width - lefts[across] if beside else width - 2 * _MARGIN)
        place = (lefts[across], top + _HEADING + _TITLE) if beside else (_MARGIN, top + _MARGIN)
        top += 0 if beside else words.height + 2 * _MARGIN
        height = max(top + len(rows) * step, place[1] + words.height + _MARGIN)
    sheet = Sheet(scene.image, pixel, (width, height), figure)
    _introduce(sheet, scene, [(left, first, _PANEL, panel) for left in lefts[: scene.before]])
    sheet.write(*place, words.text, fontsize=9, verticalalignment="top")
    for row in rows:
        headed = ""
        for left, (level, part) in zip(lefts, row, strict=False):
            if (view := seen[level].get(part)) is not None:
                if headed != (headed := view.name):
                    sheet.write(left, top + 0.25, headed, fontsize=12, fontweight="bold")
                cells = " × ".join(map(str, scene.skips[level].grid))
                title = f"skip {level}, stride {scene.skips[level].stride}, {cells} cells\n{view.caption()}"
                _draw(sheet, (left, top + _HEADING + _TITLE, _PANEL, panel), view, title)
        top += step
    return literal(sheet.figure)


def draw_comparison(scene: Scene, skips: Mapping[str, Attends], pixel: Pixel, figure: Figure | None = None) -> Figure:
    """Draw several mechanisms at one skip for one pixel, one row of panels per mechanism.

    Args:
        scene: the image; its own skips are not drawn.
        skips: the mechanisms by label: a name and, from the second line on, what it computes.
        pixel: row and column in the image.
        figure: a figure to clear and draw on; None makes one.

    Raises:
        ValueError: the pixel is off the image.
    """
    seen = {label: views(skip, pixel) for label, skip in skips.items()}
    parts = _parts(seen.values())
    panel = _SMALL * aspect(scene.image)
    step = _TITLE + panel + _MARGIN / 2
    columns = max(len(parts), scene.before)
    beside = [_MARGIN + column * (_SMALL + _GAP) for column in range(columns + 1)]  # without words on their left
    lefts = [_WORDS + left for left in beside[:-1]]
    width = _WORDS + beside[-1]
    words = _Words.within(scene, parts, width - beside[scene.before])
    top = _HEAD + _TITLE + max(panel, words.height) + _HEADING
    sheet = Sheet(scene.image, pixel, (width, top + len(seen) * step + _MARGIN), figure)
    _introduce(sheet, scene, [(left, _HEAD + _TITLE, _SMALL, panel) for left in beside[: scene.before]])
    sheet.write(beside[scene.before], _HEAD + _TITLE, words.text, fontsize=9, verticalalignment="top")
    for left, like in zip(lefts, parts.values(), strict=False):
        sheet.write(left, top, like[0].name, fontsize=8, fontweight="bold")
    for label, found in seen.items():
        name, _, formula = label.partition("\n")
        sheet.write(_MARGIN, top + _TITLE + 0.15, name, fontsize=12, fontweight="bold")
        sheet.write(_MARGIN, top + _TITLE + 0.25, formula, fontsize=9, verticalalignment="top")
        for left, part in zip(lefts, parts, strict=False):
            if (view := found.get(part)) is not None:
                _draw(sheet, (left, top + _TITLE, _SMALL, panel), view, view.caption())
        top += step
    return literal(sheet.figure)


def _introduce(sheet: Sheet, scene: Scene, boxes: Sequence[tuple[float, float, float, float]]) -> None:
    """Draw the title, the image, the truth where it is known, and the prediction."""
    y, x = sheet.pixel
    sheet.write(_MARGIN, 0.32, scene.title, fontsize=13, fontweight="bold")
    rows, columns = scene.image.shape[:2]
    told = ", ".join(filter(None, [f"image, {rows} × {columns} pixels", stretched(scene.image)]))
    sheet.photograph(boxes[0])
    _title(sheet, boxes[0], f"{told}\npixel {y}, {x}")
    names = ("background", *(scene.classes or ("foreground",)))
    if scene.truth is not None:
        sheet.classes(boxes[1], scene.truth, scene.classes)
        known = int(scene.truth[y, x])
        _title(sheet, boxes[1], f"truth\nat the pixel {names[known] if known < len(names) else 'not known'}")
    at_pixel = scene.probability[y, x]
    if scene.classes:
        sheet.classes(boxes[-1], scene.probability.argmax(-1), scene.classes)
        best = int(at_pixel.argmax())
        told = f"{names[best]} {number(float(at_pixel[best]))}"
    else:
        sheet.probability(boxes[-1], scene.probability)
        told = number(float(at_pixel))
    _title(sheet, boxes[-1], f"prediction\nat the pixel {told}")


class _Words(NamedTuple):
    """What a reader needs to know, in lines, and their height in inches."""

    text: str
    height: float

    @classmethod
    def within(cls, scene: Scene, parts: Mapping[str, Sequence[View]], width: float) -> _Words:
        """Return the words about a scene and the parts that are drawn of it, in lines of ``width`` inches."""
        characters = min(int(width * _CHARACTERS), _WIDEST)
        paragraphs = (*scene.about, _reading(parts, scene.image.shape))
        text = "\n\n".join(
            "\n".join(textwrap.fill(line, characters) for line in paragraph.splitlines()) for paragraph in paragraphs
        )
        return cls(text, _LINE * (1 + text.count("\n")))


def _reading(parts: Mapping[str, Sequence[View]], shape: Sequence[int]) -> str:
    """Return sentences on how to read the panels of an image of this shape; only those that these panels need."""
    drawn = [view for like in parts.values() for view in like]
    rows = any(view.kind == "row" for view in drawn)
    low, high = LIMITS
    words = {
        "Map: the factor that multiplies the features at each position.": any(view.kind == "map" for view in drawn),
        "What the pixel reads: the weight of each position in the result at the cross. Projections of the channels are "
        "not part of it. Itself: the share of the pixel's own weight.": rows,
        **{f"{name}: {what}.": any(part.startswith(name) for part in parts) for name, what in _PARTS.items()},
        "Red weights are positive, blue ones negative.": any(Scale.of(view).colours == "RdBu_r" for view in drawn),
        "Where a weight is exactly zero, the photograph shows.": any((view.weights == 0).any() for view in drawn),
        "The white line is the border of bright and dark in the photograph, smoothed.": any(
            outlined(view, shape) for view in drawn
        ),
        f"Colours run from percentile {low} to percentile {high} of a panel's weights"
        f"{', not counting the own one of the pixel' if rows else ''}; arrowheads mark weights beyond.": True,
    }
    return "\n".join(sentence for sentence, holds in words.items() if holds)


def _draw(sheet: Sheet, box: tuple[float, float, float, float], view: View, title: str) -> None:
    sheet.weights(box, view)
    _title(sheet, box, title)


def _title(sheet: Sheet, box: tuple[float, float, float, float], text: str) -> None:
    """Write the title of a panel, in lines that end before the next panel."""
    characters = int((box[2] + _GAP) * _CHARACTERS)
    lines = (textwrap.fill(line, characters) for line in text.splitlines())
    sheet.write(box[0], box[1] - 0.06, "\n".join(lines), fontsize=8.5)


def _parts(seen: Iterable[Mapping[str, View]]) -> dict[str, list[View]]:
    """Return all views of each part; parts come in the order in which they first appear."""
    parts: dict[str, list[View]] = {}
    for found in seen:
        for part, view in found.items():
            parts.setdefault(part, []).append(view)
    return parts
