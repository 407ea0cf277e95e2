"""CHASE_DB1: 28 fundus photographs of both eyes of 14 children (Fraz et al. 2012)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from jaxseg.data.builder import Config, Planes, SegmentationBuilder
from jaxseg.data.field_of_view import Opening, field_of_view
from jaxseg.data.images import Picture
from jaxseg.data.layout import Entry, Listing, astray, matching, pair

PUBLISHED = 28
TEST_CHILDREN = ("11", "12", "13", "14")  # the last 8 images in file order; the first 20 train
# Outside the field of view grey levels are 6 at most, bar the rim's blur. The published images: 0.65 to 0.70 of the
# frame, and an overlap with a disc of 0.995 and above.
OPENING = Opening(dark=(20,), part=(0.4, 0.9), round=0.97)
PICTURE = r"(Image_\d\d[LR])\.jpg"


@dataclasses.dataclass
class ChaseConfig(Config):
    """How the set is prepared.

    Attributes:
        cut: whether the last four children are test; False where all train, to be cut into folds.
    """

    cut: bool = True


class ChaseDb1(SegmentationBuilder):
    """``chase_db1``: train (20) and test (8) by the usual cut, two observers, field of view derived and checked.

    The cut is a habit of papers and not the owners': with ``data.folds`` all 28 images are cut into folds, by children.
    """

    name = "chase_db1"
    UNSHIFTED = "no file tells which images are of another camera or age"
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

    BUILDER_CONFIGS: ClassVar[list] = [ChaseConfig(name="native", description="neither resized nor equalised")]

    @classmethod
    def configure(cls, data: Mapping[str, Any]) -> ChaseConfig:
        """Return the configuration that the settings ask for.

        Raises:
            ValueError: a setting is wrong; the line names it and says what it may be.
        """
        shared = super().configure(data)
        cut = not data["folds"]
        return ChaseConfig(name=shared.name, preprocess=shared.preprocess, classes=shared.classes, cut=cut)

    @classmethod
    def listing(cls, folder: Path, config: ChaseConfig) -> Listing:
        """Return the images of children 01 to 10 as train, 11 to 14 as test; all as train for folds."""
        pictures = matching(folder, PICTURE)
        if not pictures:
            raise cls.nothing(astray(folder, {"Image_NNL.jpg": lambda at: matching(at, PICTURE)}))
        observers = [matching(folder, rf"(Image_\d\d[LR])_{observer}HO\.png") for observer in ("1st", "2nd")]
        for found, observer in zip(observers, ("1st", "2nd"), strict=True):
            kind, suffix = f"mask by the {observer} observer", f"_{observer}HO.png"
            pair(pictures, found, kind, lambda name, suffix=suffix: folder / f"{name}{suffix}")
        splits: dict[str, tuple[Entry, ...]] = {"train": (), "test": ()}
        for name, path in pictures.items():
            child = name[6:8]
            entry = Entry(name, child, path, observers[0][name], observer2=observers[1][name])
            splits["test" if config.cut and child in TEST_CHILDREN else "train"] += (entry,)
        notes = [f"{len(pictures)} of the {PUBLISHED} published images"] if len(pictures) != PUBLISHED else []
        for split in [split for split in splits if not splits[split] and (config.cut or split == "train")]:
            notes.append(f"the usual {split} split is left out: none of its images is in {folder}")
        return Listing({split: entries for split, entries in splits.items() if entries}, tuple(notes))

    @classmethod
    def read_masks(cls, entry: Entry, config: Config, image: Picture) -> Planes:
        """Return both observers' masks and the derived field of view."""
        planes = super().read_masks(entry, config, image)
        return planes._replace(fov=field_of_view(image, entry.files["image"], OPENING))
