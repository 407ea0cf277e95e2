"""ISIC 2017 Challenge, part 1: dermoscopic images with one lesion each (Codella et al. 2018)."""

from __future__ import annotations

from pathlib import Path

from jaxseg.data.builder import Config, SegmentationBuilder
from jaxseg.data.layout import Entry, Listing, matching, pair

# split: (folder of the images, folder of the masks, images published)
PARTS = {
    "train": ("ISIC-2017_Training_Data", "ISIC-2017_Training_Part1_GroundTruth", 2000),
    "val": ("ISIC-2017_Validation_Data", "ISIC-2017_Validation_Part1_GroundTruth", 150),
    "test": ("ISIC-2017_Test_v2_Data", "ISIC-2017_Test_v2_Part1_GroundTruth", 600),
}


class Isic2017(SegmentationBuilder):
    """``isic2017``: the official splits train, val and test, as far as they are there."""

    name = "isic2017"
    ABOUT = "Skin lesions in 2000 + 150 + 600 dermoscopic images. Superpixel maps and metadata are no masks: not read."
    HOMEPAGE = "https://challenge.isic-archive.com/data/#2017"
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "Get the Part 1 archives of ISIC 2017 from https://challenge.isic-archive.com/data/#2017, unpack them, and "
        "give the folder that holds ISIC-2017_Training_Data/ and ISIC-2017_Training_Part1_GroundTruth/: "
        "--config.data.dir=FOLDER"
    )

    @classmethod
    def listing(cls, folder: Path, config: Config) -> Listing:
        """Return the splits whose two folders are in ``folder``; train has to be there."""
        splits: dict[str, tuple[Entry, ...]] = {}
        notes: list[str] = []
        for split, (pictures, masks, published) in PARTS.items():
            absent = [name for name in (pictures, masks) if not (folder / name).is_dir()]
            entries = () if absent else _part(folder / pictures, folder / masks)
            if not entries:
                why = f"{folder}: holds no {absent[0]}" if absent else f"{folder / pictures}: holds no ISIC_NNNNNNN.jpg"
                if split == "train":
                    raise cls.nothing(why)
                notes.append(f"its own {split} split is left out: {why}")
                continue
            splits[split] = entries
            if len(entries) != published:
                notes.append(f"{split}: {len(entries)} of the {published} published images")
        return Listing(splits, tuple(notes))


def _part(pictures: Path, masks: Path) -> tuple[Entry, ...]:
    # The names leave out ISIC_NNNNNNN_superpixels.png and the metadata table.
    images = matching(pictures, r"(ISIC_\d{7})\.jpg")
    truths = matching(masks, r"(ISIC_\d{7})_segmentation\.png")
    pair(images, truths, "lesion mask", lambda name: masks / f"{name}_segmentation.png")
    return tuple(Entry(name, name, path, truths[name]) for name, path in images.items())
