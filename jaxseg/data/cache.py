"""Prepared once: ``cache_dir/<content hash>/`` holds a set's prepared records, complete or not at all."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import tensorflow_datasets as tfds

from jaxseg.data.builder import Config, SegmentationBuilder, ahead, quiet
from jaxseg.data.layout import Listing
from jaxseg.progress import track

Digests = dict[str, dict[str, dict[str, str]]]  # split -> id -> role -> digest of the file's bytes


def digest(builder: type[SegmentationBuilder], config: Config, listing: Listing) -> Digests:
    """Return the digest of every file; contents are read each time, since a date says little about a copied file."""
    entries = [(split, entry) for split, chosen in listing.splits.items() for entry in chosen]
    found = ahead(lambda item: builder.digest(item[1], config), entries)
    digests: Digests = {split: {} for split in listing.splits}
    for (split, entry), roles in zip(entries, track(found, "check files", total=len(entries)), strict=True):
        digests[split][entry.id] = roles
    return digests


def key(builder: type[SegmentationBuilder], config: Config, listing: Listing, digests: Digests) -> str:
    """Return the content hash of a prepared set: files, names, order, options, and the builder's version."""
    inherited = {field.name for field in dataclasses.fields(tfds.core.BuilderConfig)}
    options = {name: value for name, value in dataclasses.asdict(config).items() if name not in inherited}
    content = {
        "set": builder.name,
        "version": str(builder.VERSION),
        "options": options,
        "splits": {
            split: [[entry.id, entry.group, digests[split][entry.id]] for entry in entries]
            for split, entries in listing.splits.items()
        },
    }
    return hashlib.blake2b(json.dumps(content, sort_keys=True).encode(), digest_size=16).hexdigest()


def prepared(
    builder: type[SegmentationBuilder], folder: Path, config: Config, cache_dir: Path, content: str
) -> SegmentationBuilder:
    """Return a builder whose records lie prepared in ``cache_dir/<content>``, preparing them where they do not.

    They are written beside their place and moved there whole: an interrupted preparation leaves nothing that could
    be taken for a cache. Of several processes one prepares; the others wait for it.
    """
    place = cache_dir / content
    if not place.is_dir():
        _make(cache_dir)
        with _lock(cache_dir / f"{content}.lock"):
            if not place.is_dir():
                _prepare(builder, folder, config, place)
    return _at(builder, config, place)


def _make(cache_dir: Path) -> None:
    try:
        cache_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(f"{cache_dir}: {error.strerror}; name a folder to write to by --config.data.cache_dir") from None


def _prepare(builder: type[SegmentationBuilder], folder: Path, config: Config, place: Path) -> None:
    prefix = f"{place.name}.partial-"
    for left in place.parent.glob(f"{prefix}*"):  # by a process that was killed: whoever works holds the lock
        shutil.rmtree(left)
    partial = Path(tempfile.mkdtemp(prefix=prefix, dir=place.parent))
    try:
        unprepared = _at(builder, config, partial)
        with quiet():
            unprepared.download_and_prepare(download_config=tfds.download.DownloadConfig(manual_dir=folder))
        partial.rename(place)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _at(builder: type[SegmentationBuilder], config: Config, place: Path) -> SegmentationBuilder:
    with quiet():
        return builder(data_dir=str(place), config=config, file_format="array_record")


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Hold a file's lock, which the system lets go of however the process ends."""
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("waiting for another process that prepares the same images", flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
