"""What every data set's builder shares: listing a folder, reading one image, packing TFDS records without TensorFlow.

A data set is a subclass that says where its files lie (``listing``); reading, checking, preparation and the record
format are here, so the owners' sets, a user's own folder and generated images go the same way.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import numpy as np
import tensorflow_datasets as tfds

from jaxseg.data import images
from jaxseg.data.images import Mask, Picture
from jaxseg.data.preprocess import Preprocess
from jaxseg.data.records import Record
from jaxseg.progress import track

SPLITS = ("train", "val", "test")
Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclasses.dataclass(frozen=True)
class Entry:
    """One image of a set: its names and its files; a generated image has none."""

    id: str
    group: str
    image: Path | None = None
    mask: Path | None = None
    fov: Path | None = None
    observer2: Path | None = None

    @property
    def files(self) -> dict[str, Path]:
        """The files by role."""
        found = {role: getattr(self, role) for role in ("image", "mask", "fov", "observer2")}
        return {role: path for role, path in found.items() if path is not None}


@dataclasses.dataclass(frozen=True)
class Listing:
    """What a folder holds: entries by split, in order, and what was left out and why."""

    splits: dict[str, tuple[Entry, ...]]
    notes: tuple[str, ...] = ()


@dataclasses.dataclass
class Config(tfds.core.BuilderConfig):
    """How a set is prepared. ``native`` keeps images as published."""

    preprocess: Preprocess = dataclasses.field(default_factory=Preprocess)


class SegmentationBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """A TFDS builder over images with binary masks.

    Prepare with ``file_format="array_record"`` and read with ``as_data_source``: neither needs TensorFlow.
    Features: id, group: text; image [h, w, 3]; mask [h, w, 1]; fov, observer2: none or one [h, w, 1]; masks in {0, 1}.
    ``info.metadata[split]`` holds exact integer totals of every image: pixels, foreground pixels, and per channel the
    sums and the sums of squares of the prepared values.
    """

    VERSION = tfds.core.Version("1.0.0")  # part of the cache's key: raised whenever reading or preparation changes
    ABOUT: ClassVar[str] = ""
    HOMEPAGE: ClassVar[str] = ""

    @classmethod
    def listing(cls, folder: Path, config: Config) -> Listing:
        """Return what ``folder`` holds; FileNotFoundError and ValueError name the file and the fix."""
        raise NotImplementedError

    @classmethod
    def nothing(cls, why: str) -> FileNotFoundError:
        """Return the error for images that are not there: why, where to get them, and where to put them."""
        return FileNotFoundError(f"{why}. {cls.MANUAL_DOWNLOAD_INSTRUCTIONS}")

    @classmethod
    def configure(cls, data: Mapping[str, Any]) -> Config:
        """Return the configuration that the settings ``data`` (``config.data`` as a dict) ask for."""
        return Config(name="prepared", preprocess=Preprocess.from_config(data))

    @classmethod
    def read(cls, entry: Entry, config: Config) -> Record:
        """Return an image as published, before any preparation, with every file of it checked."""
        path = entry.files["image"]
        image = images.read_image(path, turn=False)
        planes = cls.read_masks(entry, config, image)
        for role, plane in planes.items():
            if plane is not None and plane.shape != image.shape[:2]:
                raise ValueError(
                    f"{entry.files[role]}: {plane.shape[1]} wide and {plane.shape[0]} high, but its image {path} is "
                    f"{image.shape[1]} wide and {image.shape[0]} high; export the two at one size"
                )
        fov = planes["fov"]
        if fov is not None and not fov.any():
            raise ValueError(f"{entry.files['fov']}: an empty field of view; nothing of {path} could be scored")
        return Record(entry.id, image, group=entry.group, **planes)

    @classmethod
    def read_masks(cls, entry: Entry, config: Config, image: Picture) -> dict[str, Mask | None]:
        """Return mask, fov and observer2 of an entry, {0, 1}; the image is there for sets that derive one from it."""
        return {
            role: images.read_binary(entry.files[role]) if role in entry.files else None
            for role in ("mask", "fov", "observer2")
        }

    @classmethod
    def digest(cls, entry: Entry, config: Config) -> dict[str, str]:
        """Return a digest of each file's bytes by role: equal digests, equal image."""
        digests = {}
        for role, path in entry.files.items():
            with path.open("rb") as file:
                digests[role] = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
        return digests

    @classmethod
    def prepare(cls, entry: Entry, config: Config) -> Record:
        """Return an image resized and equalised as ``config.preprocess`` says, its masks with it."""
        record = cls.read(entry, config)
        preprocess = config.preprocess
        planes = {
            role: None if plane is None else preprocess.prepare_mask(plane)
            for role, plane in (("mask", record.mask), ("fov", record.fov), ("observer2", record.observer2))
        }
        return record._replace(image=preprocess.prepare(record.image), **planes)

    def _info(self) -> tfds.core.DatasetInfo:
        plane = tfds.features.Image(shape=(None, None, 1), encoding_format="png")
        return tfds.core.DatasetInfo(
            builder=self,
            description=self.ABOUT,
            homepage=self.HOMEPAGE or None,
            features=tfds.features.FeaturesDict(
                {
                    "id": tfds.features.Text(),
                    "group": tfds.features.Text(),
                    "image": tfds.features.Image(shape=(None, None, 3), encoding_format="png"),
                    "mask": plane,
                    "fov": tfds.features.Sequence(plane),
                    "observer2": tfds.features.Sequence(plane),
                }
            ),
            metadata=tfds.core.MetadataDict(),
            disable_shuffling=True,  # a record's place is its entry's place in the listing
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Iterator]:
        # A set that needs no files has no instructions, and TFDS then knows no manual folder.
        folder = Path(dl_manager.manual_dir) if self.MANUAL_DOWNLOAD_INSTRUCTIONS else Path()
        listing = self.listing(folder, self.builder_config)
        return {split: self._generate_examples(split, entries) for split, entries in listing.splits.items()}

    def _generate_examples(self, split: str, entries: tuple[Entry, ...]) -> Iterator[tuple[int, dict]]:
        totals: dict[str, list] = {"pixels": [], "foreground": [], "sums": [], "squares": []}
        records = ahead(lambda entry: self.prepare(entry, self.builder_config), entries)
        for place, record in enumerate(track(records, f"prepare {self.name} {split}", total=len(entries))):
            for name, total in _totals(record).items():
                totals[name].append(total)
            yield place, _encode(record)
        self.info.metadata[split] = totals

    # TFDS prints two lines about downloads; these builders download nothing.
    def _log_download_bytes(self) -> None: ...

    def _log_download_done(self) -> None: ...


