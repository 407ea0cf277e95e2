"""What the head of an image file says, before its pixels are decoded: format, size, orientation, frames, coding."""

from __future__ import annotations

import contextlib
import gzip
import io
import struct
import threading
import warnings
from pathlib import Path
from typing import IO, NamedTuple, cast

_File = io.BufferedIOBase  # an open file, or bytes in memory
_LOCK = threading.Lock()
_EXIF = b"Exif\x00\x00"

# Tags of TIFF, and of the EXIF blocks in other formats.
_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _ORIENTATION, _EXTRA, _SAMPLE = 256, 257, 258, 259, 274, 338, 339
_TYPES = {1: "B", 3: "H", 4: "I", 16: "Q"}
_PAGES = 10_000  # at most so many are counted

# What decoders may not read, by the TIFF tag that says so.
_COMPRESSIONS = {
    50000: "Zstandard", 50001: "WebP", 50002: "JPEG XL", 34712: "JPEG 2000", 34887: "LERC", 34925: "LZMA",
}  # fmt: skip
_SAMPLES = {2: "signed integers", 3: "floating-point numbers", 5: "complex integers", 6: "complex numbers"}


class Head(NamedTuple):
    """What a file says about its picture.

    Attributes:
        kind: Pillow's name of the format: PNG, JPEG, TIFF ...
        size: (height, width) as viewers show it.
        orientation: 1 (upright) to 8, EXIF's number of the turn with which viewers show it.
        frames: number of pictures in the file.
        bits: per channel, of a TIFF; 8 of the others.
        alpha: whether a TIFF has channels beside its colours.
        coding: what a TIFF has that few programs read, in words; "" where that is nothing.
        lossy: whether its compression changes values, of a JPEG, a TIFF with JPEG inside, and of most WebP.
    """

    kind: str
    size: tuple[int, int]
    orientation: int = 1
    frames: int = 1
    bits: int = 8
    alpha: bool = False
    coding: str = ""
    lossy: bool = False


def read(source: Path | str | bytes) -> Head | None:
    """Return the head of a file, given by its path or its bytes; None where it has none that is known.

    Raises:
        PIL.Image.DecompressionBombError: it tells of more pixels than Pillow opens.
        OSError: the file cannot be read.
    """
    with io.BytesIO(source) if isinstance(source, bytes) else _opened(source) as file:
        start = file.read(4)
        file.seek(0)
        with contextlib.suppress(struct.error, ValueError, KeyError):
            return _tiff(file) if start[:2] in (b"II", b"MM") else _other(file)
    return None


def _opened(path: Path | str) -> io.BufferedIOBase:
    with open(path, "rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    return gzip.open(path) if packed else open(path, "rb")


def _tiff(file: _File) -> Head:
    tags, pages = _tags(file)
    turn = _turn(tags)
    size = tags[_HEIGHT], tags[_WIDTH]
    compression, sample = _COMPRESSIONS.get(tags.get(_COMPRESSION, 1)), _SAMPLES.get(tags.get(_SAMPLE, 1))
    coding = " and ".join(([f"{compression} compression"] if compression else []) + ([sample] if sample else []))
    shown = size if turn < 5 else (size[1], size[0])
    lossy = tags.get(_COMPRESSION) in (6, 7)  # JPEG, old and new
    return Head("TIFF", shown, turn, pages, tags.get(_BITS, 1), _EXTRA in tags, coding, lossy)


def _other(file: _File) -> Head:
    from PIL import Image

    # The filters of warnings are those of all threads.
    with _LOCK, warnings.catch_warnings(action="ignore"):
        try:
            with Image.open(cast(IO[bytes], file)) as picture:
                kind, (width, height) = str(picture.format), picture.size
                frames = getattr(picture, "n_frames", 1) if kind in ("PNG", "GIF", "WEBP") else 1
                exif = picture.info.get("exif", b"").removeprefix(_EXIF)
        except (OSError, SyntaxError, EOFError) as error:
            raise ValueError("no picture") from error
        if kind == "PNG" and not exif:
            exif = _late_exif(file)
    turn = 1
    with contextlib.suppress(struct.error, ValueError, KeyError):  # a block that is no EXIF turns nothing
        turn = _turn(_tags(io.BytesIO(exif))[0]) if exif else 1
    file.seek(0)
    lossy = kind in ("JPEG", "MPO") or (kind == "WEBP" and b"VP8L" not in file.read())
    return Head(kind, (height, width) if turn < 5 else (width, height), turn, frames, lossy=lossy)


def _late_exif(file: _File) -> bytes:
    """Return the EXIF block of a PNG, which may stand behind the pixels."""
    place = 8
    while True:
        file.seek(place)
        chunk = file.read(8)
        if len(chunk) < 8:
            return b""
        length, name = struct.unpack(">I4s", chunk)
        if name == b"eXIf":
            return file.read(length).removeprefix(_EXIF)
        place += 12 + length


def _turn(tags: dict[int, int]) -> int:
    turn = tags.get(_ORIENTATION, 1)
    return turn if 1 <= turn <= 8 else 1


def _tags(file: _File) -> tuple[dict[int, int], int]:
    """Return the tags of the first page of a TIFF or BigTIFF (the first value of each), and the number of pages.

    Raises:
        struct.error: it ends early.
        KeyError, ValueError: it is none.
    """
    start = file.read(4)
    order = {b"II": "<", b"MM": ">"}[start[:2]]
    version = int.from_bytes(start[2:], "little" if order == "<" else "big")
    if version not in (42, 43):
        raise ValueError("no TIFF")
    count, entry, offset = ("H", "HHI4s", "I") if version == 42 else ("Q", "HHQ8s", "Q")

    def take(layout: str) -> tuple:
        return struct.unpack(order + layout, file.read(struct.calcsize(order + layout)))

    def first(kind: int, number: int, field: bytes) -> int:
        layout = order + _TYPES.get(kind, "B")
        if number * struct.calcsize(layout) > len(field):
            file.seek(struct.unpack(order + offset, field)[0])
            field = file.read(struct.calcsize(layout))
        return struct.unpack_from(layout, field)[0]

    if version == 43:
        take("HH")  # the size of offsets, 8, and nothing
    entries: list[tuple] = []
    pages: set[int] = set()
    (page,) = take(offset)
    while page and page not in pages and len(pages) < _PAGES:
        file.seek(page)
        (number,) = take(count)
        found = [take(entry) for _ in range(min(number, 2**16))]
        entries = entries or found
        pages.add(page)
        (page,) = take(offset)
    return {tag: first(*rest) for tag, *rest in entries}, len(pages)
