"""STARE: 20 fundus photographs (Hoover et al. 2000).

The archives hold their files without a folder: ``im0001.ppm.gz``, ``im0001.ah.ppm.gz``, ``im0001.vk.ppm.gz``.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from jaxseg.data.builder import Config, Planes, SegmentationBuilder
from jaxseg.data.field_of_view import Opening, field_of_view
from jaxseg.data.images import Picture
from jaxseg.data.layout import Entry, Listing, astray, pair, unpacked

PUBLISHED = 20
# Scanned slides: a noisy ground instead of black, and discs that straight edges cut. Public code takes for the field of
# view what is brighter than grey 15, than grey 40, or than an L* of 19 in CIELAB (with the method of Orlando et al.,
# SIPAIM 2016): 15 to 75 in the brightest channel of a red pixel. None of it was compared with the photographs here, so
# all of that range is tried, and the bounds are wider than those of CHASE_DB1.
OPENING = Opening(dark=(20, 30, 40, 50, 60, 70), part=(0.5, 0.95), round=0.9, straight=True)
# role: (kind, the archive's name, what follows im0001)
FILES = {
    "image": ("photograph", "stare-images", ".ppm"),
    "mask": ("mask by Adam Hoover", "labels-ah", ".ah.ppm"),
    "observer2": ("mask by Valentina Kouznetsova", "labels-vk", ".vk.ppm"),
}


class Stare(SegmentationBuilder):
    """``stare``: 20 images, all train (``data.test`` and ``data.holdout`` cut from them); field of view derived."""

    name = "stare"
    ABOUT = (
        "Retinal vessels in 20 photographs, 700 wide and 605 high. The mask is Adam Hoover's (ah), observer2 is "
        "Valentina Kouznetsova's (vk). No split is published, nor which images are of one person. No field of view is "
        "published: it is the hull of the largest lit region, and has to be a disc, which straight edges may cut."
    )
    HOMEPAGE = "https://cecas.clemson.edu/~ahoover/stare/probing/"
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        f"Get stare-images.tar, labels-ah.tar and labels-vk.tar from {HOMEPAGE}, unpack them into one folder, or each "
        "into a folder of its name (stare-images/, labels-ah/, labels-vk/), and give the folder that holds it all: "
        "--config.data.dir=FOLDER"
    )

    @classmethod
    def listing(cls, folder: Path, config: Config) -> Listing:
        """Return all images as train; the masks of observer 2 may be missing, all of them."""
        pictures, masks, others = (_files(folder, role) for role in FILES)
        if not pictures or not masks:
            raise cls.nothing(astray(folder, {_example(role): _finds(role) for role in ("image", "mask")}))
        notes = []
        pair(pictures, masks, FILES["mask"][0], lambda name: _wanted(masks, name))
        if others:
            pair(pictures, others, FILES["observer2"][0], lambda name: _wanted(others, name))
        else:
            why = astray(folder, {_example("observer2"): _finds("observer2")}, listed=False)
            notes.append(f"observer 2 is left out: {why}")
        if len(pictures) != PUBLISHED:
            notes.append(f"{len(pictures)} of the {PUBLISHED} published images")
        entries = [Entry(name, name, path, masks[name], None, others.get(name)) for name, path in pictures.items()]
        return Listing({"train": tuple(entries)}, tuple(notes))

    @classmethod
    def read_masks(cls, entry: Entry, config: Config, image: Picture) -> Planes:
        """Return both observers' masks and the derived field of view."""
        planes = super().read_masks(entry, config, image)
        return planes._replace(fov=field_of_view(image, entry.files["image"], OPENING))


def _files(folder: Path, role: str) -> dict[str, Path]:
    """Return the files of a role by image; of one that lies there packed and unpacked, the unpacked one."""
    _, archive, suffix = FILES[role]
    found: dict[str, Path] = {}
    for packed in (r"\.gz", ""):
        pattern = rf"(im\d{{4}}){suffix}{packed}"
        found |= unpacked(folder, pattern) or unpacked(folder / archive, pattern)
    return dict(sorted(found.items()))


def _finds(role: str) -> Callable[[Path], object]:
    return lambda folder: _files(folder, role)


def _example(role: str) -> str:
    return f"imNNNN{FILES[role][2]}[.gz]"


def _wanted(found: dict[str, Path], name: str) -> Path:
    example = next(iter(found.values()))
    return example.with_name(name + example.name[6:])
