"""Who trains, who validates, who tests: one rule for every set, from names alone."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence

import numpy as np

from jaxseg.data.layout import Entry, Listing


@dataclasses.dataclass(frozen=True)
class Partition:
    """Which images of a listing make up each split.

    Attributes:
        parts: split -> (the listing's split, places in it); a split that no image is in is absent.
        rule: split -> how it came about, in words.
        notes: what the settings asked for and did not get, and why.
    """

    parts: dict[str, tuple[str, tuple[int, ...]]]
    rule: dict[str, str]
    notes: tuple[str, ...]


def partition(listing: Listing, *, holdout: int, test: int, seed: int) -> Partition:
    """Cut ``test`` images, then ``holdout`` images for val, from train, where the set has no such split of its own.

    Groups (both eyes of a child) are sorted by name, permuted by ``seed`` and taken in that order, whole. The test
    images do not depend on ``holdout``. A split that the set brings along is used as it is, whatever is asked for.

    Raises:
        ValueError: nothing would be left to train on, or the number would part a group.
    """
    parts = {split: (split, tuple(range(len(entries)))) for split, entries in listing.splits.items()}
    rule = dict.fromkeys(parts, "the set's own")
    notes = []
    entries = listing.splits["train"]
    order = _permuted(entries, seed)
    left = list(range(len(entries)))
    wanted = {"test": ("data.test", test), "val": ("data.holdout", holdout)}
    for split, (setting, number) in wanted.items():
        if number < 0:
            raise ValueError(f"{setting} is {number}; it counts images")
        if split in listing.splits:
            if number:
                notes.append(f"{setting}={number} is not used: the set has a {split} split of its own")
            continue
        if not number:
            notes.append(f"no {split} images: the set has no {split} split of its own and {setting} is 0")
            continue
        if number >= len(left):
            raise ValueError(f"{setting}={number} leaves nothing of {len(left)} images to train on; make it smaller")
        taken = _take([entries[i] for i in left], order, number, setting)
        parts[split] = ("train", tuple(i for i in left if entries[i].group in taken))
        rule[split] = f"{number} of {len(left)}: groups sorted by name, permuted by seed {seed}, the first ones"
        left = [i for i in left if entries[i].group not in taken]
    if len(left) < len(entries):
        parts["train"] = ("train", tuple(left))
        rule["train"] = "the rest"
    return Partition(parts, rule, tuple(notes))


def _permuted(entries: Sequence[Entry], seed: int) -> list[str]:
    groups = sorted({entry.group for entry in entries})
    # RandomState's stream is frozen (NEP 19): a split stays the same under every future NumPy.
    return [groups[i] for i in np.random.RandomState(seed).permutation(len(groups))]


def _take(entries: Sequence[Entry], order: Sequence[str], number: int, setting: str) -> set[str]:
    """Return the first groups in ``order`` that hold ``number`` images together."""
    sizes = Counter(entry.group for entry in entries)
    taken: set[str] = set()
    missing = number
    for group in order:
        if group in sizes and sizes[group] <= missing:
            taken.add(group)
            missing -= sizes[group]
        if not missing:
            return taken
    raise ValueError(
        f"{setting}={number} would part a group, such as the two eyes of one child; {number - missing} is possible"
    )