def decode(example: Mapping[str, Any]) -> Record:
    """Return what ``as_data_source`` gives for one image as a ``Record``."""
    fov, observer2 = (example[role][0][..., 0] if len(example[role]) else None for role in ("fov", "observer2"))
    return Record(
        example["id"].decode(), example["image"], example["mask"][..., 0], fov, observer2, example["group"].decode()
    )


def matching(folder: Path, pattern: str) -> dict[str, Path]:
    """Return the files in ``folder`` whose names match a regular expression, by its first group, in name order."""
    if not folder.is_dir():
        return {}
    matches = ((re.fullmatch(pattern, path.name), path) for path in sorted(folder.iterdir()))
    return {match[1]: path for match, path in matches if match}


def pair(pictures: Mapping[str, Path], others: Mapping[str, Path], kind: str, wanted: Callable[[str], Path]) -> None:
    """Raise FileNotFoundError unless every picture has its file among ``others`` and the other way round.

    ``kind`` says what the others are; ``wanted(name)`` is the path that is looked for.
    """
    for name, path in pictures.items():
        if name not in others:
            raise FileNotFoundError(f"{path}: has no {kind}; {wanted(name)} is missing")
    for name, path in others.items():
        if name not in pictures:
            raise FileNotFoundError(f"{path}: a {kind} without an image; add the image {name!r} or remove the file")


def ahead(function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Yield ``function(item)`` in order, a few computed ahead on threads (OpenCV and hashing let go of the GIL)."""
    workers = min(8, os.cpu_count() or 1)
    pending: deque = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for item in items:
                pending.append(pool.submit(function, item))
                if len(pending) > workers:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silence TFDS's bars and its warning about configurations of one's own; errors still come through."""
    from absl import logging

    verbosity = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)
    tfds.disable_progress_bar()
    try:
        yield
    finally:
        tfds.enable_progress_bar()
        logging.set_verbosity(verbosity)


def _encode(record: Record) -> dict[str, Any]:
    """Return a TFDS example; PNG bytes, since TFDS would call TensorFlow to encode an array."""
    return {
        "id": record.id,
        "group": record.group,
        "image": images.encode_png(record.image),
        "mask": images.encode_png(record.mask),
        "fov": [] if record.fov is None else [images.encode_png(record.fov)],
        "observer2": [] if record.observer2 is None else [images.encode_png(record.observer2)],
    }


def _totals(record: Record) -> dict[str, Any]:
    # Exact and cheap: the sums over a histogram of 256 values.
    histograms = [np.bincount(record.image[..., channel].ravel(), minlength=256) for channel in range(3)]
    values = np.arange(256)
    return {
        "pixels": record.mask.size,
        "foreground": int(record.mask.sum(dtype=np.int64)),
        "sums": [int(histogram @ values) for histogram in histograms],
        "squares": [int(histogram @ values**2) for histogram in histograms],
    }
