"""Which files make up a data set: entries, splits of them, and pairing images with masks by name."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from pathlib import Path

SPLITS = ("train", "val", "test")


@dataclasses.dataclass(frozen=True)
class Entry:
    """One image of a set: its names and its files; a generated image has none."""

    id: str
    group: str
    image: Path | None = None
    mask: Path | None = None
    fov: Path | None = None
    observer2: Path | None = None

    @property
    def files(self) -> dict[str, Path]:
        """The files by role."""
        found = {role: getattr(self, role) for role in ("image", "mask", "fov", "observer2")}
        return {role: path for role, path in found.items() if path is not None}


@dataclasses.dataclass(frozen=True)
class Listing:
    """What a folder holds: entries by split, in order, and what was left out and why."""

    splits: dict[str, tuple[Entry, ...]]
    notes: tuple[str, ...] = ()


def matching(folder: Path, pattern: str) -> dict[str, Path]:
    """Return the files in ``folder`` whose names match a regular expression, by its first group, in name order."""
    if not folder.is_dir():
        return {}
    matches = ((re.fullmatch(pattern, path.name), path) for path in sorted(folder.iterdir()))
    return {match[1]: path for match, path in matches if match}


def pair(pictures: Mapping[str, Path], others: Mapping[str, Path], kind: str, wanted: Callable[[str], Path]) -> None:
    """Raise FileNotFoundError unless every picture has its file among ``others`` and the other way round.

    ``kind`` says what the others are; ``wanted(name)`` is the path that is looked for.
    """
    for name, path in pictures.items():
        if name not in others:
            raise FileNotFoundError(f"{path}: has no {kind}; {wanted(name)} is missing")
    for name, path in others.items():
        if name not in pictures:
            raise FileNotFoundError(f"{path}: a {kind} without an image; add the image {name!r} or remove the file")
