"""Prepared records on disk: ``cache_dir/<content hash>/`` holds those of one set, complete or not at all.

``files.json`` there lists every file with its digest. What does not agree with it is prepared again.
"""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import json
import os
import shutil
from pathlib import Path

import tensorflow_datasets as tfds

from jaxseg import files
from jaxseg.ahead import ahead
from jaxseg.data.builder import Config, SegmentationBuilder, quiet
from jaxseg.data.layout import Listing
from jaxseg.data.preprocess import RGB
from jaxseg.progress import track
from jaxseg.runs.lock import lock
from jaxseg.runs.sealed import seal, unseal

_FILES = "files.json"
_TOTALS = 2  # what is kept of every image beside its record; a set that has less is prepared again
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
Digests = dict[str, dict[str, dict[str, str]]]  # split -> id -> role -> digest of the file's bytes


def digest(builder: type[SegmentationBuilder], config: Config, listing: Listing) -> Digests:
    """Return the digest of every file. All are read each time: a copied file's date says little about its content."""
    entries = [(split, entry) for split, chosen in listing.splits.items() for entry in chosen]
    found = ahead(lambda item: builder.digest(item[1], config), entries)
    digests: Digests = {split: {} for split in listing.splits}
    for (split, entry), roles in zip(entries, track(found, "check files", total=len(entries)), strict=True):
        digests[split][entry.id] = roles
    return digests


def key(builder: type[SegmentationBuilder], config: Config, listing: Listing, digests: Digests) -> str:
    """Return the content hash of a prepared set: of files, names, order, options, and the builder's version."""
    inherited = {field.name for field in dataclasses.fields(tfds.core.BuilderConfig)}
    # How names are matched, grouped and split is in the entries; which images are shifted is in their names or splits.
    inherited |= {"mask_name", "group_pattern", "cut", "shift"}
    options = {name: value for name, value in dataclasses.asdict(config).items() if name not in inherited}
    if config.classes is None:
        del options["classes"]  # binary masks have the hash that they had before there were classes
    if not config.preprocess.window:
        del options["preprocess"]["window"]  # likewise
    if config.preprocess.inputs == RGB:
        del options["preprocess"]["inputs"], options["preprocess"]["angle"]  # likewise
    content = {
        "set": builder.name,
        "version": str(builder.VERSION),
        "options": options,
        "splits": {
            split: [[entry.id, entry.group, digests[split][entry.id]] for entry in entries]
            for split, entries in listing.splits.items()
        },
    }
    if config.preprocess.clahe == "gray":
        content["gray"] = "in integers"  # those of 0.1, in float32, differ by a grey level: they are prepared again
    return hashlib.blake2b(json.dumps(content, sort_keys=True).encode(), digest_size=16).hexdigest()


def prepared(
    builder: type[SegmentationBuilder], folder: Path, config: Config, cache_dir: Path, content: str
) -> SegmentationBuilder:
    """Return a builder whose prepared records are in ``cache_dir/<content>``; where they are not sound, prepare them.

    They are written to another folder and moved there when complete, so an interrupted preparation leaves nothing that
    could be mistaken for a cache. Of several processes one prepares; the others wait for it.

    Raises:
        OSError: ``cache_dir`` cannot be made or written to.
    """
    place = cache_dir / content
    if _damage(place):
        _make(cache_dir)
        with lock(cache_dir / f"{content}.lock", _say_that_it_waits):
            if damage := _damage(place):  # else another process has just prepared them
                if place.exists():
                    print(f"note: {place}: {damage}; the images are prepared again", flush=True)
                _prepare(builder, folder, config, place)
    return _at(builder, config, place)


def _make(cache_dir: Path) -> None:
    try:
        cache_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(f"{cache_dir}: {error.strerror}; name a folder to write to by --config.data.cache_dir") from None


def _say_that_it_waits() -> None:
    print("waiting for another process that prepares the same images", flush=True)


def _damage(place: Path) -> str:
    """Return what is wrong with a prepared set, or "": that it is not there, or a file differs from its digest."""
    try:
        content = unseal(json.loads((place / _FILES).read_bytes()))
    except (FileNotFoundError, NotADirectoryError):
        return f"no {_FILES}"
    except ValueError as error:
        return f"{_FILES}: {error}"
    if content.get("totals") != _TOTALS:
        return "prepared by another version"
    for name, known in content["files"].items():
        if not (place / name).is_file():
            return f"{name} is gone"
        if _digest_of(place / name) != known:
            return f"{name} is not what was written"
    return ""


def _digest_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _prepare(builder: type[SegmentationBuilder], folder: Path, config: Config, place: Path) -> None:
    prefix = f"{place.name}.partial-"
    # The lock is held, so no process is at work in these: whoever made them was killed.
    for left in place.parent.glob(f"{prefix}*"):
        shutil.rmtree(left)
    partial = place.parent / f"{prefix}{os.getpid()}"
    partial.mkdir()  # with the user's own umask: others may share the folder
    try:
        unprepared = _at(builder, config, partial)
        with quiet():
            unprepared.download_and_prepare(download_config=tfds.download.DownloadConfig(manual_dir=folder))
        made = [path for path in sorted(partial.rglob("*")) if path.is_file()]
        listed = {path.relative_to(partial).as_posix(): _digest_of(path) for path in made}
        files.write_json(partial / _FILES, seal({"totals": _TOTALS, "files": listed}))
        shutil.rmtree(place, ignore_errors=True)
        partial.rename(place)
    except (OSError, RuntimeError) as error:  # TFDS says that the disk is full by either, without a path
        if not any(os.strerror(number) in str(error) for number in _NO_ROOM) or getattr(error, "filename", None):
            raise
        said = str(error).splitlines()[0]
        raise OSError(
            f"{place.parent}: prepared images cannot be written ({said}); make room there, or name another folder by "
            "--config.data.cache_dir"
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _at(builder: type[SegmentationBuilder], config: Config, place: Path) -> SegmentationBuilder:
    with quiet():
        return builder(data_dir=str(place), config=config, file_format="array_record")
