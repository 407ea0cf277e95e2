"""CHASE_DB1: 28 fundus photographs of both eyes of 14 children (Fraz et al. 2012)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from jaxseg.data.builder import Config, Planes, SegmentationBuilder
from jaxseg.data.images import Mask, Picture
from jaxseg.data.layout import Entry, Listing, matching, pair

PUBLISHED = 28
TEST_CHILDREN = ("11", "12", "13", "14")  # the last 8 images in file order; the first 20 train
DARK = 20  # grey level that no channel exceeds outside the field of view: it is 6 at most, bar the rim's blur
PLAUSIBLE = (0.4, 0.9)  # fraction of the frame that a field of view takes; the published images: 0.65 to 0.70
ROUND = 0.97  # least overlap (intersection over union) with a disc; the published images: 0.994 and above


class ChaseDb1(SegmentationBuilder):
    """``chase_db1``: train (20) and test (8) by the usual cut, two observers, field of view derived and checked."""

    name = "chase_db1"
    ABOUT = (
        "Retinal vessels in 28 photographs, 999 wide and 960 high. The mask is observer 1 (1stHO), observer2 is "
        "2ndHO. No field of view is published: it is the hull of the largest lit region, and has to be a disc. No "
        "split is published either: the usual one takes the first 20 images to train and the last 8 to test."
    )
    HOMEPAGE = "https://researchinnovation.kingston.ac.uk/en/datasets/chasedb1-retinal-vessel-reference-dataset-4/"
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        f"Get CHASE_DB1 from {HOMEPAGE} (CC BY 4.0), unpack it, and give the folder that holds Image_01L.jpg and the "
        "others: --config.data.dir=FOLDER"
    )

    @classmethod
    def listing(cls, folder: Path, config: Config) -> Listing:
        """Return the images of children 01 to 10 as train, 11 to 14 as test."""
        pictures = matching(folder, r"(Image_\d\d[LR])\.jpg")
        if not pictures:
            raise cls.nothing(f"{folder}: holds no Image_NNL.jpg")
        observers = [matching(folder, rf"(Image_\d\d[LR])_{observer}HO\.png") for observer in ("1st", "2nd")]
        for found, observer in zip(observers, ("1st", "2nd"), strict=True):
            kind, suffix = f"mask by the {observer} observer", f"_{observer}HO.png"
            pair(pictures, found, kind, lambda name, suffix=suffix: folder / f"{name}{suffix}")
        splits: dict[str, tuple[Entry, ...]] = {"train": (), "test": ()}
        for name, path in pictures.items():
            child = name[6:8]
            entry = Entry(name, child, path, observers[0][name], observer2=observers[1][name])
            splits["test" if child in TEST_CHILDREN else "train"] += (entry,)
        notes = [f"{len(pictures)} of the {PUBLISHED} published images"] if len(pictures) != PUBLISHED else []
        for split in [split for split in splits if not splits[split]]:
            notes.append(f"the usual {split} split is left out: none of its images is in {folder}")
        return Listing({split: entries for split, entries in splits.items() if entries}, tuple(notes))

    @classmethod
    def read_masks(cls, entry: Entry, config: Config, image: Picture) -> Planes:
        """Return both observers' masks and the derived field of view."""
        planes = super().read_masks(entry, config, image)
        return planes._replace(fov=field_of_view(image, entry.files["image"]))


def field_of_view(image: Picture, path: Path | str) -> Mask:
    """Return the field of view of a fundus photograph on black, {0, 1} [height, width].

    The convex hull of the largest connected region that is brighter than black in any channel. Raises ValueError naming
    ``path`` where that is no plausible opening of a camera: too small or large a part of the frame, or no disc.
    """
    import cv2

    lit = (image.max(axis=-1) > DARK).astype(np.uint8)
    count, regions, figures, _ = cv2.connectedComponentsWithStats(lit, connectivity=4)
    if count == 1:
        raise ValueError(f"{path}: black all over, so it shows no field of view; copy or download it again")
    largest = (regions == 1 + figures[1:, cv2.CC_STAT_AREA].argmax()).astype(np.uint8)
    # A disc is convex, even where the frame cuts it: the hull fills holes, and gaps at a dark rim.
    fov = cv2.fillConvexPoly(np.zeros_like(largest), cv2.convexHull(cv2.findNonZero(largest)), 1)
    part, overlap = float(fov.mean()), _overlap(largest, _disc(fov))
    if not PLAUSIBLE[0] <= part <= PLAUSIBLE[1] or overlap < ROUND:
        raise ValueError(
            f"{path}: its lit region covers {part:.0%} of the frame and overlaps a disc by {overlap:.2f}; a field of "
            f"view covers {PLAUSIBLE[0]:.0%} to {PLAUSIBLE[1]:.0%} and overlaps by {ROUND} or more. Is this a whole "
            "photograph on black? Otherwise use --config.data.name=folder with masks in fov/"
        )
    return fov


def _disc(mask: Mask) -> Mask:
    """Return the disc of a region's centre and area, cut by the frame."""
    rows, columns = np.nonzero(mask)
    y, x = np.ogrid[: mask.shape[0], : mask.shape[1]]
    return ((y - rows.mean()) ** 2 + (x - columns.mean()) ** 2 <= rows.size / np.pi).astype(np.uint8)


def _overlap(one: Mask, other: Mask) -> float:
    """Return the intersection over union."""
    return float((one & other).sum() / (one | other).sum())
