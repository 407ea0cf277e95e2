"""Pictures of a network's attention at each skip: the maps of point-wise parts, and what one pixel reads."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

import jax
import numpy as np
from jaxtyping import Float32, UInt8

from jaxseg.report.figures import literal
from jaxseg.report.panels import COVERED, Pixel, Sheet, View, aspect, number

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Lengths in inches.
_MARGIN = 0.2  # around the figure
_GAP = 0.85  # between panels, colour bar included
_HEAD = 0.45  # height of the figure's title
_HEADING = 0.42  # height of the heading of a row of panels
_TITLE, _CAPTION = 0.42, 0.24  # height of a panel's title of two lines, and of one line
_PANEL, _SMALL = 2.9, 1.5  # width of a panel, and of one where mechanisms are compared
_WORDS, _TEXT = 3.3, 2.2  # width of the text beside panels, and its height


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

    Each column is a skip, each row of panels a part of the mechanism. A panel shows the map of a point-wise part; of
    any other part, the weights with which the pixel's cell reads the image.

    Args:
        scene: what to show.
        pixel: row and column in the image.
        figure: a figure to clear and draw on; None makes one.

    Raises:
        ValueError: the pixel is off the image.
    """
    seen = {level: views(skip, pixel) for level, skip in scene.skips.items()}
    parts = _parts(seen.values())
    panel = _PANEL * aspect(scene.image)
    step = _TITLE + panel + _MARGIN
    lefts = [_MARGIN + column * (_PANEL + _GAP) for column in range(max(len(seen), 3))]
    top = _HEAD + _TITLE + max(panel, _TEXT) + _MARGIN
    size = lefts[-1] + _PANEL + _GAP, top + len(parts) * (_HEADING + step)
    sheet = Sheet(scene.image, pixel, size, figure)
    _introduce(sheet, scene, [(left, _HEAD + _TITLE, _PANEL, panel) for left in lefts[:2]])
    _explain(sheet, lefts[2], _HEAD + _TITLE, (*scene.about, _reading(parts)))
    for part, drawn in parts.items():
        sheet.write(_MARGIN, top + 0.25, drawn[0].name, fontsize=12, fontweight="bold")
        top += _HEADING
        for left, (level, found) in zip(lefts, seen.items(), strict=False):
            if (view := found.get(part)) is not None:
                rows, columns = scene.skips[level].grid
                title = f"skip {level}, stride {scene.skips[level].stride}, {rows} × {columns} cells\n{view.caption()}"
                _draw(sheet, (left, top + _TITLE, _PANEL, panel), view, drawn, title)
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
    step = _CAPTION + panel + _MARGIN / 2
    lefts = [_MARGIN + _WORDS + column * (_SMALL + _GAP) for column in range(max(len(parts), 2))]
    top = _HEAD + _TITLE + max(panel, _TEXT) + _HEADING
    sheet = Sheet(scene.image, pixel, (lefts[-1] + _SMALL + _GAP, top + len(seen) * step + _MARGIN), figure)
    _introduce(sheet, scene, [(left, _HEAD + _TITLE, _SMALL, panel) for left in lefts[:2]])
    _explain(sheet, _MARGIN, _HEAD + _TITLE, (*scene.about, _reading(parts)))
    for left, like in zip(lefts, parts.values(), strict=False):
        sheet.write(left, top, like[0].name, fontsize=9, fontweight="bold")
    for label, found in seen.items():
        name, _, formula = label.partition("\n")
        sheet.write(_MARGIN, top + _CAPTION + 0.15, name, fontsize=12, fontweight="bold")
        sheet.write(_MARGIN, top + _CAPTION + 0.25, formula, fontsize=9, verticalalignment="top")
        for left, (part, like) in zip(lefts, parts.items(), strict=False):
            if (view := found.get(part)) is not None:
                _draw(sheet, (left, top + _CAPTION, _SMALL, panel), view, like, view.caption())
        top += step
    return literal(sheet.figure)


def _introduce(sheet: Sheet, scene: Scene, boxes: Sequence[tuple[float, float, float, float]]) -> None:
    """Draw the title, the image and the prediction."""
    y, x = sheet.pixel
    sheet.write(_MARGIN, 0.32, scene.title, fontsize=13, fontweight="bold")
    sheet.photograph(boxes[0])
    _title(sheet, boxes[0], f"image\npixel {y}, {x}")
    at_pixel = scene.probability[y, x]
    if scene.classes:
        sheet.classes(boxes[1], scene.probability, scene.classes)
        best = int(at_pixel.argmax())
        told = f"{('background', *scene.classes)[best]} {number(float(at_pixel[best]))}"
    else:
        sheet.probability(boxes[1], scene.probability)
        told = number(float(at_pixel))
    _title(sheet, boxes[1], f"prediction\nat the pixel {told}")


def _reading(parts: Mapping[str, Sequence[View]]) -> str:
    """Return sentences on how to read the panels; only those that these panels need."""
    drawn = [view for like in parts.values() for view in like]
    rows = any(view.kind == "row" for view in drawn)
    uncounted = ", not counting the pixel's own" if rows else ""
    words = {
        "Map: the factor that multiplies the features at each position.": any(view.kind == "map" for view in drawn),
        "What the pixel reads: the weight of each position in the result at the cross. Projections of the channels are "
        "not part of it.": rows,
        "Red weights are positive, blue ones negative.": any((view.weights < 0).any() for view in drawn),
        "Where a weight is exactly zero, the photograph shows.": any((view.weights == 0).any() for view in drawn),
        f"Colours cover {COVERED}% of the weights{uncounted}; an arrowhead marks larger ones.": True,
    }
    return "\n".join(sentence for sentence, holds in words.items() if holds)


def _explain(sheet: Sheet, left: float, top: float, paragraphs: Iterable[str]) -> None:
    """Write paragraphs in lines of at most 48 characters."""
    text = "\n\n".join(
        "\n".join(textwrap.fill(line, 48) for line in paragraph.splitlines()) for paragraph in paragraphs
    )
    sheet.write(left, top, text, fontsize=9, verticalalignment="top")


def _draw(sheet: Sheet, box: tuple[float, float, float, float], view: View, like: Sequence[View], title: str) -> None:
    """Draw one view; in diverging colours if any view of the same part, ``like``, has negative weights."""
    sheet.weights(box, view, signed=any((other.weights < 0).any() for other in like))
    _title(sheet, box, title)


def _title(sheet: Sheet, box: tuple[float, float, float, float], text: str) -> None:
    sheet.write(box[0], box[1] - 0.06, text, fontsize=8.5)


def _parts(seen: Iterable[Mapping[str, View]]) -> dict[str, list[View]]:
    """Return all views of each part; parts come in the order in which they first appear."""
    parts: dict[str, list[View]] = {}
    for found in seen:
        for part, view in found.items():
            parts.setdefault(part, []).append(view)
    return parts
