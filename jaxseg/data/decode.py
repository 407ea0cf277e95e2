"""From an image file to its pixels, upright and as stored; or refused, with the true reason and the fix.

JPEG is decoded by simplejpeg (libjpeg-turbo, as OpenCV has it), which tells of data that end early; TIFF with an alpha
channel by Pillow, since libtiff's own conversion multiplies the colours by it; all else by OpenCV.
"""

from __future__ import annotations

import contextlib
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxseg.data import heads
from jaxseg.data.heads import Head

# cv2 is imported inside the functions that need it: training reads prepared records, which works without OpenCV.

MOST_PIXELS = 2**27  # of an image that is read, 11585 x 11585: its prediction takes up to 6 GiB beside the network's
_BROKEN = (
    "premature end",
    "Huffman",
    "instead of RST",
    "Unsupported marker",
)  # what libjpeg says of data that do not make up the picture


class File(NamedTuple):
    """A whole file: its path for messages, its bytes, and its head, None where it has none that is known."""

    path: Path
    data: bytes
    head: Head | None

    @property
    def jpeg(self) -> bool:
        """Whether it is a JPEG, whatever its name."""
        return self.data[:3] == b"\xff\xd8\xff"

    @property
    def orientation(self) -> int:
        """EXIF's number of the turn with which viewers show it, 1 for none."""
        return self.head.orientation if self.head else 1


