"""What the builders of all data sets share: reading one image, preparing it, writing it as a TFDS record.

A data set is a subclass that says where its files lie (``listing``). Reading, checking, preparation and the record
format are here, and the same for published sets, a user's own folder and generated images. None of it needs TensorFlow.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, cast

import numpy as np
import tensorflow_datasets as tfds

from jaxseg import checks
from jaxseg.ahead import ahead
from jaxseg.data import images
from jaxseg.data.classes import Classes, Labels
from jaxseg.data.facts import Facts, measure
from jaxseg.data.findings import Finding, Seen, Set
from jaxseg.data.images import Mask, Picture
from jaxseg.data.layout import Entry, Listing
from jaxseg.data.preprocess import RGB, Preprocess
from jaxseg.data.records import Record
from jaxseg.progress import track

# Settings that say what the values of a mask mean: when they say nothing, and the sets that take them.
_NAMED = {
    "labels": ("()", "'folder'"),
    "classes": ("{}", "'folder' and 'synthetic'"),
    "mask_name": ("''", "'folder'"),
    "group_pattern": ("''", "'folder'"),
}


class Planes(NamedTuple):
    """The masks of one image as in a ``Record``."""

    mask: Mask
    fov: Mask | None = None
    observer2: Mask | None = None


@dataclasses.dataclass
class Config(tfds.core.BuilderConfig):
    """How a set is prepared.

    Attributes:
        preprocess: resizing and CLAHE; its statistics (mean, std) play no part here.
        classes: what the values of a mask mean; None where masks are binary.
        shift: which images are of another source, a key of the builder's ``SHIFTS``; "" keeps all together.
    """

    preprocess: Preprocess = dataclasses.field(default_factory=Preprocess)
    classes: Classes | None = None
    shift: str = ""

    @property
    def values(self) -> Labels:
        """The values of a mask that the settings name as foreground, as far as ``labels`` looks for them."""
        return ()

    def described(self, splits: Mapping[str, Sequence[Seen]]) -> Set:
        """Return a set of these images as ``findings`` look at it."""
        classes = self.classes
        values = tuple(tuple(map(repr, values)) for values in classes.values) if classes else ()
        labels, names = tuple(map(repr, self.values)), classes.names if classes else ()
        return Set(splits, names, values, labels, self.preprocess.image_size)


class SegmentationBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """A TFDS builder over images with masks.

    Prepare with ``file_format="array_record"`` and read with ``as_data_source``: neither needs TensorFlow.
    Features: id, group: text; image [h, w, 3]; mask [h, w, 1]; fov, observer2: none or one [h, w, 1]; masks as in a
    ``Record``. Where the network sees other inputs than the image: channels, as many [h, w, 1] as it has.
    ``load`` passes a configuration of its own. A builder that is made without one, as TFDS does by name, takes the
    first of ``BUILDER_CONFIGS``.
    """

    NAMING: ClassVar[tuple[str, ...]] = ()  # the settings that a set takes of data.labels and data.classes
    VERSION = tfds.core.Version(
        "1.0.0"
    )  # part of the cache's key: raised whenever sound files are read or prepared otherwise
    SHIFTS: ClassVar[tuple[str, ...]] = ()  # what data.shift may be, beside ""
    UNSHIFTED: ClassVar[str] = "no file tells which images are of another source"  # why it may be nothing
    ABOUT: ClassVar[str] = ""
    HOMEPAGE: ClassVar[str] = ""
    BUILDER_CONFIGS: ClassVar[list] = [Config(name="native", description="as published, neither resized nor equalised")]

    @classmethod
    def listing(cls, folder: Path, config: Config) -> Listing:
        """Return the images that ``folder`` holds, by split.

        Raises:
            FileNotFoundError: the folder holds no such set, or an image or a mask is missing.
            ValueError: a file is wrong; every error names the file and the fix.
        """
        raise NotImplementedError

    @classmethod
    def nothing(cls, why: str) -> FileNotFoundError:
        """Return the error for missing images: ``why``, where to get them, and which setting names their folder."""
        return FileNotFoundError(f"{why}. {cls.MANUAL_DOWNLOAD_INSTRUCTIONS}")

    @classmethod
    def configure(cls, data: Mapping[str, Any]) -> Config:
        """Return the configuration that the settings ``data`` (``config.data`` as a dict) ask for; reads no file.

        Raises:
            ValueError: a setting is wrong; the line names it and says what it may be.
        """
        for setting, (unset, takers) in _NAMED.items():
            wanted = f"{unset}: {cls.name} has masks and names of its own, and {setting} is for data.name {takers}"
            checks.require(setting in cls.NAMING or not data[setting], f"data.{setting}", data[setting], wanted)
        shift, choices = data["shift"], "".join(f" or {name!r}" for name in cls.SHIFTS)
        wanted = f"''{choices}" if cls.SHIFTS else f"'': of {cls.name}, {cls.UNSHIFTED}"
        checks.require(shift in ("", *cls.SHIFTS), "data.shift", shift, wanted)
        preprocess, classes = Preprocess.from_config(data), Classes.from_config(data)
        return Config(name="prepared", preprocess=preprocess, classes=classes, shift=shift)

    @classmethod
    def survey(cls, folder: Path, config: Config) -> Listing:
        """Return what ``listing`` does, with what it raises, and all else of that kind, as ``faults``."""
        try:
            return cls._survey(folder, config)
        except (OSError, ValueError) as error:
            return Listing({}, (), (Finding("layout", "error", (), str(error)),))

    @classmethod
    def _survey(cls, folder: Path, config: Config) -> Listing:
        """Return what can be used of a folder, with the ``faults`` of the rest; of most sets all or nothing can."""
        return cls.listing(folder, config)

    @classmethod
    def read(cls, entry: Entry, config: Config) -> Record:
        """Return an image as published, before any preparation.

        Raises:
            ValueError: a file is damaged, a mask is not of the image's size, or the field of view is empty.
        """
        path = entry.files["image"]
        image = config.preprocess.read(path)
        _require_same_turn(entry)
        planes = cls.read_masks(entry, config, image)
        for role, plane in planes._asdict().items():
            if plane is not None and plane.shape != image.shape[:2]:
                raise ValueError(
                    f"{entry.files[role]}: {plane.shape[1]} wide and {plane.shape[0]} high, but its image {path} is "
                    f"{image.shape[1]} wide and {image.shape[0]} high; export the two at one size"
                )
        if planes.fov is not None and not planes.fov.any():
            raise ValueError(f"{entry.files['fov']}: an empty field of view; nothing of {path} could be scored")
        return Record(entry.id, image, *planes, entry.group)

    @classmethod
    def labels(cls, entry: Entry, config: Config) -> list[int]:
        """Return which values of the settings occur in a mask, by their places there; see ``Facts``."""
        return []

    @classmethod
    def facts(cls, entry: Entry, config: Config, published: Record) -> Facts:
        """Return what ``findings`` are made of, from an image that ``read`` gave."""
        classes = len(config.classes.names) if config.classes else 1
        return measure(published, config.preprocess, classes, cls.labels(entry, config))

    @classmethod
    def size(cls, entry: Entry, config: Config) -> tuple[int, int] | None:
        """Return height and width of an image as published, without reading it; None where that cannot be told."""
        return images.read_size(entry.files["image"]) if "image" in entry.files else None

    @classmethod
    def read_masks(cls, entry: Entry, config: Config, image: Picture) -> Planes:
        """Return the masks of an entry; ``image`` is for sets that derive a mask from it."""
        fov, observer2 = (None if path is None else images.read_binary(path) for path in (entry.fov, entry.observer2))
        return Planes(images.read_binary(entry.files["mask"]), fov, observer2)

    @classmethod
    def digest(cls, entry: Entry, config: Config) -> dict[str, str]:
        """Return a digest of each file's bytes, by role; the image depends on nothing else."""
        digests = {}
        for role, path in entry.files.items():
            with path.open("rb") as file:
                digests[role] = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
        return digests

    @classmethod
    def prepare(cls, entry: Entry, config: Config) -> Record:
        """Return an image and its masks, resized and equalised as ``config.preprocess`` says."""
        return cls.prepared(cls.read(entry, config), config.preprocess)

    @classmethod
    def prepared(cls, record: Record, preprocess: Preprocess) -> Record:
        """Return a record that ``read`` gave, resized and equalised, with the inputs that are not the image alone."""
        fov, observer2 = (
            None if plane is None else preprocess.prepare_mask(plane) for plane in (record.fov, record.observer2)
        )
        image, mask = preprocess.prepare(record.image), preprocess.prepare_mask(record.mask)
        channels = None if preprocess.inputs == RGB else preprocess.seen(record.image)
        return record._replace(image=image, mask=mask, fov=fov, observer2=observer2, channels=channels)

    @property
    def settings(self) -> Config:
        """The configuration that this builder was made with."""
        return cast(Config, self.builder_config)

    @property
    def totals(self) -> dict[str, dict[str, list]]:
        """Exact integer totals per image, kept with the records (``info.metadata``): split -> name -> one per image.

        sizes: [height, width]; foreground: number of foreground pixels, a list of one per class where classes are
        named; sums, squares: sums of the values that the network sees and of their squares, per channel; facts: a
        ``Facts``, of the image as published, as a list.
        """
        return cast(dict, self.info.metadata)

    def _info(self) -> tfds.core.DatasetInfo:
        plane = tfds.features.Image(shape=(None, None, 1), encoding_format="png")
        # Not where it stays empty: records that are on disk already have no such field.
        more = {} if self.settings.preprocess.inputs == RGB else {"channels": tfds.features.Sequence(plane)}
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
                    **more,
                }
            ),
            metadata=tfds.core.MetadataDict(),
            disable_shuffling=True,  # a record's place is its entry's place in the listing
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Iterator]:
        # A set that needs no files has no instructions, and TFDS then knows no manual folder.
        folder = Path(dl_manager.manual_dir) if self.MANUAL_DOWNLOAD_INSTRUCTIONS else Path()
        listing = self.listing(folder, self.settings)
        return {split: self._generate_examples(split, entries) for split, entries in listing.splits.items()}

    def _generate_examples(self, split: str, entries: tuple[Entry, ...]) -> Iterator[tuple[int, dict]]:
        totals: dict[str, list] = {"sizes": [], "foreground": [], "sums": [], "squares": [], "facts": []}
        examples = ahead(self._example, entries)
        for place, (example, found) in enumerate(track(examples, f"prepare {self.name} {split}", total=len(entries))):
            for name, total in found.items():
                totals[name].append(total)
            yield place, example
        self.totals[split] = totals

    def _example(self, entry: Entry) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return a prepared image as a TFDS example, and its totals."""
        published = self.read(entry, self.settings)
        record = self.prepared(published, self.settings.preprocess)
        facts = self.facts(entry, self.settings, published)
        return _encode(record), _totals(record, self.settings.classes) | {"facts": list(facts)}

    # TFDS prints two lines about downloads; these builders download nothing.
    def _log_download_bytes(self) -> None: ...

    def _log_download_done(self) -> None: ...


def _require_same_turn(entry: Entry) -> None:
    turns = {role: images.orientation(path) for role, path in entry.files.items()}
    for role, turn in turns.items():
        if turn != turns["image"]:
            raise ValueError(
                f"{entry.files[role]}: its orientation tag ({turn}) is another than that of its image "
                f"{entry.files['image']} ({turns['image']}), so viewers turn one of the two; rewrite both upright "
                "(mogrify -auto-orient) and check that they lie over each other"
            )


def decode(example: Mapping[str, Any]) -> Record:
    """Return one example, as ``as_data_source`` gives it, as a ``Record``."""
    fov, observer2 = (example[role][0][..., 0] if len(example[role]) else None for role in ("fov", "observer2"))
    channels = np.concatenate(list(example["channels"]), axis=-1) if "channels" in example else None
    name, group = example["id"].decode(), example["group"].decode()
    return Record(name, example["image"], example["mask"][..., 0], fov, observer2, group, channels)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silence the progress bars of TFDS and its warning about configurations it does not know, but no errors."""
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
    """Return a TFDS example, images as PNG bytes: to encode an array, TFDS would call TensorFlow."""
    return {
        "id": record.id,
        "group": record.group,
        "image": images.encode_png(record.image),
        "mask": images.encode_png(record.mask),
        "fov": [] if record.fov is None else [images.encode_png(record.fov)],
        "observer2": [] if record.observer2 is None else [images.encode_png(record.observer2)],
        **({} if record.channels is None else {"channels": _planes(record.channels)}),
    }


def _planes(channels: np.ndarray) -> list[bytes]:
    return [images.encode_png(np.ascontiguousarray(plane)) for plane in np.moveaxis(channels, -1, 0)]


def _totals(record: Record, classes: Classes | None) -> dict[str, Any]:
    # Sums over a histogram of 256 values are exact and cheap.
    histograms = [images.histogram(record.seen, channel) for channel in range(record.seen.shape[-1])]
    values = np.arange(256)
    found = images.histogram(record.mask).tolist()
    return {
        "sizes": list(record.mask.shape),
        "foreground": found[1] if classes is None else found[1 : 1 + len(classes.names)],
        "sums": [int(histogram @ values) for histogram in histograms],
        "squares": [int(histogram @ values**2) for histogram in histograms],
    }
