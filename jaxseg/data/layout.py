"""Which files make up a data set: its images by split, and the masks that belong to them by name."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from jaxseg.data.findings import Finding

SPLITS = ("train", "val", "test")


@dataclasses.dataclass(frozen=True)
class Entry:
    """One image of a set: its name, its group and its files; a generated image has no files.

    Attributes:
        id: its name, unique within the set.
        group: images of one group (one person) stay together in every split.
        image: its file; likewise ``mask``, ``fov`` (field of view) and ``observer2`` (mask of a second observer).
        more: further masks of the same observer, united with ``mask``.
    """

    id: str
    group: str
    image: Path | None = None
    mask: Path | None = None
    fov: Path | None = None
    observer2: Path | None = None
    more: tuple[Path, ...] = ()

    @property
    def files(self) -> dict[str, Path]:
        """The files by role; further masks are ``mask2`` and on."""
        found = {role: getattr(self, role) for role in ("image", "mask", "fov", "observer2")}
        found |= {f"mask{number}": path for number, path in enumerate(self.more, 2)}
        return {role: path for role, path in found.items() if path is not None}


@dataclasses.dataclass(frozen=True)
class Listing:
    """What a folder holds: entries by split, in order, and notes on what was left out and why.

    Attributes:
        splits: the entries.
        notes: the lines.
        faults: what has to be mended before the set can be used; ``listing`` of a set raises the first one.
    """

    splits: dict[str, tuple[Entry, ...]]
    notes: tuple[str, ...] = ()
    faults: tuple[Finding, ...] = ()


def matching(folder: Path, pattern: str) -> dict[str, Path]:
    """Return the files in ``folder`` whose whole names match ``pattern``, in name order.

    The keys are what the pattern's first group matched. A folder that does not exist holds no files.
    """
    if not folder.is_dir():
        return {}
    matches = ((re.fullmatch(pattern, path.name), path) for path in sorted(folder.iterdir()))
    return {match[1]: path for match, path in matches if match}


def pair(pictures: Mapping[str, Path], others: Mapping[str, Path], kind: str, wanted: Callable[[str], Path]) -> None:
    """Raise FileNotFoundError unless ``pictures`` and ``others`` have the same names.

    Args:
        pictures: images by name.
        others: files that belong to them, such as masks, by the same names.
        kind: what these files are, for the message.
        wanted: gives the path where the file of a name should be.
    """
    for name, path in pictures.items():
        if name not in others:
            raise FileNotFoundError(f"{path}: has no {kind}; {wanted(name)} is missing")
    for name, path in others.items():
        if name not in pictures:
            raise FileNotFoundError(f"{path}: a {kind} without an image; add the image {name!r} or remove the file")
