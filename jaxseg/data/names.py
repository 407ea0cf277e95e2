"""Which mask belongs to which image, by their file names."""

from __future__ import annotations

import os
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

ID = "{id}"
_NUMBER = r"[ _-]?\d+"  # tells several masks of one image apart, as in a_mask.png, a_mask_1.png and a_mask2.png
_APART = r"[ _-]\d+"  # right behind an image's name, where mask11 is the one of image 11 and not another one of 1
_TRIED = 200  # images that a pattern is looked for with


class Matched(NamedTuple):
    """Masks by image.

    Attributes:
        files: the masks of each image that has some, in name order.
        alone: masks that belong to no image.
        named: how masks are named, "{id}_mask" or the like; "{id}" where they are named as their images.
    """

    files: dict[str, tuple[Path, ...]]
    alone: tuple[Path, ...]
    named: str


def stem(path: Path) -> str:
    """Return a file's name without its suffix, in one form of Unicode: macOS and Linux spell accents differently."""
    name = path.name.removesuffix(".gz")
    return unicodedata.normalize("NFC", name.rpartition(".")[0] or name)


def readable(path: Path) -> bool:
    """Return whether a file's name is UTF-8; one that a zip of another encoding left may be none."""
    try:
        os.fsencode(path.name).decode()
    except UnicodeDecodeError:
        return False
    return True


def match(images: Sequence[str], masks: Mapping[str, Path], template: str = "") -> Matched:
    """Return the masks of each image.

    Masks are named as their images; or, where few are, by the one pattern that most are: something before or behind the
    image's name, with numbers behind it where an image has several masks; or by what alone changes in both names.

    Args:
        images: their stems.
        masks: the files by their stems.
        template: how masks are named, such as "{id}_segmentation", where it is known; a "*" behind the id stands for
            anything.
    """
    if template:
        return _by_template(images, masks, template)
    best = _by_template(images, masks, ID)
    if 2 * len(best.files) >= len(images):
        return best
    found = [best]
    for template in _templates(images, masks):
        found += [_by_template(images, masks, template, numbered) for numbered in (False, True)]
    found += _by_what_changes(images, masks)
    # The most images, then the most masks; of equals the first.
    return max(found, key=lambda one: (len(one.files), -len(one.alone)))


def check_template(template: str) -> bool:
    """Return whether ``match`` takes it: "{id}" once, and a "*" behind that at most."""
    before, found, behind = template.partition(ID)
    return not template or (bool(found) and ID not in behind and "*" not in before)


def _by_template(images: Sequence[str], masks: Mapping[str, Path], template: str, numbered: bool = False) -> Matched:
    before, _, behind = template.partition(ID)
    rest = re.compile(
        ".*".join(map(re.escape, behind.split("*"))) + (f"(?:{_NUMBER if behind else _APART})?" if numbered else "")
    )
    known = set(images)

    def owner(name: str) -> str | None:
        ends = range(len(name), len(before), -1) if name.startswith(before) else ()
        ids = (name[len(before) : end] for end in ends if rest.fullmatch(name, end))
        return next((found for found in ids if found in known), None)  # the longest

    return _gathered(masks, owner, template)


def _templates(images: Sequence[str], masks: Mapping[str, Path]) -> Iterator[str]:
    """Yield the patterns of masks whose names hold those of their images, the most frequent first."""
    counted: Counter[str] = Counter()
    for image in images[:_TRIED]:
        for mask in masks:
            before, found, behind = mask.partition(image)
            if found:
                counted[before + ID + re.sub(f"{_NUMBER}$", "", behind)] += 1
                counted[before + ID + behind] += 1
    for template, _ in counted.most_common(5):
        yield template


def _by_what_changes(images: Sequence[str], masks: Mapping[str, Path]) -> list[Matched]:
    """Return the masks by the part that alone changes in names, as in 21_training.tif and 21_manual1.gif."""
    ours, theirs = _changing(images), _changing(tuple(masks))
    if not ours or not theirs:
        return []
    by_key = {key: image for image, key in ours.keys.items()}
    return [_gathered(masks, lambda name: by_key.get(theirs.keys[name]), f"{theirs.named} for {ours.named}")]


class _Changing(NamedTuple):
    keys: dict[str, str]  # by name
    named: str


def _changing(names: Sequence[str]) -> _Changing | None:
    if len(names) < 2:
        return None
    before = _common(names)
    behind = _common([name[len(before) :][::-1] for name in names])[::-1]
    keys = {name: name[len(before) : len(name) - len(behind)] for name in names}
    if all(key.isdigit() for key in keys.values()):
        keys = {name: str(int(key)) for name, key in keys.items()}  # 1 and 01 are one number
    return _Changing(keys, f"{before}#{behind}") if len(set(keys.values())) == len(names) else None


def _common(names: Sequence[str]) -> str:
    """Return how all names begin, without digits at its end: of 021 and 022 more than the last one changes."""
    first, last = min(names), max(names)
    same = next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last)))
    return re.sub(r"\d+$", "", first[:same])


def _gathered(masks: Mapping[str, Path], owner: Callable[[str], str | None], named: str) -> Matched:
    files: dict[str, list[Path]] = {}
    alone = []
    for name, path in masks.items():
        if (image := owner(name)) is None:
            alone.append(path)
        else:
            files.setdefault(image, []).append(path)
    return Matched({image: tuple(paths) for image, paths in files.items()}, tuple(alone), named)
