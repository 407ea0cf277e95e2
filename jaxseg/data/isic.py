"""ISIC Challenges, lesion segmentation: dermoscopic images with one lesion each.

2016: Gutman et al. 2016; 2017: Codella et al. 2018; 2018, task 1: Codella et al. 2019. The pages of the challenge
(challenge.isic-archive.com) give the names of images and masks, how many images train in 2016 and 2017, and how many
test in 2016. The other numbers, and the names of the folders, are as public code has them.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, NamedTuple

from jaxseg.data.builder import Config, SegmentationBuilder
from jaxseg.data.layout import Entry, Listing, astray, holds, pair, unpacked


class Part(NamedTuple):
    """Where the images of a split lie, where their masks, and how many were published."""

    pictures: str
    masks: str
    published: int


# The owners' archives hold a folder of the same name each.
PARTS: dict[str, dict[str, Part]] = {
    "isic2016": {
        "train": Part("ISBI2016_ISIC_Part1_Training_Data", "ISBI2016_ISIC_Part1_Training_GroundTruth", 900),
        "test": Part("ISBI2016_ISIC_Part1_Test_Data", "ISBI2016_ISIC_Part1_Test_GroundTruth", 379),
    },
    "isic2017": {
        "train": Part("ISIC-2017_Training_Data", "ISIC-2017_Training_Part1_GroundTruth", 2000),
        "val": Part("ISIC-2017_Validation_Data", "ISIC-2017_Validation_Part1_GroundTruth", 150),
        "test": Part("ISIC-2017_Test_v2_Data", "ISIC-2017_Test_v2_Part1_GroundTruth", 600),
    },
    "isic2018": {
        "train": Part("ISIC2018_Task1-2_Training_Input", "ISIC2018_Task1_Training_GroundTruth", 2594),
        "val": Part("ISIC2018_Task1-2_Validation_Input", "ISIC2018_Task1_Validation_GroundTruth", 100),
        "test": Part("ISIC2018_Task1-2_Test_Input", "ISIC2018_Task1_Test_GroundTruth", 1000),
    },
}
# The numbers of 2017's training images leap from 11,402 to 12,089, and the images beyond are of another source:
# docs/shift.md has what was measured. 2018's, of the same archive, were not at hand.
LATE = 12_000
# They leave out ISIC_NNNNNNN_superpixels.png and the table of metadata.
PICTURE = r"(ISIC_\d{7})\.jpg"
MASK = r"(ISIC_\d{7})_[Ss]egmentation\.png"  # a capital in 2016, and on the page of 2017, but not in its archives


class Isic(SegmentationBuilder, skip_registration=True):
    """What the years share: the official splits, as far as they are there."""

    SHIFTS = ("late_ids",)
    SUFFIX: ClassVar[str] = "_segmentation.png"  # what follows an image's name in that of its mask

    @classmethod
    def listing(cls, folder: Path, config: Config) -> Listing:
        """Return the splits whose two folders are in ``folder``; train has to be there."""
        splits: dict[str, tuple[Entry, ...]] = {}
        notes: list[str] = []
        for split, part in PARTS[cls.name].items():
            if not _whole(folder, part):
                if split == "train":
                    raise cls.nothing(_absent(folder, part))
                notes.append(f"its own {split} split is left out: {_absent(folder, part, listed=False)}")
                continue
            splits[split] = cls._entries(folder, part, config.shift)
            if len(splits[split]) != part.published:
                notes.append(f"{split}: {len(splits[split])} of the {part.published} published images")
        return Listing(splits, tuple(notes), shift=f"ids from ISIC_{LATE:07d} on" if config.shift else "")

    @classmethod
    def _entries(cls, folder: Path, part: Part, shift: str) -> tuple[Entry, ...]:
        images, masks = unpacked(folder / part.pictures, PICTURE), unpacked(folder / part.masks, MASK)
        place = next(iter(masks.values())).parent
        pair(images, masks, "lesion mask", lambda name: place / f"{name}{cls.SUFFIX}")
        return tuple(
            Entry(name, name, path, masks[name], shifted=bool(shift) and int(name.removeprefix("ISIC_")) >= LATE)
            for name, path in images.items()
        )


class Isic2016(Isic):
    """``isic2016``: the official splits train and, where it is there, test."""

    name = "isic2016"
    SHIFTS = ()
    UNSHIFTED = "which ids are of another source was measured in 2017 alone"
    SUFFIX = "_Segmentation.png"
    ABOUT = "Skin lesions in 900 + 379 dermoscopic images of 2016, part 1."
    HOMEPAGE = "https://challenge.isic-archive.com/data/#2016"
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        f"Get the archives of ISIC 2016, task 1, from {HOMEPAGE}, unpack them, and give the folder that holds "
        "ISBI2016_ISIC_Part1_Training_Data/ and ISBI2016_ISIC_Part1_Training_GroundTruth/: --config.data.dir=FOLDER"
    )


class Isic2017(Isic):
    """``isic2017``: the official splits train, val and test, as far as they are there."""

    name = "isic2017"
    ABOUT = "Skin lesions in 2000 + 150 + 600 dermoscopic images. Superpixel maps and metadata are no masks: not read."
    HOMEPAGE = "https://challenge.isic-archive.com/data/#2017"
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        f"Get the Part 1 archives of ISIC 2017 from {HOMEPAGE}, unpack them, and give the folder that holds "
        "ISIC-2017_Training_Data/ and ISIC-2017_Training_Part1_GroundTruth/: --config.data.dir=FOLDER"
    )


class Isic2018(Isic):
    """``isic2018``: the official splits train, val and test of task 1, as far as they are there."""

    name = "isic2018"
    ABOUT = "Skin lesions in 2594 + 100 + 1000 dermoscopic images of 2018, task 1."
    HOMEPAGE = "https://challenge.isic-archive.com/data/#2018"
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        f"Get the archives of ISIC 2018, task 1, from {HOMEPAGE}, unpack them, and give the folder that holds "
        "ISIC2018_Task1-2_Training_Input/ and ISIC2018_Task1_Training_GroundTruth/: --config.data.dir=FOLDER"
    )


def _kinds(part: Part) -> tuple[tuple[str, str, str], ...]:
    """Return of images and of masks: the folder, the pattern of their names, and words for it."""
    return (part.pictures, PICTURE, "ISIC_NNNNNNN.jpg"), (part.masks, MASK, "ISIC_NNNNNNN_segmentation.png")


def _whole(folder: Path, part: Part) -> bool:
    return all(unpacked(folder / name, pattern) for name, pattern, _ in _kinds(part))


def _absent(folder: Path, part: Part, *, listed: bool = True) -> str:
    """Return what of a part is not there, for a part that is not whole."""
    if not all((folder / name).is_dir() for name, _, _ in _kinds(part)):
        return astray(folder, {name: holds(name) for name, _, _ in _kinds(part)}, listed=listed)
    name, pattern, words = next(kind for kind in _kinds(part) if not unpacked(folder / kind[0], kind[1]))
    return astray(folder / name, {words: lambda at: unpacked(at, pattern)}, listed=listed)
