"""Prediction of a folder of photographs: masks, probabilities and overlays as pictures."""

from __future__ import annotations

import contextlib
import functools
import math
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Bool, Float32, UInt8

from jaxseg import counting, files
from jaxseg.ahead import ahead
from jaxseg.data import palette
from jaxseg.data.images import SUFFIXES, Picture, encode_png, is_picture, passed_over, read_size, stem
from jaxseg.inference.compiled import TooLarge
from jaxseg.inference.predictor import Predictor
from jaxseg.progress import track

# What may prevent one image and not the others.
_FAILURES = (ValueError, OSError, MemoryError, jax.errors.JaxRuntimeError)

PROBABILITY_SCALE = 65535  # the 16-bit grey value of probability 1
_TINT = np.float32(0.15)  # how much of its colour a mask gets
_TILES = (1024, 512, 256)  # sides of the tiles of an image that is too large to be predicted at once, tried in turn
_ALONE = 2**25  # pixels from which on an image is in work alone, and its own memory is looked for first
_BYTES, _BYTES_OF_A_CLASS = 50, 20  # a pixel, at most, beside the network's: photograph, probabilities, pictures
SUPERPIXELS = "_superpixels"  # ends the name of a drawing that ISIC's archives hold beside each photograph
_COLOUR = np.array([0, 229, 255], np.float32)  # cyan: neither the retina nor the skin has it


def predict_folder(
    predictor: Predictor, images: str | Path, output: str | Path, *, progress: bool = True
) -> list[Path]:
    """Predict every image of a folder, or one image, and write PNG files of the same size and stem for each.

    ``masks/``: 0 and 255, foreground where the probability exceeds ``predictor.threshold``, and what
    ``predictor.reconnect`` adds. ``probabilities/``: 16-bit grey, the probability times ``PROBABILITY_SCALE``.
    ``overlays/``: the photograph with the mask tinted and outlined.

    Of several classes, ``masks/`` hold the number of each pixel's class, 0 for background, and show it by a palette;
    ``probabilities/<class>/`` are those of one class; ``overlays/`` are taller, by a strip that names the colours.

    Several images are in work at once, so that every core and device is busy; files are written in the images' order,
    each whole or not at all. An image that is too large for the memory is predicted in tiles, and a line says so:
    attention with global support reaches to the edge of its tile then.

    Args:
        predictor: the model.
        images: a folder of pictures (see ``data.images.SUFFIXES``; subfolders are not searched), or one. What ends in
            ``SUPERPIXELS`` beside its photograph is passed over.
        output: a folder, made if it does not exist. Existing pictures are never overwritten.
        progress: show how many images are done.

    Returns:
        The masks' paths, in the images' order.

    Raises:
        FileNotFoundError: there is no such folder or file.
        FileExistsError: a picture to be written exists already; nothing is predicted.
        ValueError: there is no image, or two share a stem, so that nothing is predicted; or some images failed: the
            message says which and why, and all others are done.
        OSError: a picture cannot be written; those before it are done.
    """
    paths, output = _images(Path(images)), Path(output)
    kinds = ["masks", *_maps(predictor.classes), "overlays"]
    _refuse_existing([_target(output, kind, stem(path)) for kind in kinds for path in paths])
    for kind in kinds:  # what cannot be made is told before anything is predicted
        (output / kind).mkdir(parents=True, exist_ok=True)
    predictor = predictor.expecting(predictor.preprocess.size(size) for size in map(read_size, paths) if size)
    written, failed, tiled = [], [], []
    with contextlib.closing(ahead(functools.partial(_attempt, predictor, threading.Lock()), paths)) as work:
        for path, done in zip(paths, track(work, "predict", total=len(paths)) if progress else work, strict=True):
            if isinstance(done, Exception):
                failed.append(_cause(path, done))
                continue
            write_pictures(done.pictures, output, stem(path))
            written.append(_target(output, "masks", stem(path)))
            if done.tile:
                tiled.append(f"{path.name} ({done.tile} x {done.tile})")
    if tiled:
        print(f"note: predicted in tiles, since the memory is too small for the whole: {', '.join(tiled)}", flush=True)
    if failed:
        raise ValueError(f"{len(failed)} of {len(paths)} images failed, the others are done: {'; '.join(failed)}")
    return written


def overlay(
    image: UInt8[np.ndarray, "height width 3"], mask: Bool[np.ndarray, "height width"], colour: np.ndarray = _COLOUR
) -> UInt8[np.ndarray, "height width 3"]:
    """Return the photograph with the mask lightly tinted and outlined; larger images get a thicker line."""
    line = mask & ~_eroded(mask, max(1, round(min(mask.shape) / 400)))
    values = np.arange(256, dtype=np.float32)[:, None]
    tinted = np.rint(values * (1 - _TINT) + colour * _TINT).astype(np.uint8)
    drawn = image.copy()
    for channel in range(3):
        np.copyto(drawn[..., channel], tinted[image[..., channel], channel], where=mask)
    drawn[line] = colour
    return drawn


class _Done(NamedTuple):
    pictures: dict[str, bytes]  # PNG files by their folder
    tile: int = 0  # side of the tiles that it took; 0: none but those that were asked for


