"""A user's own images: a folder with ``images/`` and ``masks/``, and where wanted ``fov/`` and split files."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from jaxseg import checks
from jaxseg.data import images
from jaxseg.data.builder import Config, Planes, SegmentationBuilder
from jaxseg.data.images import Picture
from jaxseg.data.layout import SPLITS, Entry, Listing, astray, holds, pair


@dataclasses.dataclass
class FolderConfig(Config):
    """How a folder is prepared.

    Attributes:
        labels: the foreground of a binary mask, grey values or colours "#rrggbb"; () where it holds {0, 1} or {0, 255}.
    """

    labels: tuple[int | str, ...] = ()


class Folder(SegmentationBuilder):
    """``folder``: images of any size in images/, masks of the same stem in masks/, fields of view in fov/.

    ``train.txt``, ``val.txt`` and ``test.txt`` may list stems, one per line. Without ``train.txt``, all images that are
    in no other list train; with it, images that are in no list are left out.
    """

    name = "folder"
    NAMING = ("labels", "classes")
    ABOUT = "A folder of images with masks of the same names."
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "Give the folder that holds images/ and masks/ (and fov/, if there is one), with masks named as their images: "
        "--config.data.dir=FOLDER"
    )
    BUILDER_CONFIGS: ClassVar[list] = [FolderConfig(name="native", description="neither resized nor equalised")]

    @classmethod
    def configure(cls, data: Mapping[str, Any]) -> FolderConfig:
        """Return the configuration that the settings ask for; ``data.labels`` and ``data.classes`` exclude each other.

        Raises:
            ValueError: a setting is wrong; the line names it and says what it may be.
        """
        shared, labels = super().configure(data), tuple(data["labels"])
        images.check_labels("data.labels", labels)
        both = bool(labels) and shared.classes is not None
        checks.require(not both, "data.labels", labels, "() where data.classes says what each value of a mask means")
        return FolderConfig(name=shared.name, preprocess=shared.preprocess, classes=shared.classes, labels=labels)

    @classmethod
    def listing(cls, folder: Path, config: Config) -> Listing:
        """Return the images of ``folder`` with their masks, by split."""
        wanted = {f"{name}/": holds(name) for name in ("images", "masks")}
        if not all(there(folder) for there in wanted.values()):
            raise cls.nothing(astray(folder, wanted))
        notes: list[str] = []
        pictures = _pictures(folder / "images", notes)
        masks = _pictures(folder / "masks", notes)
        for found, name in ((pictures, "images"), (masks, "masks")):
            if not found:
                kinds = ", ".join(suffix[1:] for suffix in images.SUFFIXES)
                raise FileNotFoundError(f"{astray(folder / name, {'picture': _any_picture})}; it may hold {kinds}")
        pair(pictures, masks, "mask", lambda name: folder / "masks" / f"{name}.png")
        fovs: dict[str, Path] = {}
        if (folder / "fov").is_dir():
            fovs = _pictures(folder / "fov", notes)
            pair(pictures, fovs, "field of view", lambda name: folder / "fov" / f"{name}.png")
        entries = {name: Entry(name, name, path, masks[name], fovs.get(name)) for name, path in pictures.items()}
        return Listing(_splits(folder, entries, notes), tuple(notes))

    @classmethod
    def read_masks(cls, entry: Entry, config: FolderConfig, image: Picture) -> Planes:
        """Return the mask, its values read as ``config.classes`` or ``config.labels`` say, and the field of view."""
        path, classes = entry.files["mask"], config.classes
        mask = classes.indices(images.read_codes(path), path) if classes else images.read_binary(path, config.labels)
        return Planes(mask, None if entry.fov is None else images.read_binary(entry.fov))


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in images.SUFFIXES and path.is_file()


def _any_picture(folder: Path) -> bool:
    return any(_is_picture(path) for path in folder.iterdir())


def _pictures(folder: Path, notes: list[str]) -> dict[str, Path]:
    """Return the pictures in a folder by stem, in name order; other files are left out, with a line in ``notes``."""
    found: dict[str, Path] = {}
    others: list[str] = []
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if not _is_picture(path):
            others.append(path.name)
        elif path.stem in found:
            raise ValueError(f"{found[path.stem]} and {path.name}: the same name twice; remove or rename one of them")
        else:
            found[path.stem] = path
    if others:
        listed = ", ".join(others[:3]) + (", ..." if len(others) > 3 else "")
        notes.append(f"{folder}: {len(others)} other files passed over ({listed})")
    return found


def _splits(folder: Path, entries: dict[str, Entry], notes: list[str]) -> dict[str, tuple[Entry, ...]]:
    listed: dict[str, list[str]] = {}
    seen: dict[str, Path] = {}
    for split in SPLITS:
        path = folder / f"{split}.txt"
        if not path.is_file():
            continue
        listed[split] = []
        for number, line in enumerate(path.read_text(encoding="utf-8-sig").splitlines(), 1):
            if not (name := line.strip()):
                continue
            stem = name if name in entries else Path(name).stem  # "a.png" means "a"
            if stem not in entries:
                raise ValueError(f"{path}, line {number}: {name!r} is no image in {folder / 'images'}")
            if stem in seen:
                raise ValueError(f"{path}, line {number}: {name!r} stands in {seen[stem].name} already; keep one")
            seen[stem] = path
            listed[split].append(stem)
    rest = [name for name in entries if name not in seen]
    if "train" not in listed:
        listed = {"train": rest, **listed}
    elif rest:
        notes.append(f"{len(rest)} images stand in no split file and are left out ({', '.join(rest[:3])}, ...)")
    if not listed["train"]:
        raise ValueError(f"{folder}: no image is left to train on; see train.txt, val.txt and test.txt there")
    return {split: tuple(entries[name] for name in names) for split, names in listed.items() if names}
