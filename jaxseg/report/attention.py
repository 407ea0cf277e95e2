"""Where a network looks: the maps of its point-wise attention, and what one pixel reads at each skip."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

import jax
import numpy as np
from jaxtyping import Float32, UInt8

from jaxseg.report.panels import HELD, Pixel, Sheet, View, aspect, number

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Inches: around all, between panels with their bars, above all, a heading, a panel's title of two lines and of one; the
# width of a panel, of a small one where mechanisms are compared, and of the words beside it; the height of a text.
_MARGIN, _GAP, _HEAD, _HEADING, _TITLE, _CAPTION = 0.2, 0.85, 0.45, 0.42, 0.42, 0.24
_PANEL, _SMALL, _WORDS, _TEXT = 2.9, 1.5, 3.3, 2.2


@runtime_checkable
class Attends(Protocol):
    """What a picture needs of a skip; ``models.Skip`` is one."""

    @property
    def grid(self) -> tuple[int, int]: ...  # noqa: D102
    @property
    def stride(self) -> int: ...  # noqa: D102
    def rows(self, pixels: Sequence[Pixel]) -> Any: ...  # noqa: D102
    def gates(self) -> Mapping[str, Any]: ...  # noqa: D102
    def cells(self, pixels: Sequence[Pixel]) -> np.ndarray: ...  # noqa: D102


class Scene(NamedTuple):
    """An image and what a network makes of it."""

    title: str
    about: tuple[str, ...]  # what the mechanism computes, and what else a reader has to know
    image: UInt8[np.ndarray, "height width 3"]
    probability: Float32[np.ndarray, "height width"]
    skips: Mapping[int, Attends]  # by level


def views(skip: Attends, pixel: Pixel) -> dict[str, View]:
    """Return every part of a skip's attention as it looks from a pixel of the image.

    Raises:
        ValueError: the pixel is off the image.
    """
    gates = skip.gates()
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
    """Draw an image, its prediction, and below them the attention of every skip as it looks from one pixel.

    A column is a skip; a row of panels is a part of the mechanism: the map of a point-wise part, of any other part
    the weights with which the pixel's cell reads the image.

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
                title = f"skip {level}, stride {scene.skips[level].stride}, {rows} × {columns} cells\n{view.told()}"
                _draw(sheet, (left, top + _TITLE, _PANEL, panel), view, drawn, title)
        top += step
    return sheet.figure


def draw_comparison(scene: Scene, skips: Mapping[str, Attends], pixel: Pixel, figure: Figure | None = None) -> Figure:
    """Draw several mechanisms at one skip, a row each.

    Args:
        scene: the image; of its skips none is drawn.
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
                _draw(sheet, (left, top + _CAPTION, _SMALL, panel), view, like, view.told())
        top += step
    return sheet.figure


def _introduce(sheet: Sheet, scene: Scene, boxes: Sequence[tuple[float, float, float, float]]) -> None:
    """Draw the title, the image and the prediction."""
    y, x = sheet.pixel
    sheet.write(_MARGIN, 0.32, scene.title, fontsize=13, fontweight="bold")
    sheet.photograph(boxes[0])
    _title(sheet, boxes[0], f"image\npixel {y}, {x}")
    sheet.probability(boxes[1], scene.probability)
    _title(sheet, boxes[1], f"prediction\nat the pixel {number(float(scene.probability[y, x]))}")


def _reading(parts: Mapping[str, Sequence[View]]) -> str:
    """Return how to read what is drawn."""
    drawn = [view for like in parts.values() for view in like]
    words = {
        "A map is what each position's features are multiplied by.": any(view.kind == "map" for view in drawn),
        "What the pixel reads are the weights of all positions in the result at the cross, channel maps aside.": any(
            view.kind == "row" for view in drawn
        ),
        "Red weights are positive, blue ones negative.": any((view.weights < 0).any() for view in drawn),
        "Where a weight is exactly zero, the photograph shows.": any((view.weights == 0).any() for view in drawn),
        f"Colours hold {HELD}% of the weights, the pixel's own aside; an arrowhead says that some lie beyond.": True,
    }
    return "\n".join(sentence for sentence, holds in words.items() if holds)


def _explain(sheet: Sheet, left: float, top: float, paragraphs: Iterable[str]) -> None:
    """Write what a reader has to know."""
    text = "\n\n".join(
        "\n".join(textwrap.fill(line, 48) for line in paragraph.splitlines()) for paragraph in paragraphs
    )
    sheet.write(left, top, text, fontsize=9, verticalalignment="top")


def _draw(sheet: Sheet, box: tuple[float, float, float, float], view: View, like: Sequence[View], title: str) -> None:
    """Draw one view, in diverging colours if the same part is negative anywhere."""
    sheet.weights(box, view, signed=any((other.weights < 0).any() for other in like))
    _title(sheet, box, title)


def _title(sheet: Sheet, box: tuple[float, float, float, float], text: str) -> None:
    sheet.write(box[0], box[1] - 0.06, text, fontsize=8.5)


def _parts(seen: Iterable[Mapping[str, View]]) -> dict[str, list[View]]:
    """Return the views of each part, in the order in which parts first come."""
    parts: dict[str, list[View]] = {}
    for found in seen:
        for part, view in found.items():
            parts.setdefault(part, []).append(view)
    return parts
