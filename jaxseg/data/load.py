"""From the settings to the splits of a data set: list its images, split them, prepare them once, read on demand."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxseg import checks
from jaxseg.data import cache, findings
from jaxseg.data.builder import Config, SegmentationBuilder, decode
from jaxseg.data.chase_db1 import ChaseDb1
from jaxseg.data.drive import Drive
from jaxseg.data.facts import Facts
from jaxseg.data.findings import Finding
from jaxseg.data.folder import Folder
from jaxseg.data.hrf import Hrf
from jaxseg.data.isic import Isic2016, Isic2017, Isic2018
from jaxseg.data.layout import SHIFTED, Entry, Listing
from jaxseg.data.preprocess import Preprocess
from jaxseg.data.records import Record, Records
from jaxseg.data.split import Partition, check_settings, cut_settings, partition
from jaxseg.data.stare import Stare
from jaxseg.data.synthetic import Synthetic

DATASETS: dict[str, type[SegmentationBuilder]] = {
    builder.name: builder for builder in (Synthetic, Drive, Stare, ChaseDb1, Hrf, Isic2016, Isic2017, Isic2018, Folder)
}


@dataclasses.dataclass(frozen=True)
class Splits:
    """A data set ready for training.

    Attributes:
        train: prepared records (resized, equalised, uint8), read when asked for.
        val: likewise, or None where there are none.
        test: likewise, or None where there are none.
        notes: what was left out and why, one line each.
        found: what is wrong or strange, from ``findings``; none of it is an error.
        masks: split -> a line on the foreground of its masks.
        description: what ``data.json`` of a run holds: name, folder, content hash, how the splits were made, the ids
            and digests of every split, and which images are of one group.
        preprocess: the preparation, with mean and standard deviation over all pixels of ``train``.
        shifted_val: likewise prepared: images of another source, which are in none of the others, to choose by.
        shifted_test: likewise, to score on once all is chosen.
    """

    train: Records
    val: Records | None
    test: Records | None
    notes: tuple[str, ...]
    found: tuple[Finding, ...]
    masks: dict[str, str]
    description: dict[str, Any]
    preprocess: Preprocess
    shifted_val: Records | None = None
    shifted_test: Records | None = None


def configure(data: Mapping[str, Any]) -> tuple[type[SegmentationBuilder], Config]:
    """Return the builder of the data set that the settings name, and its configuration; reads no file.

    It checks name, labels, image_size, clahe, synthetic, shift, holdout, test, split_seed, folds, fold, and that dir is
    given where it is needed; not the settings of batches (patch_size, augment, device_limit) and of the cache.

    Args:
        data: the settings, ``config.data`` as a plain dict.

    Raises:
        ValueError: a setting is wrong; the line names it and says what it may be.
        FileNotFoundError: ``data.dir`` is empty, and the set needs files; the line says where to get them.
    """
    name = data["name"]
    checks.one_of("data.name", name, DATASETS)
    builder = DATASETS[name]
    config = builder.configure(data)
    check_settings(**cut_settings(data))
    if builder.MANUAL_DOWNLOAD_INSTRUCTIONS and not data["dir"]:
        raise builder.nothing(f"data.dir is empty, and {name} needs the folder of its images")
    return builder, config


def num_classes(data: Mapping[str, Any]) -> int:
    """Return how many classes the masks of these settings tell apart, the background included."""
    return 1 + max(len(data["classes"]), 1)


def load(data: Mapping[str, Any]) -> Splits:
    """Return the data set that the settings ``data`` (``config.data`` as a plain dict) describe.

    Records are prepared once and kept in ``data["cache_dir"]``, under a hash of all files and options.

    Raises:
        FileNotFoundError: a folder, an image or a mask is missing; the line says which, and where to get the set.
        ValueError: a file or a setting is wrong; the line says what was wanted.
        OSError: ``data["cache_dir"]`` cannot be made.
    """
    builder, folder, config = _open(data)
    listing = builder.listing(folder, config)
    cut = _partition(listing, data)
    digests = cache.digest(builder, config, listing)
    content = cache.key(builder, config, listing, digests)
    ready = cache.prepared(builder, folder, config, Path(data["cache_dir"]).expanduser().absolute(), content)

    splits = {split: _prepared(ready, listing, *part) for split, part in cut.parts.items()}
    seen = _seen(listing, cut, config, digests, ready.totals)
    found = tuple(findings.find(seen))
    for one in found:
        if one.severity == "error":
            raise ValueError(one.text)
    notes = (*listing.notes, *cut.notes)
    description = {
        "name": builder.name,
        "dir": str(folder) if data["dir"] else "",
        "builder_version": str(builder.VERSION),
        "content_hash": content,
        "rule": cut.rule,
        "notes": [*notes, *(one.text for one in found)],
        "splits": {
            split: {
                "num_images": len(records),
                "ids": list(records.ids),
                "digests": {name: digests[cut.parts[split][0]][name] for name in records.ids},
            }
            for split, records in splits.items()
        },
        "groups": {split: _groups(listing, *part) for split, part in cut.parts.items()},
    }
    preprocess = _fit(config, ready.totals[cut.parts["train"][0]], cut.parts["train"][1])
    masks = {split: findings.foreground(seen, split) for split in splits}
    train, val, test = splits["train"], splits.get("val"), splits.get("test")
    shifted = {split: splits.get(split) for split in SHIFTED}
    return Splits(train, val, test, notes, found, masks, description, preprocess, **shifted)


def load_split(data: Mapping[str, Any], split: str) -> Records:
    """Return the images of one split of ``load(data)`` as published: not resized, not equalised, not cached.

    Raises:
        FileNotFoundError: as ``load``.
        ValueError: as ``load``; and where the set has no such split.
    """
    builder, folder, config = _open(data)
    listing = builder.listing(folder, config)
    cut = _partition(listing, data)
    if split not in cut.parts:
        why = "; ".join(note for note in (*listing.notes, *cut.notes) if split in note)
        raise ValueError(f"{builder.name} has no {split!r} split, only {', '.join(cut.parts)}. {why}".rstrip())
    source, places = cut.parts[split]
    entries = [listing.splits[source][i] for i in places]
    sizes = [size for entry in entries if (size := builder.size(entry, config)) is not None]
    read = functools.partial(_read_native, builder, config, entries)
    return Records(read, [entry.id for entry in entries], sizes if len(sizes) == len(entries) else None)


def _open(data: Mapping[str, Any]) -> tuple[type[SegmentationBuilder], Path, Config]:
    builder, config = configure(data)
    folder = Path(data["dir"]).expanduser().absolute()
    if builder.MANUAL_DOWNLOAD_INSTRUCTIONS and not folder.is_dir():
        raise builder.nothing(f"{folder}: no such folder")
    return builder, folder, config


def _partition(listing: Listing, data: Mapping[str, Any]) -> Partition:
    return partition(listing, **cut_settings(data))


def _groups(listing: Listing, source: str, places: Sequence[int]) -> dict[str, str]:
    """Return the group of each image that is not a group of its own, under its own name."""
    entries = [listing.splits[source][place] for place in places]
    return {entry.id: entry.group for entry in entries if entry.group != entry.id}


def _prepared(ready: SegmentationBuilder, listing: Listing, source: str, places: Sequence[int]) -> Records:
    source_records = ready.as_data_source(source)  # type: ignore[call-arg]  # TFDS's decorator hides its signature
    read = functools.partial(_read_prepared, source_records)
    sizes = [(height, width) for height, width in ready.totals[source]["sizes"]]
    channels = ready.settings.preprocess.channels
    return Records(read, [entry.id for entry in listing.splits[source]], sizes, channels).take(places)


def _read_prepared(source, place: int) -> Record:
    return decode(source[place])


def _read_native(builder: type[SegmentationBuilder], config: Config, entries: Sequence[Entry], place: int) -> Record:
    return builder.read(entries[place], config)


def _fit(config: Config, totals: Mapping[str, list], places: Sequence[int]) -> Preprocess:
    names = ("sizes", "foreground", "sums", "squares")
    chosen = {name: np.array(totals[name], dtype=object)[list(places)] for name in names}
    found = np.atleast_1d(chosen["foreground"].sum(axis=0))
    for name, count in zip(config.classes.names if config.classes else ("a foreground pixel",), found, strict=True):
        if not count:
            raise ValueError(
                f"no training mask holds {name} at data.image_size {config.preprocess.image_size}; take a larger one"
            )
    pixels = int(chosen["sizes"].prod(axis=1).sum())
    return config.preprocess.fitted(pixels, chosen["sums"].sum(axis=0), chosen["squares"].sum(axis=0))


def _seen(
    listing: Listing, cut: Partition, config: Config, digests: cache.Digests, totals: Mapping[str, Mapping[str, list]]
) -> findings.Set:
    """Return the set as the rules look at it."""

    def one(source: str, place: int) -> findings.Seen:
        entry = listing.splits[source][place]
        image, mask = (str(entry.files.get(role, entry.id)) for role in ("image", "mask"))
        digest, facts = digests[source][entry.id]["image"], Facts(*totals[source]["facts"][place])
        return findings.Seen(entry.id, entry.group, image, mask, digest, facts)

    splits = {split: [one(source, place) for place in places] for split, (source, places) in cut.parts.items()}
    return config.described(splits)
