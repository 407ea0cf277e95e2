"""Text files beside a user's images: ``train.txt``, ``val.txt`` and so on list names, ``groups.txt`` people."""

from __future__ import annotations

import codecs
import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from jaxseg import checks
from jaxseg.data.layout import SHIFTED, SPLITS
from jaxseg.data.names import stem

_HEADINGS = (
    "id",
    "image",
    "image_id",
    "name",
    "file",
    "filename",
    "group",
    "patient",
    "patient_id",
    "person",
    "subject",
)
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)  # as PowerShell writes it


def splits(folder: Path, names: Collection[str]) -> dict[str, list[str]]:
    """Return the images that ``<split>.txt`` lists, of each split that has such a file; capitals do not matter.

    Raises:
        ValueError: a line names no image or one that stands elsewhere, or a file is no text; the line says which.
    """
    listed: dict[str, list[str]] = {}
    seen: dict[str, Path] = {}
    for split in (*SPLITS, *SHIFTED):
        if (path := _file(folder, split)) is None:
            continue
        listed[split] = []
        for number, name in _lines(path):
            found = _image(name, names)
            if found is None:
                raise ValueError(f"{path}, line {number}: {name!r} is no image in {folder / 'images'}")
            if found in seen:
                raise ValueError(f"{path}, line {number}: {name!r} stands in {seen[found].name} already; keep one")
            seen[found] = path
            listed[split].append(found)
    return listed


def groups(folder: Path, names: Collection[str], pattern: str) -> dict[str, str]:
    """Return the group of each image that has one: by ``groups.txt`` (a line is an id and its group), or by a pattern.

    Args:
        folder: where ``groups.txt`` may be.
        names: of the images.
        pattern: a regular expression; what its first group finds in a name, or all of it, is the group. "" for none.

    Raises:
        ValueError: both are given, a line names no image, one image has two groups, or the pattern finds nothing.
    """
    path = _file(folder, "groups")
    if pattern:
        checks.require(path is None, "data.group_pattern", pattern, f"'', for {path} says which image is whose")
        found = groups_by(pattern, names)
        if not found:
            raise ValueError(f"data.group_pattern {pattern!r} finds nothing in the names, such as {next(iter(names))}")
        return found
    given: dict[str, str] = {}
    for number, line in _lines(path) if path else ():
        parts = [part.strip() for part in re.split(r"[\t;,]", line, maxsplit=1)]
        parts = parts if len(parts) == 2 else line.rsplit(None, 1)
        name = _image(parts[0], names)
        if number == 1 and name is None and all(part.strip('"').lower() in _HEADINGS for part in parts):
            continue
        if len(parts) != 2 or name is None or not parts[1]:
            raise ValueError(
                f"{path}, line {number}: {line!r}; want an image of {folder / 'images'}, a comma, its group"
            )
        if given.setdefault(name, parts[1]) != parts[1]:
            raise ValueError(f"{path}, line {number}: {name!r} is in group {given[name]!r} already; keep one")
    return given


def groups_by(pattern: str, names: Iterable[str]) -> dict[str, str]:
    """Return the group of each name that a regular expression finds one in: its first group, or all of the match."""
    found = {name: match for name in names if (match := re.search(pattern, name))}
    return {name: next(filter(None, match.groups()), match[0]) for name, match in found.items()}


def check_pattern(pattern: str) -> None:
    """Raise ValueError unless ``data.group_pattern`` is a regular expression, or empty."""
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"data.group_pattern {pattern!r} is no regular expression ({error})") from error


# What two images of one person may differ by: the words for it, where it stands in a name, and a pattern of the rest.
_SIDES = r"(?:^|(?<=\d)|(?<=[ _-]))(?:l|r|left|right|od|os)(?=$|[ _-])"
_ALIKE = (
    ("a side", re.compile(_SIDES, re.IGNORECASE), r"(?i)(.+?)[ _-]?(?:l|r|left|right|od|os)$"),
    ("their last number", re.compile(r"[ _-]\d+$|(?<=[a-z])\d+$", re.IGNORECASE), r"(.+?)[ _-]?\d+$"),
)


def alike(names: Sequence[str]) -> str:
    """Return a note where names look like several images of one person each, and "" where they do not."""
    for words, place, pattern in _ALIKE:
        rest = {name: place.sub("\0", name) for name in names}
        counts = Counter(rest.values())
        shared = [name for name in names if "\0" in rest[name] and counts[rest[name]] > 1]
        if 2 * len(shared) < len(names) or len(counts) < 2:
            continue
        twins = [name for name in names if rest[name] == rest[shared[0]]][:2]
        groups = groups_by(pattern, shared)
        works = len(groups) == len(shared) and len(set(groups.values())) == len({rest[name] for name in shared})
        setting = f" or --config.data.group_pattern='{pattern}'" if works else ""
        return (
            f"{len(shared)} names differ by {words} alone, such as {' and '.join(twins)}; if they show one patient, "
            f"keep them in one split by groups.txt{setting}, or scores are too high"
        )
    return ""


def _file(folder: Path, name: str) -> Path | None:
    found = sorted(path for path in folder.iterdir() if path.is_file() and path.name.lower() == f"{name}.txt")
    if len(found) > 1:
        raise ValueError(f"{found[0]} and {found[1].name} differ in capitals alone; keep one")
    return found[0] if found else None


def _lines(path: Path) -> list[tuple[int, str]]:
    """Return the lines of a text that are not empty, with their numbers."""
    data = path.read_bytes()
    try:
        text = data.decode("utf-16" if data.startswith(_UTF16) else "utf-8-sig")
        if "\0" in text:
            raise UnicodeError("it holds zeros")
    except UnicodeError as error:
        raise ValueError(f"{path}: no UTF-8 text ({error}); save it as UTF-8") from error
    return [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1) if line.strip()]


def _image(name: str, names: Collection[str]) -> str | None:
    """Return the image that a line means: "a" and "a.png" both mean "a"."""
    name = name.replace("\\", "/")  # Windows writes paths so
    whole, short = stem(Path(f"{Path(name).name}.")), stem(Path(name))
    return whole if whole in names else short if short in names else None
