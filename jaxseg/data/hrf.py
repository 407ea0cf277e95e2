"""HRF: 45 fundus photographs of high resolution (Budai et al. 2013).

The owners say how many photographs are of healthy eyes, of glaucoma and of diabetic retinopathy, but not which are of
one person; so each is a group of its own. In 01_h to 09_h the optic disc lies to the right and to the left by turns (as
marked in huggingface.co/datasets/MedOtter/HRF): pairs of them may be the eyes of one person.
"""

from __future__ import annotations

from pathlib import Path

from jaxseg.data.builder import Config, SegmentationBuilder
from jaxseg.data.layout import Entry, Listing, astray, holds, matching, pair

PUBLISHED = 45
NAME = r"(\d\d_(?:dr|g|h))"  # diabetic retinopathy, glaucoma, healthy
PICTURE = NAME + r"\.(?i:jpg)"  # both JPG and jpg are published
# role: (kind, folder, what follows the image's name)
MASKS = {"mask": ("mask", "manual1", ".tif"), "fov": ("field-of-view mask", "mask", "_mask.tif")}


class Hrf(SegmentationBuilder):
    """``hrf``: 45 images, all train (``data.test`` and ``data.holdout`` cut from them); field-of-view masks."""

    name = "hrf"
    ABOUT = (
        "Retinal vessels in 45 photographs, 3504 wide and 2336 high, 15 each of healthy eyes, of glaucoma and of "
        "diabetic retinopathy. No split is published, nor which images are of one person."
    )
    HOMEPAGE = "https://www5.cs.fau.de/research/data/fundus-images/"
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        f"Get all.zip from {HOMEPAGE}, unpack it, and give the folder that holds images/, manual1/ and mask/: "
        "--config.data.dir=FOLDER"
    )

    @classmethod
    def listing(cls, folder: Path, config: Config) -> Listing:
        """Return all images as train."""
        rooms = {f"{room}/": holds(room) for room in ("images", "manual1", "mask")}
        if not all(there(folder) for there in rooms.values()):
            raise cls.nothing(astray(folder, rooms))
        pictures = matching(folder / "images", PICTURE)
        if not pictures:
            raise cls.nothing(astray(folder / "images", {"NN_dr.JPG": lambda at: matching(at, PICTURE)}))
        files = {}
        for role, (kind, room, suffix) in MASKS.items():
            files[role] = matching(folder / room, NAME + rf"(?i:{suffix})")
            pair(pictures, files[role], kind, lambda name, room=room, suffix=suffix: folder / room / f"{name}{suffix}")
        notes = [f"{len(pictures)} of the {PUBLISHED} published images"] if len(pictures) != PUBLISHED else []
        entries = [
            Entry(name, name, path, **{role: found[name] for role, found in files.items()})
            for name, path in pictures.items()
        ]
        return Listing({"train": tuple(entries)}, tuple(notes))