def whole(path: Path | str) -> File:
    """Return a file that is there, is whole as far as its ends tell, and holds one picture of a readable size.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is empty, truncated, holds several frames or more than ``MOST_PIXELS``; the line says so.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file")
    data = path.read_bytes()
    if not data:
        raise ValueError(f"{path}: an empty file; copy or download it again")
    if data[:2] == b"\x1f\x8b":  # STARE publishes its pictures so
        data = _unpacked(path, data)
    # A decoder may fill a missing part with grey and report no error, so the end of the file is looked for here. In
    # the coded data of a JPEG, 0xff is always followed by 0x00: the end marker cannot occur there by chance.
    cut_jpeg = data[:3] == b"\xff\xd8\xff" and data.rfind(b"\xff\xd9") < data.rfind(b"\xff\xda")
    cut_png = data[:4] == b"\x89PNG" and b"IEND\xaeB`\x82" not in data
    if cut_jpeg or cut_png:
        raise ValueError(f"{path}: truncated; copy or download it again")
    return File(path, data, _head(path, data))


def _head(path: Path, data: bytes) -> Head | None:
    from PIL import Image

    try:
        head = heads.read(data)
    except Image.DecompressionBombError:  # Pillow's own limit, above ours
        head, size = None, "more"
    else:
        size = f"{head.size[1]} x {head.size[0]}" if head and head.size[0] * head.size[1] > MOST_PIXELS else ""
    if size:
        raise ValueError(
            f"{path}: {size} pixels, and {MOST_PIXELS:,} at most are read; cut it in parts, or save it smaller"
        )
    if head and head.frames > 1:
        raise ValueError(f"{path}: holds {head.frames} frames; save the one that is meant")
    return head


def _unpacked(path: Path, data: bytes) -> bytes:
    unpacking, most = zlib.decompressobj(wbits=31), 4 * MOST_PIXELS
    try:
        found = unpacking.decompress(data, most)
    except zlib.error as error:
        raise ValueError(f"{path}: a damaged gzip file ({error}); copy or download it again") from error
    if not unpacking.eof:
        why = "truncated; copy or download it again" if len(found) < most else f"unpacks to more than {most:,} bytes"
        raise ValueError(f"{path}: {why}")
    return found


def colours(file: File) -> np.ndarray:
    """Return the picture as viewers show it, RGB [height, width, 3], uint8 or uint16; an alpha channel is dropped.

    Grey pictures get three equal channels.

    Raises:
        ValueError: it is damaged, or coded in a way that is not read; the line says which.
    """
    import cv2

    if file.jpeg and (array := _jpeg(file)) is not None:
        return _turned(array, file)
    if _by_pillow(file):
        array = _pillow(file)
        return np.ascontiguousarray(array[..., :3] if array.shape[-1] > 2 else array[..., [0, 0, 0]])
    return cv2.cvtColor(_opencv(file, cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH), cv2.COLOR_BGR2RGB)


def stored(file: File) -> np.ndarray:
    """Return the picture, turned as viewers show it, with the channels it has: [height, width] or RGB(A) last.

    Raises:
        ValueError: as ``colours``.
    """
    import cv2

    if _by_pillow(file):
        array = _pillow(file)
        return array if array.shape[-1] == 4 else array[..., [0, 0, 0, 1]]
    array = _opencv(file, cv2.IMREAD_UNCHANGED)
    return array if array.ndim == 2 else array[..., [2, 1, 0, 3][: array.shape[-1]]]


def _jpeg(file: File) -> np.ndarray | None:
    """Return the colours of a JPEG as stored; None where this decoder has no way to them, as from CMYK."""
    import simplejpeg

    try:
        return simplejpeg.decode_jpeg(file.data, "RGB", strict=True)
    except ValueError as error:
        if any(word in str(error) for word in _BROKEN) or _left_over(file.data, str(error)):
            raise ValueError(f"{file.path}: truncated or damaged ({error}); copy or download it again") from error
    with contextlib.suppress(ValueError):  # what it told of loses no pixel
        return simplejpeg.decode_jpeg(file.data, "RGB", strict=False)
    return None


def _left_over(data: bytes, said: str) -> bool:
    """Return whether libjpeg tells of coded data behind the last pixel, which are those of damaged ones before.

    Some cameras fill the file up behind the pixels, with one byte over and over.
    """
    found = re.search(r"(\d+) extraneous bytes before marker 0xd9", said)
    end = data.rfind(b"\xff\xd9")
    return found is not None and len(set(data[end - int(found[1]) : end])) > 1


def _by_pillow(file: File) -> bool:
    head = file.head
    return head is not None and head.kind == "TIFF" and head.alpha and head.bits <= 8 and not head.coding


def _pillow(file: File) -> np.ndarray:
    import io

    from PIL import Image, ImageOps

    try:
        with Image.open(io.BytesIO(file.data)) as picture:
            upright = ImageOps.exif_transpose(picture)
            return np.asarray(upright.convert("LA" if upright.mode == "LA" else "RGBA"))
    except (OSError, ValueError, SyntaxError) as error:
        raise ValueError(_unreadable(file)) from error


def _opencv(file: File, flags: int) -> np.ndarray:
    """Return the pixels as OpenCV decodes them, upright: it turns a TIFF itself, whatever the flags."""
    import cv2

    array = _decoded(file, flags | (0 if flags == cv2.IMREAD_UNCHANGED else cv2.IMREAD_IGNORE_ORIENTATION))
    if array is None:
        raise ValueError(_unreadable(file))
    if file.head is None or file.head.kind == "TIFF":
        return array
    return _turned(array, file)


def _decoded(file: File, flags: int) -> np.ndarray | None:
    import cv2

    with _silent():
        try:
            return cv2.imdecode(np.frombuffer(file.data, np.uint8), flags)
        except cv2.error:
            return None


def _turned(array: np.ndarray, file: File) -> np.ndarray:
    """Return an array as stored, turned as EXIF's orientation says.

    Raises:
        ValueError: the head tells of no turn, and OpenCV turns the picture all the same.
    """
    turn = file.orientation
    if turn == 1 and (b"Exif" in file.data or b"eXIf" in file.data) and _opencv_turns(file):
        raise ValueError(f"{file.path}: an orientation tag turns it that is not understood; rewrite it upright")
    if turn >= 5:
        array = array.swapaxes(0, 1)
    rows, columns = _REVERSED[turn]
    return np.ascontiguousarray(array[::rows, ::columns])


# By EXIF's orientation, after rows and columns changed places where it is 5 or more: the directions of the two.
_REVERSED = {
    1: (1, 1), 2: (1, -1), 3: (-1, -1), 4: (-1, 1),
    5: (1, 1), 6: (1, -1), 7: (-1, -1), 8: (-1, 1),
}  # fmt: skip


def _opencv_turns(file: File) -> bool:
    import cv2

    small = cv2.IMREAD_REDUCED_COLOR_8  # an eighth of each side: a JPEG's is decoded in a quarter of the time
    one, other = _decoded(file, small), _decoded(file, small | cv2.IMREAD_IGNORE_ORIENTATION)
    return one is not None and other is not None and not np.array_equal(one, other)


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Keep OpenCV from printing warnings about files that are refused with an error anyway."""
    import cv2

    # OpenCV 4 has this function at the top level, OpenCV 5 in a module; level 0 prints nothing in both.
    set_level = getattr(cv2, "setLogLevel", None) or cv2.utils.logging.setLogLevel
    level = set_level(0)
    try:
        yield
    finally:
        set_level(level)


def _unreadable(file: File) -> str:
    if file.head and file.head.coding:
        return f"{file.path}: a TIFF with {file.head.coding}, which is not read; save it as PNG"
    return f"{file.path}: truncated, damaged, or no picture; copy or save it again as PNG"