def _attempt(predictor: Predictor, alone: threading.Lock, path: Path) -> _Done | Exception:
    """Return the pictures of an image, or why there are none; several threads do this at once."""
    pixels = math.prod(read_size(path) or (0,))
    try:
        if pixels < _ALONE:
            return _fitted(predictor, predictor.preprocess.read(path))
        with alone:
            _require_room(path, pixels * (_BYTES + _BYTES_OF_A_CLASS * len(predictor.classes)))
            return _fitted(predictor, predictor.preprocess.read(path))
    except Exception as error:
        if isinstance(error, _FAILURES) or type(error).__module__ == "cv2":  # training works without OpenCV
            return error
        raise


def _require_room(path: Path, need: int) -> None:
    there = counting.room(jax.devices("cpu")[0])
    if there is not None and need > there:
        raise ValueError(
            f"{path}: such a picture takes {counting.memory(need)} beside the network, and {counting.memory(there)} "
            "are free; cut it into parts"
        )


def _fitted(predictor: Predictor, image: Picture) -> _Done:
    """Return the pictures of an image, predicted at once or, where the memory is too small, in tiles."""
    try:
        return _Done(_pictures(predictor, image))
    except (TooLarge, MemoryError, jax.errors.JaxRuntimeError) as error:
        found = error
    for side in _TILES:
        if predictor.tile or not _out_of_memory(found):
            break
        try:
            return _Done(_pictures(predictor.tiled(side), image), side)
        except (TooLarge, MemoryError, jax.errors.JaxRuntimeError) as error:
            found = error
    raise found


def _out_of_memory(error: Exception) -> bool:
    words = ("RESOURCE_EXHAUSTED", "Insufficient memory")  # of JAX and of OpenCV
    return isinstance(error, TooLarge | MemoryError) or any(word in str(error) for word in words)


def _pictures(predictor: Predictor, image: Picture) -> dict[str, bytes]:
    probability = predictor(image)
    return pictures(image, probability, predictor.decide(probability), predictor.classes)


def pictures(
    image: Picture,
    probability: Float32[np.ndarray, "height width *classes"],
    mask: UInt8[np.ndarray, "height width"],
    classes: Sequence[str],
) -> dict[str, bytes]:
    """Return the PNG files of a prediction by their folder; see ``predict_folder``.

    Args:
        image: the photograph.
        probability: of a ``Predictor``, at the photograph's size.
        mask: the class of every pixel, as ``Predictor.decide`` gives it.
        classes: likewise.
    """
    maps = np.moveaxis(probability, -1, 0)[1:] if classes else [probability]
    drawn = {
        kind: encode_png(np.rint(found * PROBABILITY_SCALE).astype(np.uint16))
        for kind, found in zip(_maps(classes), maps, strict=True)
    }
    if not classes:
        return drawn | {"masks": encode_png(255 * mask), "overlays": encode_png(overlay(image, mask == 1))}
    for index, colour in enumerate(palette.colours(len(classes)).astype(np.float32), 1):
        image = overlay(image, mask == index, colour)
    named = encode_png(palette.with_legend(image, classes))
    return drawn | {"masks": palette.encode_index_png(mask, len(classes)), "overlays": named}


def _maps(classes: Sequence[str]) -> list[str]:
    """Return the folders of the probabilities."""
    return [f"probabilities/{name}" for name in classes] or ["probabilities"]


def _images(source: Path) -> list[Path]:
    if source.is_file():
        return [source]
    if not source.is_dir():
        raise FileNotFoundError(f"{source}: no such folder; give a folder of images, or one image")
    paths, others = sorted(filter(is_picture, source.iterdir())), passed_over(source)
    if not paths:
        raise ValueError(f"{source} holds no images ({', '.join(SUFFIXES)}); subfolders are not searched. {others}")
    if others:
        print(f"note: {others}", flush=True)
    stems = set(map(stem, paths))
    drawn = stems.intersection(name + SUPERPIXELS for name in stems)
    if drawn:
        print(f"note: {source}: superpixels of {len(drawn)} photographs passed over ({min(drawn)} ...)", flush=True)
    paths = [path for path in paths if stem(path) not in drawn]
    by_stem: dict[str, Path] = {}
    for path in paths:
        if stem(path) in by_stem:
            raise ValueError(
                f"{by_stem[stem(path)]} and {path.name} would both become {stem(path)}.png; rename one of them"
            )
        by_stem[stem(path)] = path
    return paths


def write_pictures(drawn: dict[str, bytes], output: Path, stem: str) -> None:
    """Write what ``pictures`` gave into the subfolders of ``output``, which are made where they are not there."""
    for kind, data in drawn.items():
        target = _target(output, kind, stem)
        target.parent.mkdir(parents=True, exist_ok=True)
        files.write(target, data)


def _target(output: Path, kind: str, stem: str) -> Path:
    return output / kind / f"{stem}.png"


def _refuse_existing(targets: Sequence[Path]) -> None:
    existing = [path for path in targets if os.path.lexists(path)]  # a link to nothing is the user's, too
    if existing:
        more = f" (and {len(existing) - 1} more)" if len(existing) > 1 else ""
        raise FileExistsError(f"{existing[0]} is there already{more}; choose another output folder, or move it away")


def _cause(path: Path, error: Exception) -> str:
    if _out_of_memory(error):
        return f"{path}: too large for the memory, in tiles too; predict smaller ones (--tile=128)"
    message = str(error)
    return message if str(path) in message else f"{path}: {message}"


def _eroded(mask: np.ndarray, radius: int) -> np.ndarray:
    """Shrink a mask by ``radius`` pixels in each of the four directions, but not at the image's border."""
    for _ in range(radius):
        padded = np.pad(mask, 1, mode="edge")
        mask = mask & padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return mask
