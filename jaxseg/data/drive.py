"""DRIVE: 40 fundus photographs, 20 to train and 20 to test (Staal et al. 2004)."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import numpy as np

from jaxseg.data import images
from jaxseg.data.builder import Config, Planes, SegmentationBuilder
from jaxseg.data.images import Mask, Picture
from jaxseg.data.layout import Entry, Listing, astray, holds, matching, pair

PUBLISHED = 20  # images in either half
TRAINING = r"(\d\d)_training\.tif"
CUT = 127  # grey values of 2nd_manual above this are vessel


class Drive(SegmentationBuilder):
    """``drive``: splits train and, where its labels are there, test; field-of-view masks; observer 2 on test."""

    name = "drive"
    ABOUT = (
        "Retinal vessels in 40 photographs, 565 wide and 584 high. The mask is observer 1 (1st_manual). Observer 2 "
        "(2nd_manual) holds {3, 253} instead of {0, 255} in some copies and is cut at 127, here and nowhere else."
    )
    HOMEPAGE = "https://drive.grand-challenge.org"
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "Get DRIVE from https://drive.grand-challenge.org (free, after registration), unpack it, and give the folder "
        "that holds training/ and test/: --config.data.dir=FOLDER"
    )

    @classmethod
    def listing(cls, folder: Path, config: Config) -> Listing:
        """Return the two halves of ``folder``; test only where its labels were published or added."""
        pictures = folder / "training" / "images"
        if not pictures.is_dir():
            raise cls.nothing(astray(folder, {half: holds(half) for half in ("training/images", "test/images")}))
        if not matching(pictures, TRAINING):
            raise cls.nothing(astray(pictures, {"NN_training.tif": lambda at: matching(at, TRAINING)}))
        notes: list[str] = []
        splits = {"train": _half(folder / "training", "training", notes)}
        test = folder / "test"
        if not test.is_dir():
            notes.append(f"its own test split is left out: {test} does not exist")
        elif not matching(test / "1st_manual", r"(\d\d)_manual1\.gif"):
            notes.append(f"its own test split is left out: the labels are withheld (none in {test / '1st_manual'})")
        else:
            splits["test"] = _half(test, "test", notes)
        for split, entries in splits.items():
            if len(entries) != PUBLISHED:
                notes.append(f"{split}: {len(entries)} of the {PUBLISHED} published images")
        return Listing({split: entries for split, entries in splits.items() if entries}, tuple(notes))

    @classmethod
    def read_masks(cls, entry: Entry, config: Config, image: Picture) -> Planes:
        """Return the masks; observer 2 is cut at 127, the one exception to "never rescaled"."""
        planes = super().read_masks(dataclasses.replace(entry, observer2=None), config, image)
        if entry.observer2 is None:
            return planes
        return planes._replace(observer2=_cut(entry.observer2))


def _cut(path: Path) -> Mask:
    values = images.read_mask(path)
    if ((values > CUT // 2) & (values < 255 - CUT // 2)).any():
        raise ValueError(f"{path}: holds middle greys, where 0 and 255 (or 3 and 253) were published; unpack it again")
    return (values > CUT).astype(np.uint8)


def _half(folder: Path, half: str, notes: list[str]) -> tuple[Entry, ...]:
    pictures = matching(folder / "images", rf"(\d\d)_{half}\.tif")
    kinds = {
        "mask": ("mask by observer 1", "1st_manual", "_manual1.gif"),
        "fov": ("field-of-view mask", "mask", f"_{half}_mask.gif"),
        "observer2": ("mask by observer 2", "2nd_manual", "_manual2.gif"),
    }
    files = {}
    for role, (kind, room, suffix) in kinds.items():
        files[role] = matching(folder / room, r"(\d\d)" + re.escape(suffix))
        if role == "observer2" and half == "test":
            found = "grey values cut at 127" if files[role] else "none"
            notes.append(f"observer 2 of test: {found} in {folder / room}")
        if role == "observer2" and not files[role]:
            continue
        pair(pictures, files[role], kind, lambda name, room=room, suffix=suffix: folder / room / f"{name}{suffix}")
    return tuple(
        Entry(name, name, path, **{role: found[name] for role, found in files.items() if found})
        for name, path in pictures.items()
    )
