"""Which values of a mask mean which class: the settings ``data.classes``, ``data.background`` and ``data.ignore``."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from jaxtyping import UInt32

from jaxseg import checks
from jaxseg.data.images import Mask, check_labels, code
from jaxseg.data.records import IGNORE

Labels = tuple[int | str, ...]  # grey values, or colours "#rrggbb"
_LISTED = 6  # values that no class names, at most so many in a message


@dataclasses.dataclass(frozen=True)
class Classes:
    """The classes of a set's masks, in order: the k-th, counted from 1, is k in a ``Record``'s mask.

    Attributes:
        names: of the classes; letters, digits, "_" and "-", since files and scores are named by them.
        values: of each class, the grey values or colours "#rrggbb" that mean it.
        background: likewise of class 0.
        ignore: likewise of pixels that neither loss nor scores count.

    Raises:
        ValueError: a name or a value is wrong, or one value means two things; the line names the setting.
    """

    names: tuple[str, ...]
    values: tuple[Labels, ...]
    background: Labels = (0,)
    ignore: Labels = ()

    def __post_init__(self) -> None:
        checks.require(len(self.names) < IGNORE, "data.classes", len(self.names), f"fewer than {IGNORE} classes")
        for name in self.names:
            good = isinstance(name, str) and re.fullmatch(r"[A-Za-z0-9_-]+", name) and name != "background"
            wanted = "letters, digits, '_' and '-', and not 'background'"
            checks.require(bool(good), "a name in data.classes", name, wanted)
        meanings: dict[int, str] = {}
        for setting, labels, _ in self._meanings():
            check_labels(setting, labels)
            for label in labels:
                if (other := meanings.setdefault(code(label), setting)) != setting:
                    raise ValueError(f"{label!r} stands in {setting} and in {other}; a value has one meaning")
        for name, labels in zip(self.names, self.values, strict=True):
            checks.require(bool(labels), f"data.classes.{name}", labels, "a grey value, a colour, or a list of them")

    @classmethod
    def from_config(cls, data: Mapping[str, Any]) -> Classes | None:
        """Return the classes that the settings ``data`` (``config.data`` as a dict) name, or None where they name none.

        Raises:
            ValueError: as for the class; and for a background or ignored values without classes.
        """
        background, ignore = _labels(data["background"]), _labels(data["ignore"])
        if not data["classes"]:
            for setting, given, unset in (("background", background, (0,)), ("ignore", ignore, ())):
                wanted = f"{unset}: it is for masks of several classes, which data.classes names"
                checks.require(given == unset, f"data.{setting}", given, wanted)
            return None
        names = tuple(data["classes"])
        return cls(names, tuple(_labels(data["classes"][name]) for name in names), background, ignore)

    def indices(self, codes: UInt32[np.ndarray, "height width"], file: object) -> Mask:
        """Return the class of every pixel: 0 for background, k for the k-th class, ``IGNORE`` for ignored pixels.

        Args:
            codes: 0xrrggbb of every pixel, from ``images.read_codes``.
            file: named in the error.

        Raises:
            ValueError: the mask holds a value that has no meaning; the line lists such values, and how often each is.
        """
        found = np.zeros(codes.shape, np.uint8)
        known = np.zeros(codes.shape, bool)
        for _, labels, index in self._meanings():
            for label in labels:
                here = codes == code(label)
                found[here] = index
                known |= here
        if not known.all():
            strange, counts = np.unique(codes[~known], return_counts=True)
            listed = [f"{_told(int(value))} ({count} pixels)" for value, count in zip(strange, counts, strict=True)]
            more = f" and {len(listed) - _LISTED} more" if len(listed) > _LISTED else ""
            raise ValueError(
                f"{file}: holds values that no class names: {', '.join(listed[:_LISTED])}{more}; "
                "name them in data.classes, data.background or data.ignore, or mend the mask"
            )
        return found

    def _meanings(self) -> Iterator[tuple[str, Labels, int]]:
        """Yield what a mask's pixel may be: the setting that says so, its values, and the index."""
        yield "data.background", self.background, 0
        for index, (name, labels) in enumerate(zip(self.names, self.values, strict=True), 1):
            yield f"data.classes.{name}", labels, index
        yield "data.ignore", self.ignore, IGNORE


def _labels(given: Any) -> Labels:
    return tuple(given) if isinstance(given, list | tuple) else (given,)


def _told(value: int) -> str:
    grey = value & 0xFF
    return str(grey) if value == grey * 0x010101 else f"#{value:06x}"
