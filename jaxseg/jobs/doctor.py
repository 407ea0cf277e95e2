"""Read a whole data set once, and say everything that is wrong with it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxseg import data, files, models, report
from jaxseg.ahead import ahead
from jaxseg.config import Settings, defaults, plain, training_batch, validate
from jaxseg.counting import memory, operations
from jaxseg.data import findings
from jaxseg.data.builder import Config, SegmentationBuilder
from jaxseg.data.findings import Finding, Seen, Set
from jaxseg.data.images import encode_png
from jaxseg.data.layout import Entry, Listing
from jaxseg.data.preprocess import Preprocess
from jaxseg.data.records import IGNORE, Record
from jaxseg.data.split import cut_settings, partition
from jaxseg.inference.predict_folder import overlay
from jaxseg.progress import clock, track

_OVERVIEW = 24  # images of the page's first row
_SIDE = 144  # of a small picture, pixels
_EXIT = {"error": 2, "warning": 1, "note": 0}


class Diagnosis(NamedTuple):
    """What the doctor found.

    Attributes:
        about: lines on the set as a whole: where it lies, its splits, what a training takes.
        findings: what is wrong, errors first.
        pictures: PNG files for the page, by the file that a finding names.
        overview: PNG files of a few images with their masks, by id.
    """

    about: tuple[str, ...]
    findings: tuple[Finding, ...]
    pictures: dict[str, bytes]
    overview: dict[str, bytes]

    @property
    def code(self) -> int:
        """The exit code: 2 with errors, 1 with warnings, else 0; notes never change it."""
        return max((_EXIT[one.severity] for one in self.findings), default=0)

    def __str__(self) -> str:
        """Return the findings as lines."""
        lines = [f"{one.severity}: {one.rule}: {one.text}" for one in self.findings]
        return "\n".join([*self.about, *lines, report.counted(self.findings)])

    def to_json(self) -> dict[str, Any]:
        """Return the findings as plain JSON."""
        return {"findings": [one._asdict() for one in self.findings]}


def examine(folder: str, config: Settings | None, *, progress: bool = True) -> Diagnosis:
    """Read every image and mask of a data set, and return what is wrong with it.

    Args:
        folder: where the set lies; "" where the config says it.
        config: settings of a training, whose data are read as they say; None takes the set that ``folder`` looks like.
        progress: show how many images are done.

    Raises:
        ValueError: a setting is wrong, or neither says where the set lies.
        FileNotFoundError: the config's set needs a folder, and none is named.
    """
    settings = plain((config or defaults()).data)
    settings["dir"] = folder or settings["dir"]
    if config is None:
        if not folder:
            raise ValueError("--data_dir is missing: name the folder of the images, or a --config")
        settings["name"] = _looks_like(settings)
    else:
        config.data.dir = settings["dir"]
        validate(config)
    builder, options = data.configure(settings)
    listing = builder.survey(Path(settings["dir"]).expanduser().absolute(), options)
    found = [*listing.faults, *(Finding("layout", "note", (), note) for note in listing.notes)]
    seen, unreadable = _read(builder, options, listing, progress)
    found += unreadable
    splits = _splits(listing, settings, seen, found)
    whole = options.described(splits)
    found = sorted(found + findings.find(whole), key=lambda one: findings.SEVERITIES.index(one.severity))
    about = [f"{settings['name']} in {settings['dir'] or 'no folder'}: {len(seen)} images read"]
    about += [f"{split}: {len(held)} images; {findings.foreground(whole, split)}" for split, held in splits.items()]
    if config is not None and seen:
        about += _needs(config, whole)
    entries = [entry for held in listing.splits.values() for entry in held]
    return Diagnosis(tuple(about), tuple(found), *_pictures(builder, options, entries, found, seen))


def write_page(found: Diagnosis, folder: Path) -> Path:
    """Write ``doctor.html`` into a folder; return its path."""
    path = folder / "doctor.html"
    page = report.doctor_page(
        found.about[0], found.about[1:], found.findings, found.code, found.pictures, found.overview
    )
    files.write(path, page.encode(errors="replace"))
    return path


def _looks_like(settings: Mapping[str, Any]) -> str:
    """Return the published set whose layout a folder has; "folder" where it has none of them."""
    folder = Path(settings["dir"]).expanduser().absolute()
    own = (folder / "images").is_dir() or (folder / "masks").is_dir()
    for name, builder in data.DATASETS.items():
        if not builder.MANUAL_DOWNLOAD_INSTRUCTIONS or name == "folder":
            continue
        try:
            builder.listing(folder, builder.configure(settings))
        except (OSError, ValueError) as error:
            wanted = builder.MANUAL_DOWNLOAD_INSTRUCTIONS
            part = ", but " in str(error) or any(f"{path.name}/" in wanted for path in _folders(folder))
            if wanted in str(error) and (own or not part):  # nothing of the set is there, or near
                continue
        return name
    return "folder"


def _folders(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.is_dir()] if folder.is_dir() else []


def _read(
    builder: type[SegmentationBuilder], options: Config, listing: Listing, progress: bool
) -> tuple[dict[str, Seen], list[Finding]]:
    """Return what the rules need of every image by id, and a finding for each that cannot be read."""

    def examined(entry: Entry) -> Seen | Finding:
        try:
            record = builder.read(entry, options)
            facts = builder.facts(entry, options, record)
        except (OSError, ValueError) as error:
            paths = [str(path) for path in entry.files.values()]
            named = tuple(path for path in paths if path in str(error)) or tuple(paths)
            return Finding("not read", "error", named, str(error))
        image, mask = (str(entry.files.get(role, entry.id)) for role in ("image", "mask"))
        return Seen(entry.id, entry.group, image, mask, builder.digest(entry, options)["image"], facts)

    entries = [entry for held in listing.splits.values() for entry in held]
    work = ahead(examined, entries)
    done = list(track(work, "read", total=len(entries)) if progress else work)
    seen = {one.id: one for one in done if isinstance(one, Seen)}
    return seen, [one for one in done if isinstance(one, Finding)]


def _splits(
    listing: Listing, settings: Mapping[str, Any], seen: Mapping[str, Seen], found: list[Finding]
) -> dict[str, list[Seen]]:
    """Return what was read, split as a training would."""
    read = {split: tuple(entry for entry in held if entry.id in seen) for split, held in listing.splits.items()}
    read = {split: held for split, held in read.items() if held}
    parts = {split: (split, range(len(held))) for split, held in read.items()}
    if "train" in read:
        try:
            parts = partition(Listing(read, shift=listing.shift), **cut_settings(settings)).parts
        except ValueError as error:
            found.append(Finding("split", "error", (), str(error)))
    return {split: [seen[read[source][place].id] for place in places] for split, (source, places) in parts.items()}


def _needs(config: Settings, whole: Set) -> list[str]:
    """Return lines on memory and time of a training, both counted, before anything is trained."""
    settings = config.copy_and_resolve_references()
    sizes = [one.facts.size for one in whole.images]
    if not (settings.data.patch_size or settings.data.image_size) and sizes:
        settings.data.patch_size = tuple(max(size[axis] for size in sizes) for axis in (0, 1))
    summary = models.summarise(*training_batch(settings))
    seconds = config.train.steps * _seconds(summary.operations, summary.moved)
    device = jax.devices()[0].device_kind
    return [
        f"a training step of {config.train.batch_size} images takes {operations(summary.operations)} operations and "
        f"about {memory(summary.step)} of memory",
        f"{config.train.steps} steps take about {clock(seconds)} on one {device}, by its speed in a convolution and in "
        "a copy; scoring is not counted",
    ]


def _seconds(computed: int, moved: int) -> float:
    """Return how long a program takes on the first device, by its operations and the bytes that it reads and writes.

    The speeds are measured on one convolution and one copy. On a busy CPU of two cores the sum was 0.8 to 1.4 of what
    four networks took (DenseUNet tiny and small, with JA-9 and without attention).
    """
    images, kernel = jnp.ones((4, 128, 128, 64)), jnp.ones((3, 3, 64, 64))
    dimensions = ("NHWC", "HWIO", "NHWC")
    convolve = jax.jit(lambda x, k: jax.lax.conv_general_dilated(x, k, (1, 1), "SAME", dimension_numbers=dimensions))
    copy = jax.jit(lambda x: x + 1.0)
    operation = _timed(convolve, images, kernel) / (2 * images.size * kernel.size // 64)
    return computed * operation + moved * _timed(copy, images) / (2 * images.nbytes)


def _timed(program: Callable, *arguments: jax.Array) -> float:
    program(*arguments).block_until_ready()
    turns = 5
    began = time.perf_counter()
    for _ in range(turns):
        program(*arguments).block_until_ready()
    return (time.perf_counter() - began) / turns


def _pictures(
    builder: type[SegmentationBuilder],
    options: Config,
    entries: Sequence[Entry],
    found: Sequence[Finding],
    seen: Mapping[str, Seen],
) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """Return small pictures of the files that findings name, and of a few images."""
    by_file = {str(path): entry for entry in entries for path in entry.files.values() if entry.id in seen}
    named = [file for one in found for file in one.files[: report.SHOWN] if file in by_file]
    chosen = {by_file[file].id: by_file[file] for file in named}
    read = [entry for entry in entries if entry.id in seen]
    few = read[:: math.ceil(len(read) / _OVERVIEW) or 1]
    every = list({**chosen, **{entry.id: entry for entry in few}}.values())
    small = ahead(lambda entry: _small(builder.read(entry, options)), every)
    drawn = dict(zip((entry.id for entry in every), small, strict=True))
    return {file: drawn[by_file[file].id] for file in named}, {entry.id: drawn[entry.id] for entry in few}


def _small(record: Record) -> bytes:
    """Return a small photograph with its mask outlined, as PNG."""
    height, width = record.mask.shape
    small = Preprocess((max(1, _SIDE * height // max(height, width)), max(1, _SIDE * width // max(height, width))))
    mask = small.prepare_mask(record.mask)
    return encode_png(overlay(small.prepare(record.image), (mask > 0) & (mask != IGNORE)))
