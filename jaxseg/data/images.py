"""Reading and writing image files: photographs and masks. Every error names the file and the fix."""

from __future__ import annotations

import contextlib
import struct
import threading
import warnings
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Int64, UInt8, UInt32

from jaxseg import files

# cv2 is imported inside the functions that need it: training reads prepared records, which works without OpenCV.

LOSSLESS = (".png", ".tif", ".tiff", ".gif", ".bmp")
SUFFIXES = (*LOSSLESS, ".jpg", ".jpeg")
MOST_PIXELS = 2**27  # of an image that is read, 11585 x 11585: its prediction takes up to 6 GiB beside the network's
_HEAD = threading.Lock()

Picture = UInt8[np.ndarray, "height width 3"]
Mask = UInt8[np.ndarray, "height width"]


def read_image(path: Path | str, *, turn: bool = True) -> Picture:
    """Return the picture in ``path`` as RGB uint8 [height, width, 3]; grey pictures get three equal channels.

    Args:
        path: a PNG, JPEG, TIFF, GIF or BMP file of 8 bits per channel.
        turn: whether to turn the picture as its EXIF orientation says, as viewers do. False refuses a turned picture:
            its mask has no such tag, and nobody knows whether it was drawn on the picture turned or not.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: truncated, not a picture, several frames, not 8 bits, more than ``MOST_PIXELS``, or turned where
            ``turn`` is False.
    """
    import cv2

    data = _read(path)
    if not turn and (tag := orientation(data)) != 1:
        raise ValueError(
            f"{path}: its EXIF orientation ({tag}) shows it turned, and a mask cannot follow; "
            "rewrite the image upright (mogrify -auto-orient) and check that its mask lies over it"
        )
    image = _decode(path, data, cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
    if image.dtype != np.uint8:
        raise ValueError(f"{path}: holds {image.dtype} pixels; save the image with 8 bits per channel")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def read_size(path: Path | str) -> tuple[int, int] | None:
    """Return height and width of what ``read_image`` gives, from the file's head; None where that tells nothing."""
    with contextlib.suppress(Exception):  # the reader says what is wrong
        return _read_size(path)
    return None


def _read_size(path: Path | str) -> tuple[int, int]:
    from PIL import Image, TiffImagePlugin

    # The filters of warnings are those of all threads.
    with _HEAD, warnings.catch_warnings(action="ignore"), open(path, "rb") as file:
        turned = orientation(file.read(1 << 16)) >= 5
        with Image.open(path) as picture:
            # Some versions of Pillow have turned the size of a TIFF themselves: as stored, its tags have it.
            tiff = isinstance(picture, TiffImagePlugin.TiffImageFile)
            width, height = (picture.tag_v2[256], picture.tag_v2[257]) if tiff else picture.size
            return (width, height) if turned else (height, width)


def read_mask(path: Path | str) -> Mask:
    """Return the grey values of a mask as stored, uint8 [height, width].

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: as ``read_image``; and for a JPEG (compression changes the values), for colours, and for values
            above 255.
    """
    stored = _read_stored(path)
    if stored.ndim == 2:
        return stored
    values = stored[..., 0]
    if not (stored == values[..., None]).all():
        raise ValueError(
            f"{path}: a coloured mask; name the foreground's colours, such as --config.data.labels=\"('#ff0000',)\", "
            "or save a mask of 0 and 255"
        )
    return np.ascontiguousarray(values)


def read_binary(path: Path | str, labels: Sequence[int | str] = ()) -> Mask:
    """Return a mask as {0, 1}, uint8 [height, width].

    Args:
        path: the mask's file.
        labels: the foreground: grey values (int) or colours ("#rrggbb"). Where empty, the file may hold {0, 1} or
            {0, 255}.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: as ``read_mask``; and for other values, which are never rescaled, where there are no labels.
    """
    if labels:
        return np.isin(read_codes(path), [code(label) for label in labels]).astype(np.uint8)
    values = read_mask(path)
    foreground, largest = values != 0, values.max()
    if largest not in (0, 1, 255) or (foreground & (values != largest)).any():
        found = np.flatnonzero(histogram(values))
        listed = ", ".join(map(str, found[:8])) + (f", ... ({len(found)} values)" if len(found) > 8 else "")
        raise ValueError(
            f"{path}: a mask holds only 0 and 1, or only 0 and 255; this one holds {listed}. Save it without "
            "smoothing or rescaling, or name the foreground's values by --config.data.labels"
        )
    return foreground.astype(np.uint8)


def read_codes(path: Path | str) -> UInt32[np.ndarray, "height width"]:
    """Return a mask as stored, the ``code`` of every pixel; a file of grey values is one of grey colours.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: as ``read_mask``, except that colours are read.
    """
    stored = _read_stored(path)
    if stored.ndim == 2:
        return stored.astype(np.uint32) * 0x010101
    red, green, blue = (stored[..., channel].astype(np.uint32) for channel in range(3))
    return red << 16 | green << 8 | blue


def code(label: int | str) -> int:
    """Return 0xrrggbb of a colour "#rrggbb" or a grey value."""
    return int(label[1:], 16) if isinstance(label, str) else label * 0x010101


def check_labels(setting: str, labels: Sequence[object]) -> None:
    """Raise ValueError, naming the ``setting``, unless every label is a grey value 0..255 or a colour ``#rrggbb``."""
    for label in labels:
        if isinstance(label, str) and label.startswith("#") and len(label) == 7:
            with contextlib.suppress(ValueError):
                bytes.fromhex(label[1:])
                continue
        elif isinstance(label, int) and not isinstance(label, bool) and 0 <= label <= 255:
            continue
        raise ValueError(f"{setting} holds {label!r}; each is a grey value 0..255 or a colour such as '#ff0000'")


def histogram(pixels: UInt8[np.ndarray, "height width *colours"], channel: int = 0) -> Int64[np.ndarray, " values"]:
    """Return how often each of the 256 values occurs in a channel."""
    import cv2

    total = np.zeros(256, np.int64)
    rows = max(1, 2**24 // pixels.shape[1])  # OpenCV counts in float32, which is exact up to 2^24
    for row in range(0, pixels.shape[0], rows):
        counts = cv2.calcHist([pixels[row : row + rows]], [channel], None, [256], [0, 256])
        total += counts.reshape(256).astype(np.int64)  # OpenCV 4 gives a column
    return total


def write_png(path: Path | str, array: np.ndarray) -> None:
    """Write RGB uint8 [height, width, 3], grey uint8 or grey uint16 [height, width] as a PNG file.

    Raises OSError where the file cannot be written.
    """
    files.write(path, encode_png(array))


def encode_png(array: np.ndarray) -> bytes:
    """Return the bytes of a PNG file with an array, as ``write_png`` takes it.

    Each row is stored as its difference from the one above, and of that runs alone are sought: a third to a half of the
    time that a search for longer matches takes, for files of about the same size.

    Raises:
        ValueError: OpenCV cannot write such an array.
    """
    import cv2

    pixels = cv2.cvtColor(array, cv2.COLOR_RGB2BGR) if array.ndim == 3 else array
    options = {
        cv2.IMWRITE_PNG_COMPRESSION: 1,
        cv2.IMWRITE_PNG_STRATEGY: cv2.IMWRITE_PNG_STRATEGY_RLE,
        cv2.IMWRITE_PNG_FILTER: cv2.IMWRITE_PNG_FILTER_UP,
    }
    done, data = cv2.imencode(".png", pixels, [number for option in options.items() for number in option])
    if not done:
        raise ValueError(f"an array {array.shape} of {array.dtype} cannot be a PNG")
    return data.tobytes()


def orientation(data: bytes) -> int:
    """Return the orientation, 1 (upright) to 8, that a JPEG's or PNG's EXIF block or a TIFF's header asks for."""
    for marker in (b"Exif\x00\x00", b"eXIf"):
        start = data.find(marker, 0, 1 << 16)
        if start >= 0:
            data = data[start + len(marker) :]
            break
    order = {b"II*\x00": "<", b"MM\x00*": ">"}.get(data[:4])
    if order is None:
        return 1
    with contextlib.suppress(struct.error):
        (at,) = struct.unpack_from(order + "I", data, 4)
        (count,) = struct.unpack_from(order + "H", data, at)
        for entry in range(at + 2, at + 2 + 12 * count, 12):
            tag, _, _, value = struct.unpack_from(order + "HHIH", data, entry)
            if tag == 0x0112:
                return value if 1 <= value <= 8 else 1
    return 1


def _read(path: Path | str) -> bytes:
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
    _require_few_pixels(path)
    return data


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


def _require_few_pixels(path: Path) -> None:
    """Refuse by its head what would take the memory of everything else once it is decoded."""
    from PIL import Image

    size = "more"
    try:
        height, width = _read_size(path)
        if height * width <= MOST_PIXELS:
            return
        size = f"{width} x {height}"
    except Image.DecompressionBombError:  # Pillow's own limit, above ours
        pass
    except Exception:  # the decoder says what is wrong
        return
    raise ValueError(
        f"{path}: {size} pixels, and {MOST_PIXELS:,} at most are read; cut it in parts, or save it smaller"
    )


def _decode(path: Path | str, data: bytes, flags: int) -> np.ndarray:
    import cv2

    with _silent():
        try:
            array = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
        except cv2.error:
            array = None
        frames = cv2.imcount(str(path)) if data[:3] in (b"II*", b"MM\x00", b"GIF") else 1
    if array is None:
        raise ValueError(f"{path}: truncated, damaged, or no picture; copy or save it again as PNG")
    if frames > 1:
        raise ValueError(f"{path}: holds {frames} frames; save the one that is meant")
    return array


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


def _read_stored(path: Path | str) -> UInt8[np.ndarray, "height width *colours"]:
    """Return a mask as stored: grey values, or RGB where the file has colours (which may all be grey)."""
    import cv2

    data = _read(path)
    if data[:3] == b"\xff\xd8\xff":
        raise ValueError(f"{path}: a JPEG; compression changes a mask's values: export the mask again as PNG")
    if orientation(data) != 1:
        raise ValueError(f"{path}: a mask with an orientation tag; rewrite it upright (mogrify -auto-orient)")
    stored = _decode(path, data, cv2.IMREAD_UNCHANGED)
    if stored.dtype != np.uint8:
        if stored.min() < 0 or stored.max() > 255 or (stored != np.floor(stored)).any():
            raise ValueError(
                f"{path}: holds {stored.dtype} values from {stored.min()} to {stored.max()}; save a mask of 0 and 255"
            )
        stored = stored.astype(np.uint8)
    if stored.ndim == 2:
        return stored
    if stored.shape[-1] == 4 and (stored[..., 3] != stored[0, 0, 3]).any():
        raise ValueError(f"{path}: a mask with transparency; save it without the alpha channel")
    return stored[..., 2::-1]
