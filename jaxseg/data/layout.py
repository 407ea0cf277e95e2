"""Which files make up a data set: its images by split, and the masks that belong to them by name."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from jaxseg.data.findings import Finding

SPLITS = ("train", "val", "test")
SHIFTED = {"shifted_val": "val", "shifted_test": "test"}  # images of another source, and what they stand beside
EVERY = ("test", "shifted_test", "val", "shifted_val", "train")  # in the order in which results are told
OWN = "the set's own"  # how a split is told that its owners made
_MOST = 1000  # folders beside one another that are looked into for a set that is not where it should be


@dataclasses.dataclass(frozen=True)
class Entry:
    """One image of a set: its name, its group and its files; a generated image has no files.

    Attributes:
        id: its name, unique within the set.
        group: images of one group (one person) stay together in every split.
        image: its file; likewise ``mask``, ``fov`` (field of view) and ``observer2`` (mask of a second observer).
        more: further masks of the same observer, united with ``mask``.
        shifted: whether ``data.shift`` puts it apart, as one of another source.
    """

    id: str
    group: str
    image: Path | None = None
    mask: Path | None = None
    fov: Path | None = None
    observer2: Path | None = None
    more: tuple[Path, ...] = ()
    shifted: bool = False

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
        shift: which entries are ``shifted``, in words; "" where ``data.shift`` puts none apart.
    """

    splits: dict[str, tuple[Entry, ...]]
    notes: tuple[str, ...] = ()
    faults: tuple[Finding, ...] = ()
    shift: str = ""


def matching(folder: Path, pattern: str) -> dict[str, Path]:
    """Return the files in ``folder`` whose whole names match ``pattern``, in name order.

    The keys are what the pattern's first group matched. A folder that does not exist holds no files.
    """
    if not folder.is_dir():
        return {}
    matches = ((re.fullmatch(pattern, path.name), path) for path in sorted(folder.iterdir()))
    return {match[1]: path for match, path in matches if match}


def unpacked(folder: Path, pattern: str) -> dict[str, Path]:
    """Return the files as ``matching``; where ``folder`` has none, those in a folder of its own name inside it.

    Some tools unpack an archive into a folder of its name, though it holds one of that name already.
    """
    return matching(folder, pattern) or matching(folder / folder.name, pattern)


def holds(name: str) -> Callable[[Path], bool]:
    """Return what tells whether a folder holds a folder ``name``, for ``astray``."""
    return lambda folder: (folder / name).is_dir()


def astray(folder: Path, wanted: Mapping[str, Callable[[Path], object]], *, listed: bool = True) -> str:
    """Return the words for a folder that lacks what it should hold: what lies there instead, and where the rest is.

    Folders up to two levels above and below are looked at: a folder is easily given a level too high or too low, and an
    archive unpacked into a folder of its own.

    Args:
        folder: the folder that was given.
        wanted: words for each thing that it should hold, and what tells whether a folder holds it.
        listed: whether to say what lies there.
    """
    lacking = [name for name, there in wanted.items() if not _true(there, folder)]
    words = f"{folder}: holds no {' and no '.join(lacking)}" + (_only(folder) if listed else "")
    near = list(_near(folder))
    for place in near:
        if all(_true(there, place) for there in wanted.values()):
            return f"{words}, but {place} has {'it' if len(lacking) == 1 else 'them'}"
    places = {name: next((place for place in near if _true(wanted[name], place)), None) for name in lacking}
    found = {name: place for name, place in places.items() if place}
    if not found:
        return words
    words += f", but {' and '.join(f'{place} has {name}' for name, place in found.items())}"
    scattered = len(set(found.values())) > 1 or len(lacking) < len(wanted)
    return f"{words}: put all of it into one folder" if scattered else words


def _true(there: Callable[[Path], object], folder: Path) -> bool:
    with contextlib.suppress(OSError):  # a folder that may not be read holds nothing that could be used
        return bool(there(folder))
    return False


def _near(folder: Path) -> Iterator[Path]:
    """Yield the folders one and two levels below, then those above."""
    below = _folders(folder)
    yield from below
    for place in itertools.islice(below, _MOST):
        yield from _folders(place)
    yield from folder.parents[:2]


def _folders(folder: Path) -> list[Path]:
    with contextlib.suppress(OSError):
        inside = (path for path in folder.iterdir() if path.is_dir() and _named(path))
        return sorted(itertools.islice(inside, _MOST))
    return []


def _named(path: Path) -> bool:
    return not path.name.startswith((".", "__MACOSX"))  # nor what macOS adds to archives


def _only(folder: Path) -> str:
    with contextlib.suppress(OSError):
        names = sorted(path.name + "/" * path.is_dir() for path in folder.iterdir() if _named(path))
        if names:
            return f", only {', '.join(names[:4])}" + (f" and {len(names) - 4} more" if len(names) > 4 else "")
    return ""


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
