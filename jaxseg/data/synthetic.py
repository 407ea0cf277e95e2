"""Generated images as a data set: nothing to download, exact masks, any size; see ``generate`` for what they show."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from jaxseg.data.builder import Config, SegmentationBuilder
from jaxseg.data.layout import SPLITS, Entry, Listing
from jaxseg.data.preprocess import Preprocess
from jaxseg.data.records import Record

KINDS = ("fundus", "lesion")
GENERATOR = ("generate.py", "painting.py", "vessels.py")  # what an image depends on
# A split's images are numbered from here, so a longer train split leaves val and test as they are.
FIRST = {"train": 0, "val": 1_000_000, "test": 2_000_000}


@dataclasses.dataclass
class SyntheticConfig(Config):
    """Which images are generated, and how many."""

    kind: str = "fundus"
    size: int = 96  # pixels a side
    seed: int = 0
    train: int = 48
    val: int = 8
    test: int = 16


class Synthetic(SegmentationBuilder):
    """``synthetic``: fundus-like (vessels, with a field of view) or lesion-like images."""

    name = "synthetic"
    ABOUT = "Generated fundus photographs with vessel masks, or dermoscopic images with lesion masks."
    MANUAL_DOWNLOAD_INSTRUCTIONS = None
    BUILDER_CONFIGS: ClassVar = [
        SyntheticConfig(name="native", description="fundus, 96 pixels a side"),
        SyntheticConfig(name="lesion", description="lesion, 96 pixels a side", kind="lesion"),
        SyntheticConfig(name="64x64", description="fundus, CLAHE on L", preprocess=Preprocess((64, 64), "lab")),
    ]

    @classmethod
    def configure(cls, data: Mapping[str, Any]) -> SyntheticConfig:
        """Return the configuration of ``data.synthetic``; ``data.split_seed`` is the seed of the images."""
        return SyntheticConfig(
            name="prepared", preprocess=Preprocess.from_config(data), seed=data["split_seed"], **data["synthetic"]
        )

    @classmethod
    def listing(cls, folder: Path, config: SyntheticConfig) -> Listing:
        """Return the images to generate; ``folder`` is not looked at."""
        if config.kind not in KINDS:
            raise ValueError(f"data.synthetic.kind is {config.kind!r}; choose one of {', '.join(KINDS)}")
        splits = {}
        for split in SPLITS:
            count = getattr(config, split)
            if count < 0 or (split == "train" and not count):
                raise ValueError(f"data.synthetic.{split} is {count}; it counts images")
            names = (f"{config.kind}_{config.seed}_{FIRST[split] + i:07d}" for i in range(count))
            if entries := tuple(Entry(name, name) for name in names):
                splits[split] = entries
        return Listing(splits)

    @classmethod
    def read(cls, entry: Entry, config: SyntheticConfig) -> Record:
        """Return the image that the entry's name stands for."""
        from jaxseg.data import generate

        number = int(entry.id.rsplit("_", 1)[1])
        if config.kind == "fundus":
            image, mask, fov = generate.fundus(config.seed, number, config.size)
        else:
            image, mask = generate.lesion(config.seed, number, config.size)
            fov = None
        return Record(entry.id, image, mask, fov, None, entry.group)

    @classmethod
    def digest(cls, entry: Entry, config: SyntheticConfig) -> dict[str, str]:
        """Return a digest of what the image is made from: its name, its size, and the generator's source."""
        recipe = f"{entry.id} {config.size} {_generator()}"
        return {"image": hashlib.blake2b(recipe.encode(), digest_size=16).hexdigest()}


def _generator() -> str:
    sources = (Path(__file__).with_name(name).read_bytes() for name in GENERATOR)
    return hashlib.blake2b(b"".join(sources), digest_size=16).hexdigest()
