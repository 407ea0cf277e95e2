"""Which images train, validate and test: one rule for every set, which looks at names only."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxseg import checks
from jaxseg.data.layout import OWN, SHIFTED, Entry, Listing


@dataclasses.dataclass(frozen=True)
class Partition:
    """Which images of a listing make up each split.

    Attributes:
        parts: split -> (split of the listing, indices of its entries); a split without images is absent.
        rule: split -> how its images were chosen, in words.
        notes: settings that were not used and splits that are absent, and why.
    """

    parts: dict[str, tuple[str, tuple[int, ...]]]
    rule: dict[str, str]
    notes: tuple[str, ...]


def cut_settings(data: Mapping[str, Any]) -> dict[str, int]:
    """Return the numbers that ``partition`` takes, from the settings ``config.data`` as a plain dict."""
    names = {"holdout": "holdout", "test": "test", "seed": "split_seed", "folds": "folds", "fold": "fold"}
    return {name: data[setting] for name, setting in names.items()}


def check_settings(*, holdout: int, test: int, seed: int, folds: int = 0, fold: int = 0) -> None:
    """Raise ValueError unless ``partition`` can take these numbers for some set; the line names the setting."""
    for setting, number in (("data.holdout", holdout), ("data.test", test)):
        checks.require(number >= 0, setting, number, "a number of images, 0 or more")
    checks.require(0 <= seed < 2**32, "data.split_seed", seed, "0 to 2**32 - 1")
    checks.require(folds == 0 or folds >= 2, "data.folds", folds, "2 or more, or 0: no cross-validation")
    wanted = f"0 to {folds - 1}: data.folds is {folds}" if folds else "0: data.folds is 0, no cross-validation"
    checks.require(0 <= fold < max(folds, 1), "data.fold", fold, wanted)
    checks.require(not (folds and test), "data.test", test, f"0: with data.folds={folds} a fold is the test split")


def partition(listing: Listing, *, holdout: int, test: int, seed: int, folds: int = 0, fold: int = 0) -> Partition:
    """Cut ``test`` images, then ``holdout`` images for val, from train, where the set has no such split of its own.

    Groups (such as the two eyes of one child) are sorted by name, put in an order drawn from ``seed``, and taken whole,
    first those for test and then those for val. So the test images do not depend on ``holdout``. A split that the set
    has of its own is used as it is, whatever the numbers.

    For cross-validation the same order is cut into ``folds`` parts of as nearly equal numbers of images as groups
    allow. Part ``fold`` is test, and val is taken from what follows it, the first part after the last. A test split of
    the set's own stays outside: no fold holds any of it.

    Where the listing has shifted images, they leave train first: one half, by the same order, is shifted_val, the rest
    shifted_test.

    Raises:
        ValueError: a number is out of range, would leave nothing to train on, or would split a group; there are too
            few groups for the folds; fewer than two training images are shifted, or all.
    """
    check_settings(holdout=holdout, test=test, seed=seed, folds=folds, fold=fold)
    parts = {split: (split, tuple(range(len(entries)))) for split, entries in listing.splits.items()}
    rule = dict.fromkeys(parts, OWN)
    notes = []
    entries = listing.splits["train"]
    order = _permuted(entries, seed)
    left = list(range(len(entries)))
    if listing.shift:
        halves, left = _apart(listing, order)
        parts |= {split: ("train", places) for split, places in halves.items()}
        for split, places in halves.items():
            rule[split] = (
                f"{len(places)} of the {sum(map(len, halves.values()))} training images with {listing.shift}, drawn at "
                f"random, data.split_seed={seed}"
            )
        notes += _shifted_elsewhere(listing)
    if folds:
        if "test" in parts:
            notes.append(f"its own {len(listing.splits['test'])} test images are left out: test is a fold of train")
        taken, order = _fold([entries[i] for i in left], order, folds, fold)
        parts["test"] = ("train", tuple(i for i in left if entries[i].group in taken))
        rule["test"] = f"fold {fold} of {folds}, numbered from 0, cut from {len(left)} images, data.split_seed={seed}"
        left = [i for i in left if entries[i].group not in taken]
    wanted = {} if folds else {"test": ("data.test", test)}
    for split, (setting, number) in {**wanted, "val": ("data.holdout", holdout)}.items():
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
        rule[split] = f"drawn at random from {len(left)} training images, data.split_seed={seed}"
        left = [i for i in left if entries[i].group not in taken]
    if len(left) < len(entries):
        parts["train"] = ("train", tuple(left))
        rule["train"] = "the rest"
    return Partition(parts, rule, tuple(notes))


def _apart(listing: Listing, order: Sequence[str]) -> tuple[dict[str, tuple[int, ...]], list[int]]:
    """Return the places of the shifted training images in two halves, by split, and the places of the others."""
    entries = listing.splits["train"]
    apart, left = ([i for i, entry in enumerate(entries) if entry.shifted is shifted] for shifted in (True, False))
    if len(apart) < 2 or not left:
        raise ValueError(
            f"data.shift takes the images with {listing.shift} from train, and these are {len(apart)} of "
            f"{len(entries)}; it needs two, and others to train on; leave it ''"
        )
    taken = _take([entries[i] for i in apart], order, len(apart) // 2, "data.shift: shifted_val")
    halves = [tuple(i for i in apart if (entries[i].group in taken) is chosen) for chosen in (True, False)]
    return dict(zip(SHIFTED, halves, strict=True)), left


def _shifted_elsewhere(listing: Listing) -> list[str]:
    """Return a note for each other split of the set's own that has shifted images: it stays as it is published."""
    counts = {split: sum(entry.shifted for entry in held) for split, held in listing.splits.items() if split != "train"}
    return [
        f"{split} is the set's own: {count} of its {len(listing.splits[split])} images are shifted too"
        for split, count in counts.items()
        if count
    ]


def _permuted(entries: Sequence[Entry], seed: int) -> list[str]:
    groups = sorted({entry.group for entry in entries})
    # RandomState's stream is frozen (NEP 19): a split stays the same under every future NumPy.
    return [groups[i] for i in np.random.RandomState(seed).permutation(len(groups))]


def _fold(entries: Sequence[Entry], order: list[str], folds: int, fold: int) -> tuple[set[str], list[str]]:
    """Return the groups of a fold, and the others in the order that begins behind it.

    A group belongs to the fold in which its middle image would be, were the images cut one by one.
    """
    sizes, total, before = Counter(entry.group for entry in entries), len(entries), 0
    parts: list[list[str]] = [[] for _ in range(folds)]
    order = [group for group in order if group in sizes]  # those of shifted images have left
    for group in order:
        parts[(2 * before + sizes[group]) * folds // (2 * total)].append(group)
        before += sizes[group]
    if empty := [place for place, part in enumerate(parts) if not part]:
        raise ValueError(
            f"data.folds={folds} leaves fold {empty[0]} without an image: {total} images in {len(order)} groups are "
            "cut between groups; take fewer folds"
        )
    others = [group for part in parts[fold + 1 :] + parts[:fold] for group in part]
    return set(parts[fold]), others


def _take(entries: Sequence[Entry], order: Sequence[str], number: int, setting: str) -> set[str]:
    """Return the first groups in ``order`` that have ``number`` images together; one that is too large is skipped."""
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
        f"{setting}={number} would split a group, such as the two eyes of one child; {number - missing} is possible"
    )
