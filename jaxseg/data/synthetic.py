"""Generated images as a data set, with exact masks and no download; see ``generate`` for what they show."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from jaxseg import checks
from jaxseg.data.builder import Config, SegmentationBuilder
from jaxseg.data.layout import SHIFTED, SPLITS, Entry, Listing
from jaxseg.data.records import Record

KINDS = ("fundus", "vessels_disc", "lesion")
PARTS = {"vessel": 1, "disc": 2}  # of kind vessels_disc: the values of its masks
SMALLEST = 32  # generate.SMALLEST: that module needs OpenCV, and reading prepared images does not
# The version of all code that the images depend on: another one whenever it draws other images.
GENERATOR = "d136b7455730b1a567fb86bc83648821"
CAMERA = "1"  # likewise of ``camera``
# Number of a split's first image; far apart, so that a longer train split leaves val and test as they are.
FIRST = {"train": 0, "val": 1_000_000, "test": 2_000_000}


@dataclasses.dataclass
class SyntheticConfig(Config):
    """Which images are generated, and how many.

    Attributes:
        kind: "fundus" or "lesion", with binary masks, or "vessels_disc", with masks of ``PARTS``.
        size: height and width in pixels.
        seed: seed of the images.
        train: number of images; likewise val and test, which may be 0.

    Raises:
        ValueError: a value is wrong; the line names the setting in ``data.synthetic``.
    """

    kind: str = "fundus"
    size: int = 96
    seed: int = 0
    train: int = 48
    val: int = 8
    test: int = 16

    def __post_init__(self) -> None:
        checks.one_of("data.synthetic.kind", self.kind, KINDS)
        checks.require(
            self.size >= SMALLEST, "data.synthetic.size", self.size, f"a number of pixels, {SMALLEST} or more"
        )
        for split in SPLITS:
            count, least = getattr(self, split), 1 if split == "train" else 0
            checks.require(count >= least, f"data.synthetic.{split}", count, f"a number of images, {least} or more")


class Synthetic(SegmentationBuilder):
    """``synthetic``: fundus-like (vessels, optic disc, field of view) or lesion-like images."""

    name = "synthetic"
    NAMING = ("classes",)
    SHIFTS = ("camera",)
    ABOUT = "Generated fundus photographs with masks of vessels and disc, or dermoscopic images with lesion masks."
    MANUAL_DOWNLOAD_INSTRUCTIONS = None
    BUILDER_CONFIGS: ClassVar[list] = [SyntheticConfig(name="native", description="fundus, 96 x 96 pixels")]

    @classmethod
    def configure(cls, data: Mapping[str, Any]) -> SyntheticConfig:
        """Return the configuration of ``data.synthetic``; ``data.split_seed`` is the seed of the images.

        Raises:
            ValueError: a setting is wrong; the line names it and says what it may be.
        """
        shared, own = super().configure(data), dict(data["synthetic"])
        config = SyntheticConfig(
            name=shared.name,
            preprocess=shared.preprocess,
            classes=shared.classes,
            shift=shared.shift,
            seed=data["split_seed"],
            **own,
        )
        named = config.kind != "vessels_disc" or config.classes is not None
        wanted = f"names for the values of masks of data.synthetic.kind 'vessels_disc', such as {PARTS}"
        checks.require(named, "data.classes", data["classes"], wanted)
        return config

    @classmethod
    def listing(cls, folder: Path, config: SyntheticConfig) -> Listing:
        """Return the images to generate; ``folder`` is not read.

        The shifted splits show the scenes of val and test again, so that their scores differ by the camera alone.
        """
        splits = {}
        like = dict.fromkeys(SPLITS, "") | dict.fromkeys(SHIFTED if config.shift else (), f"_{config.shift}")
        for split, shift in like.items():
            scenes = SHIFTED.get(split, split)
            numbers = (f"{config.seed}_{FIRST[scenes] + i:07d}" for i in range(getattr(config, scenes)))
            # Both pictures of a scene are of one group.
            entries = (Entry(f"{config.kind}{shift}_{number}", f"{config.kind}_{number}") for number in numbers)
            if found := tuple(entries):
                splits[split] = found
        told = ("shifted_val and shifted_test: the scenes of val and test as another camera takes them",)
        return Listing(splits, told if config.shift else ())

    @classmethod
    def read(cls, entry: Entry, config: SyntheticConfig) -> Record:
        """Return the image that an entry's name describes: kind, seed and number."""
        from jaxseg.data import camera, generate

        index = int(entry.id.rsplit("_", 1)[1])
        drawn = getattr(generate, config.kind)(config.seed, index, config.size)
        image, mask, fov = drawn if len(drawn) == 3 else (*drawn, None)
        if _by_another_camera(entry, config):
            image = camera.another(image, config.seed, index)
        if config.classes is not None:
            mask = config.classes.indices(mask * np.uint32(0x010101), entry.id)
        return Record(entry.id, image, mask, fov, None, entry.group)

    @classmethod
    def size(cls, entry: Entry, config: SyntheticConfig) -> tuple[int, int]:
        """Return height and width of the image, without drawing it."""
        return config.size, config.size

    @classmethod
    def digest(cls, entry: Entry, config: SyntheticConfig) -> dict[str, str]:
        """Return a digest of all that the image depends on: its name, its size, and the generators' versions."""
        recipe = f"{entry.id} {config.size} {GENERATOR}"
        if _by_another_camera(entry, config):
            recipe += f" {CAMERA}"
        return {"image": hashlib.blake2b(recipe.encode(), digest_size=16).hexdigest()}


def _by_another_camera(entry: Entry, config: SyntheticConfig) -> bool:
    return entry.id.startswith(f"{config.kind}_camera_")
