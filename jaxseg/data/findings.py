"""What can be wrong with a data set, one rule each: for the start of a run, and for ``launch/doctor.py``.

A rule looks at what ``facts`` measured of every image, and at groups and digests. It never opens a file.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from jaxseg.data.facts import Facts, hashes, looks

SEVERITIES = ("error", "warning", "note")
_NAMED = 3  # files named in a line, at most

# Two images are one, cropped, compressed or brightened by little, where so few of the 552 bits of their hashes differ
# and their small pictures correlate so well: 4 pairs of the 2000 images of ISIC-2017, and none of CHASE_DB1.
_BITS, _CORRELATION = 60, 0.99
_BLOCK = 1024  # images that are compared with all others at once
_FAR = 6.0  # robust standard deviations beyond which an image is unlike the others
_FEW = 20  # images below which nothing is said of that


class Finding(NamedTuple):
    """One thing that is wrong.

    Attributes:
        rule: its name.
        severity: "error" (the set cannot be used so), "warning" (scores would not mean what they say), or "note".
        files: that it is about.
        text: a line: what was found, and what to do.
    """

    rule: str
    severity: str
    files: tuple[str, ...]
    text: str


class Seen(NamedTuple):
    """One image for the rules: its name, group, files, digest of the image's bytes, and facts."""

    id: str
    group: str
    image: str
    mask: str
    digest: str
    facts: Facts


class Set(NamedTuple):
    """A data set for the rules.

    Attributes:
        splits: images by split.
        classes: their names, () where there is one foreground.
        values: of each class, as the settings name them.
        labels: the values that a mask may hold, as the settings name them, () where they are not named.
        resized: (height, width) that images are resized to, () where they are not.
    """

    splits: Mapping[str, Sequence[Seen]]
    classes: tuple[str, ...] = ()
    values: tuple[tuple[str, ...], ...] = ()
    labels: tuple[str, ...] = ()
    resized: tuple[int, ...] = ()

    @property
    def images(self) -> list[Seen]:
        """All of them, split by split."""
        return [one for images in self.splits.values() for one in images]


def find(data: Set) -> list[Finding]:
    """Return what all rules find, errors first."""
    found = [finding for rule in RULES for finding in rule(data)] if data.images else []
    return sorted(found, key=lambda one: SEVERITIES.index(one.severity))


def foreground(data: Set, split: str) -> str:
    """Return a line on the masks of a split: the share of each class, and how many masks are empty or full."""
    facts = [one.facts for one in data.splits[split]]
    pixels = sum(one.size[0] * one.size[1] for one in facts)
    shares = [sum(one.foreground[k] for one in facts) / pixels for k in range(max(len(data.classes), 1))]
    told = [f"{name} {share:.1%}" for name, share in zip(data.classes or ("foreground",), shares, strict=True)]
    empty, full = (sum(_share(one) == whole for one in facts) for whole in (0, 1))
    return f"{', '.join(told)} of the pixels; {empty} masks empty, {full} full"


def reached(data: Set) -> float | None:
    """Return the Dice, at the images' own size, of a network that is right about every pixel of the resized masks.

    Mean over images and classes, as scores are; None where nothing is resized.
    """
    counts = [one for image in data.images for one in image.facts.reached]
    dice = [2 * both / (2 * both + more + less) for both, more, less in counts if both + more + less]
    return float(np.mean(dice)) if dice else None


def _twins(data: Set) -> Iterator[Finding]:
    """Find images that are in several splits byte for byte."""
    by_digest: dict[str, dict[str, Seen]] = defaultdict(dict)
    for split, images in data.splits.items():
        for one in images:
            by_digest[one.digest][split] = one
    twins = [found for digest, found in by_digest.items() if len(found) > 1 and digest]
    if twins:
        example = " and ".join(f"{one.id} ({split})" for split, one in twins[0].items())
        files = tuple(one.image for found in twins for one in found.values())
        yield Finding(
            "same image in two splits", "warning", files,
            f"{len(twins)} images are in more than one split, byte for byte, such as {example}; scores that include an "
            "image seen in training are too high",
        )  # fmt: skip


