"""A user's own images: a folder with ``images/`` and ``masks/``, and where wanted ``fov/`` and lists."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from jaxseg import checks
from jaxseg.data import images, lists, names
from jaxseg.data.builder import Config, Planes, SegmentationBuilder
from jaxseg.data.classes import Labels
from jaxseg.data.findings import Finding
from jaxseg.data.images import Mask, Picture
from jaxseg.data.layout import Entry, Listing, astray, holds

# Faults for which a file is missing, and not wrong.
_MISSING = ("missing mask", "mask without image")


@dataclasses.dataclass
class FolderConfig(Config):
    """How a folder is prepared.

    Attributes:
        labels: the foreground of a binary mask, grey values or colours "#rrggbb"; () where it holds {0, 1} or {0, 255}.
        mask_name: how masks are named, such as "{id}_segmentation"; "" as their images, or by a pattern that is found.
        group_pattern: a regular expression that finds the group, such as a person, in an image's name; "" for none.
    """

    labels: tuple[int | str, ...] = ()
    mask_name: str = ""
    group_pattern: str = ""

    @property
    def values(self) -> Labels:
        """The values of ``labels``, or of the classes, one class behind the other."""
        if self.classes is None:
            return self.labels
        return tuple(value for values in self.classes.values for value in values)


class Folder(SegmentationBuilder):
    """``folder``: images of any size in images/, their masks in masks/, fields of view in fov/.

    ``train.txt``, ``val.txt`` and ``test.txt`` may list names, one per line, and ``shifted_val.txt`` and
    ``shifted_test.txt`` those of another source. Without ``train.txt``, all images that are in no other list train;
    with it, images that are in no list are left out. ``groups.txt`` may say which images are of one person: a line is a
    name, a comma and the person.
    """

    name = "folder"
    UNSHIFTED = "shifted_val.txt and shifted_test.txt in data.dir list the images of another source"
    NAMING = ("labels", "classes", "mask_name", "group_pattern")
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
        template, wanted = data["mask_name"], "a name with {id} in it, such as '{id}_segmentation', or ''"
        checks.require(names.check_template(template), "data.mask_name", template, wanted)
        lists.check_pattern(data["group_pattern"])
        return FolderConfig(
            name=shared.name,
            preprocess=shared.preprocess,
            classes=shared.classes,
            labels=labels,
            mask_name=template,
            group_pattern=data["group_pattern"],
        )

    @classmethod
    def listing(cls, folder: Path, config: FolderConfig) -> Listing:
        """Return the images of ``folder`` with their masks, by split."""
        found = cls._survey(folder, config)
        for fault in found.faults:
            raise (FileNotFoundError if fault.rule in _MISSING else ValueError)(fault.text)
        return found

    @classmethod
    def _survey(cls, folder: Path, config: FolderConfig) -> Listing:
        rooms = _rooms(folder)
        if not {"images", "masks"} <= rooms.keys():
            raise cls.nothing(astray(folder, {f"{name}/": holds(name) for name in ("images", "masks")}))
        for name in ("images", "masks"):
            if not _any_picture(rooms[name]):
                kinds = ", ".join(suffix[1:] for suffix in images.SUFFIXES)
                raise FileNotFoundError(f"{astray(rooms[name], {'picture': _any_picture})}; it may hold {kinds}")
        notes: list[str] = []
        faults: list[Finding] = []
        pictures = _pictures(rooms["images"], notes, faults)
        masks = _paired(rooms["masks"], pictures, config.mask_name, "mask", notes, faults)
        fovs = {}
        if "fov" in rooms:
            fovs = _paired(rooms["fov"], pictures, "", "field of view", notes, faults)
        whole = {name: path for name, path in pictures.items() if name in masks}
        groups: dict[str, str] = {}
        splits: dict[str, list[str]] = {"train": list(whole)}
        try:
            groups = lists.groups(folder, pictures, config.group_pattern)
            splits = _splits(folder, pictures, notes)
        except ValueError as error:
            faults.append(Finding("list", "error", (), str(error)))
        if not groups and (note := lists.alike(list(pictures))):
            notes.append(note)
        if groups and (alone := [name for name in pictures if name not in groups]):
            listed = ", ".join(alone[:3]) + (", ..." if len(alone) > 3 else "")
            notes.append(f"{len(alone)} images are in no group ({listed}): each is taken as one of its own")
        entries = {
            name: Entry(
                name, groups.get(name, name), path, masks[name][0], fovs.get(name, (None,))[0], more=masks[name][1:]
            )
            for name, path in whole.items()
        }
        listed = {split: tuple(entries[name] for name in chosen if name in entries) for split, chosen in splits.items()}
        return Listing({split: found for split, found in listed.items() if found}, tuple(notes), tuple(faults))

    @classmethod
    def read_masks(cls, entry: Entry, config: FolderConfig, image: Picture) -> Planes:
        """Return the mask, its values read as ``config.classes`` or ``config.labels`` say, and the field of view.

        Several masks of one image are united.
        """
        mask = cls._mask(entry.files["mask"], config)
        for path in entry.more:
            mask = _united(mask, cls._mask(path, config), path)
        return Planes(mask, None if entry.fov is None else images.read_binary(entry.fov))

    @classmethod
    def _mask(cls, path: Path, config: FolderConfig) -> Mask:
        if config.classes:
            return config.classes.indices(images.read_codes(path), path)
        return images.read_binary(path, config.labels)

    @classmethod
    def labels(cls, entry: Entry, config: FolderConfig) -> list[int]:
        """Return the places of those values of ``data.labels``, or of ``data.classes``, that occur in the masks."""
        values = config.values
        if len(values) < 2:  # that no mask holds the only one is said without it
            return [0] if values else []
        found = np.unique(np.concatenate([np.unique(images.read_codes(path)) for path in _masks(entry)]))
        return [place for place, value in enumerate(values) if images.code(value) in found]


def _rooms(folder: Path) -> dict[str, Path]:
    """Return the folders images, masks and fov, whatever their capitals."""
    found = sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    return {path.name.lower(): path for path in found if path.name.lower() in ("images", "masks", "fov")}


def _any_picture(folder: Path) -> bool:
    return any(map(images.is_picture, folder.iterdir()))


def _masks(entry: Entry) -> list[Path]:
    return [entry.files["mask"], *entry.more]


def _united(one: np.ndarray, other: np.ndarray, path: Path) -> Mask:
    """Return a mask with the foreground of both."""
    if one.shape != other.shape:
        raise ValueError(
            f"{path}: {other.shape[1]} wide and {other.shape[0]} high, unlike the other masks of its image"
        )
    if ((one > 0) & (other > 0) & (one != other)).any():
        raise ValueError(f"{path}: gives pixels another class than another mask of its image; draw them in one mask")
    return np.maximum(one, other)


def _pictures(folder: Path, notes: list[str], faults: list[Finding]) -> dict[str, Path]:
    """Return the pictures in a folder by stem, in name order; other files are left out, with a line in ``notes``."""
    found: dict[str, Path] = {}
    for path in filter(images.is_picture, sorted(folder.iterdir())):
        name = names.stem(path)
        if not names.readable(path):
            text = f"{folder}: the name {path.name!a} is not UTF-8 (a zip of another encoding?); rename the file"
            faults.append(Finding("name not UTF-8", "error", (ascii(path.name),), text))
        elif name in found:
            text = f"{found[name]} and {path.name}: the same name twice; remove or rename one of them"
            faults.append(Finding("name twice", "error", (str(found[name]), str(path)), text))
        else:
            found[name] = path
    if others := images.passed_over(folder):
        notes.append(others)
    return found


def _paired(
    folder: Path, pictures: Mapping[str, Path], template: str, kind: str, notes: list[str], faults: list[Finding]
) -> dict[str, tuple[Path, ...]]:
    """Return the files in ``folder`` that belong to each picture; those that are missing or alone become faults."""
    matched = names.match(list(pictures), _pictures(folder, notes, faults), template)
    for name, path in pictures.items():
        if name not in matched.files:
            wanted = f"{matched.named.replace(names.ID, name)}.png" if names.ID in matched.named else matched.named
            text = f"{path}: has no {kind}; {folder / wanted} is missing"
            if kind == "mask" and not matched.files:
                text += " (masks of other names are matched by --config.data.mask_name, as in '{id}_segmentation')"
            faults.append(Finding("missing mask", "error", (str(path),), text))
    for path in matched.alone:
        text = f"{path}: a {kind} without an image; add the image {names.stem(path)!r} or remove the file"
        faults.append(Finding("mask without image", "error", (str(path),), text))
    if matched.files and matched.named not in (names.ID, template):
        setting = f"; --config.data.mask_name='{matched.named}' says so" if names.ID in matched.named else ""
        notes.append(f"{folder}: files are taken as {matched.named}{setting if kind == 'mask' else ''}")
    several = {name: files for name, files in matched.files.items() if len(files) > 1}
    if several and kind != "mask":
        for name, files in several.items():
            text = f"{files[1]}: a second {kind} of {name}, beside {files[0].name}; keep one"
            faults.append(Finding("two of one image", "error", tuple(map(str, files)), text))
    elif several:
        name, files = next(iter(several.items()))
        example = f"{name}: {', '.join(path.name for path in files)}"
        notes.append(f"{folder}: {len(several)} images have several masks, which are united, such as {example}")
    return matched.files


def _splits(folder: Path, pictures: Mapping[str, Path], notes: list[str]) -> dict[str, list[str]]:
    listed = lists.splits(folder, pictures)
    notes += [f"{folder}: {split}.txt lists no image" for split, found in listed.items() if not found]
    chosen = {name for found in listed.values() for name in found}
    rest = [name for name in pictures if name not in chosen]
    if "train" not in listed:
        listed = {"train": rest, **listed}
    elif rest:
        notes.append(f"{len(rest)} images stand in no split file and are left out ({', '.join(rest[:3])}, ...)")
    if not listed["train"]:
        raise ValueError(f"{folder}: no image is left to train on; see train.txt, val.txt and test.txt there")
    return listed