def _lookalikes(data: Set) -> Iterator[Finding]:
    """Find images that are nearly the same: across splits as a warning, within one as a note."""
    images = data.images
    small = looks([one.facts for one in images])
    bits = hashes(small)
    flat = small.reshape(len(small), -1).astype(np.float32)
    flat -= flat.mean(axis=1, keepdims=True)
    flat /= np.linalg.norm(flat, axis=1, keepdims=True) + 1e-6
    split_of = [_beside(split) for split, held in data.splits.items() for _ in held]
    pairs = {"warning": [], "note": []}
    for a, b in _near(bits):
        if flat[a] @ flat[b] <= _CORRELATION:
            continue
        one, other = images[a], images[b]
        if split_of[a] != split_of[b] and one.digest != other.digest:
            pairs["warning"].append((one, other))
        elif split_of[a] == split_of[b] and one.group != other.group:
            pairs["note"].append((one, other))
    for severity, words in (
        ("warning", "in two splits; scores that include an image seen in training are too high"),
        ("note", "of one split; a split that is drawn from it may divide them"),
    ):
        if found := pairs[severity]:
            files = tuple(dict.fromkeys(one.image for pair in found for one in pair))
            one, other = found[0]
            yield Finding(
                "nearly the same image", severity, files,
                f"{len(found)} pairs of nearly the same image, such as {one.id} and {other.id}, {words}",
            )  # fmt: skip


def _near(bits: np.ndarray) -> Iterator[tuple[int, int]]:
    """Yield the pairs of hashes that differ in few bits; a block of rows at a time, for the memory's sake."""
    ones = bits.sum(axis=1)
    for first in range(0, len(bits), _BLOCK):
        block = slice(first, first + _BLOCK)
        differ = ones[block, None] + ones[None] - 2 * (bits[block] @ bits.T)  # exact: whole numbers in float32
        for a, b in np.argwhere(differ <= _BITS):
            if first + a < b:
                yield int(first + a), int(b)


def _divided_groups(data: Set) -> Iterator[Finding]:
    """Find people whose images are in several splits."""
    splits: dict[str, set[str]] = defaultdict(set)
    for split, images in data.splits.items():
        for one in images:
            splits[one.group].add(_beside(split))
    divided = {group: held for group, held in splits.items() if len(held) > 1}
    if divided:
        files = tuple(one.image for one in data.images if one.group in divided)
        group, held = next(iter(divided.items()))
        yield Finding(
            "group in two splits", "warning", files,
            f"{len(divided)} groups have images in more than one split, such as {group} ({', '.join(sorted(held))}); "
            "scores that include a patient seen in training are too high",
        )  # fmt: skip


def _beside(split: str) -> str:
    """Return the split that a shifted one stands beside: they may show the same, for neither is trained on."""
    return split.removeprefix("shifted_")


def _nothing(data: Set) -> Iterator[Finding]:
    """Find splits without any foreground, and classes that no training mask has."""
    for split, images in data.splits.items():
        totals = np.sum([one.facts.foreground for one in images], axis=0)
        files, severity = tuple(one.mask for one in images), "error" if split in ("train", "val") else "warning"
        if not totals.any() and (not data.classes or split == "val"):
            name = "training" if split == "train" else split
            text = f"no {name} mask has a foreground pixel; see data.labels, and whether the masks are empty"
            yield Finding("no foreground", severity, files, text)
        for name, values, total in zip(data.classes, data.values, totals, strict=False):
            if split == "train" and not total:
                text = f"data.classes.{name} is {', '.join(values)}, which no training mask holds"
                yield Finding("no foreground", "error", files, f"{text}; correct the value, or leave the class out")
            elif not total:
                text = f"no mask of {split} holds the class {name}, so nothing is scored of it there"
                yield Finding("no foreground", "warning", files, text)


def _labels(data: Set) -> Iterator[Finding]:
    """Find values of the settings that occur in no mask."""
    occur = {place for one in data.images for place in one.facts.labels}
    totals = np.sum([one.facts.foreground for one in data.splits.get("train", data.images)], axis=0)
    told = {value for values, total in zip(data.values, totals, strict=False) if not total for value in values}
    if absent := [label for place, label in enumerate(data.labels) if place not in occur and label not in told]:
        yield Finding(
            "value in no mask", "error", (),
            f"no mask holds {' or '.join(absent)}; correct the value in the settings, or leave it out",
        )  # fmt: skip


def _inverted(data: Set) -> Iterator[Finding]:
    """Find masks that seem to have foreground and background exchanged: most of the picture and of its border."""
    if data.classes:  # which value is background is said there
        return
    images = data.images
    upside = [one for one in images if _share(one.facts) > 0.5 and _at_border(one.facts) > 0.5]
    share = sum(sum(one.facts.foreground) for one in images) / sum(np.prod(one.facts.size) for one in images)
    if upside and len(upside) < len(images):
        yield Finding(
            "inverted mask", "warning", tuple(one.mask for one in upside),
            f"{len(upside)} of {len(images)} masks cover most of their picture and of its border, the others do not "
            f"({_list(upside)}): are foreground and background exchanged in them?",
        )  # fmt: skip
    if share > 0.5:
        yield Finding(
            "mostly foreground", "warning", tuple(one.mask for one in images),
            f"{share:.0%} of all pixels are foreground: are foreground and background exchanged? data.labels names the "
            "value that is meant, as in --config.data.labels='(0,)'",
        )  # fmt: skip


def _full(data: Set) -> Iterator[Finding]:
    """Find masks that are foreground all over, and empty ones."""
    for rule, severity, whole, words in (
        ("full mask", "warning", 1, "are foreground all over"),
        ("empty mask", "note", 0, "have no foreground"),
    ):
        found = [one for one in data.images if _share(one.facts) == whole]
        if found and len(found) < len(data.images):
            files = tuple(one.mask for one in found)
            yield Finding(rule, severity, files, f"{len(found)} masks {words} ({_list(found)}): is that so?")


def _field_of_view(data: Set) -> Iterator[Finding]:
    """Find labels outside the field of view, and masks exchanged with it."""
    with_fov = [one for one in data.images if one.facts.fov >= 0]
    exchanged = [
        one for one in with_fov if sum(one.facts.foreground) - one.facts.outside > 0.9 * one.facts.fov
        and one.facts.outside > 0
    ]  # fmt: skip
    if exchanged:
        yield Finding(
            "mask and field of view exchanged", "warning", tuple(one.mask for one in exchanged),
            f"{len(exchanged)} masks cover more than 90 % of their field of view and extend beyond it "
            f"({_list(exchanged)}): are mask and field of view swapped?",
        )  # fmt: skip
    outside = [one for one in with_fov if one not in exchanged and one.facts.outside > 0.02 * sum(one.facts.foreground)]
    if outside:
        yield Finding(
            "labels outside the field of view", "warning", tuple(one.mask for one in outside),
            f"{len(outside)} masks have more than 2 % of their foreground outside the field of view "
            f"({_list(outside)}); scores in the field of view ignore it",
        )  # fmt: skip


def _unlike(data: Set) -> Iterator[Finding]:
    """Find pictures of one grey, and pictures unlike the others in brightness, sharpness, size or foreground."""
    images = data.images
    if blank := [one for one in images if one.facts.contrast < 1]:
        files = tuple(one.image for one in blank)
        yield Finding(
            "picture of one grey",
            "warning",
            files,
            f"{len(blank)} images have a single grey level ({_list(blank)}); replace them",
        )
    if len(images) < _FEW:
        return
    measures: dict[str, Callable[[Facts], float]] = {
        "brightness": lambda one: one.brightness,
        "sharpness": lambda one: float(np.log(one.sharpness + 0.1)),
        "size": lambda one: float(np.log(one.size[0] * one.size[1])),
        "foreground": lambda one: float(np.log(_share(one) + 1e-4)),
    }
    least = {"brightness": 8.0, "sharpness": 0.2, "size": 0.25, "foreground": 0.4}  # below that nothing is far
    for name, measure in measures.items():
        values = np.array([measure(one.facts) for one in images])
        spread = max(1.4826 * float(np.median(np.abs(values - np.median(values)))), least[name])
        far = np.abs(values - np.median(values)) > _FAR * spread
        if found := list(itertools.compress(images, far)):
            files = tuple(one.image for one in found)
            text = f"{len(found)} images are outliers in {name} ({_list(found)}): do they belong to the set?"
            yield Finding(f"unlike in {name}", "note", files, text)


def _resizing(data: Set) -> Iterator[Finding]:
    """Say what resizing leaves of the masks."""
    dice = reached(data)
    if dice is not None:
        height, width = data.resized
        help = "" if dice >= 0.9 else "; train on crops at native size (data.patch_size, image_size=()), or resize less"
        yield Finding(
            "resizing", "warning" if dice < 0.9 else "note", (),
            f"images are resized to {height} x {width}: even a perfect prediction at that size reaches Dice "
            f"{dice:.3f} at their own size{help}",
        )  # fmt: skip


RULES: tuple[Callable[[Set], Iterator[Finding]], ...] = (
    _twins, _lookalikes, _divided_groups, _nothing, _labels, _inverted, _full, _field_of_view, _unlike, _resizing,
)  # fmt: skip


def _share(facts: Facts) -> float:
    return sum(facts.foreground) / (facts.size[0] * facts.size[1])


def _at_border(facts: Facts) -> float:
    return facts.border / (2 * sum(facts.size))


def _list(images: Sequence[Seen]) -> str:
    return ", ".join(one.id for one in images[:_NAMED]) + (", ..." if len(images) > _NAMED else "")
