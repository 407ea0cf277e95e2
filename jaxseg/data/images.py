"""Reading and writing image files: photographs and masks. Every error names the file and the fix."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int64, UInt8, UInt32

from jaxseg import checks, files
from jaxseg.data import decode, heads

# cv2 is imported inside the functions that need it: training reads prepared records, which works without OpenCV.

LOSSLESS = (".png", ".tif", ".tiff", ".gif", ".bmp", ".ppm", ".pgm", ".pbm", ".webp")
SUFFIXES = (*LOSSLESS, ".jpg", ".jpeg")

Picture = UInt8[np.ndarray, "height width 3"]
Mask = UInt8[np.ndarray, "height width"]


def read_image(path: Path | str, window: Sequence[int | float] = ()) -> Picture:
    """Return the picture in ``path`` as RGB uint8 [height, width, 3], turned as viewers show it.

    Grey pictures get three equal channels; an alpha channel is dropped, and colours are not multiplied by it.

    Args:
        path: a picture in one of the formats of ``SUFFIXES``.
        window: (low, high) grey values of a picture of 16 bits a channel that become 0 and 255, linearly, those
            beyond them cut; () refuses such pictures. One of 8 bits is returned as it is.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: truncated, not a picture, several frames, more than ``decode.MOST_PIXELS``, of another kind of
            numbers, or of 16 bits without a window.
    """
    image = decode.colours(decode.whole(path))
    if image.dtype == np.uint8:
        return image
    if image.dtype != np.uint16:
        raise ValueError(f"{path}: holds {image.dtype} pixels; save the image with 8 bits per channel")
    if not window:
        raise ValueError(
            f"{path}: holds uint16 pixels from {image.min()} to {image.max()}; train with data.window, the values that "
            "are black and white, as in (0, 4095), or save the image with 8 bits per channel"
        )
    low, high = window
    return np.rint(np.clip((image.astype(np.float32) - low) * (255 / (high - low)), 0, 255)).astype(np.uint8)


def check_window(window: Sequence[Any]) -> None:
    """Raise ValueError unless ``data.window`` is (low, high), low below high, or ()."""
    numbers = all(isinstance(one, int | float) and math.isfinite(one) for one in window)
    fine = not window or (numbers and len(window) == 2 and window[0] < window[1])
    checks.require(fine, "data.window", window, "(low, high), the grey values that become black and white, or ()")


def is_picture(path: Path) -> bool:
    """Return whether a file has the suffix of a picture, ``.gz`` behind it or not, and is not hidden."""
    return path.name.lower().removesuffix(".gz").endswith(SUFFIXES) and not path.name.startswith(".") and path.is_file()


def passed_over(folder: Path) -> str:
    """Return a line on what lies in a folder beside pictures and hidden files, or "" where nothing does."""
    found = sorted(path for path in folder.iterdir() if not path.name.startswith(".") and not is_picture(path))
    named = ", ".join(f"{path.name}/" if path.is_dir() else path.name for path in found[:3])
    more = ", ..." if len(found) > 3 else ""
    return f"{folder}: {len(found)} other files passed over ({named}{more})" if found else ""


def stem(path: Path) -> str:
    """Return a picture's name without its suffixes."""
    return Path(path.name.removesuffix(".gz")).stem


def read_size(path: Path | str) -> tuple[int, int] | None:
    """Return height and width of what ``read_image`` gives, from the file's head; None where that tells nothing."""
    with contextlib.suppress(Exception):  # the reader says what is wrong
        head = heads.read(path)
        return head.size if head else None
    return None


def orientation(path: Path | str) -> int:
    """Return EXIF's number of the turn with which viewers show a picture: 1, upright, to 8."""
    with contextlib.suppress(Exception):  # the reader says what is wrong
        head = heads.read(path)
        return head.orientation if head else 1
    return 1


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


def _read_stored(path: Path | str) -> UInt8[np.ndarray, "height width *colours"]:
    """Return a mask as stored: grey values, or RGB where the file has colours (which may all be grey)."""
    file = decode.whole(path)
    if file.jpeg or (file.head and file.head.lossy):
        kind = "a JPEG" if file.jpeg else f"a {file.head.kind} with lossy compression" if file.head else ""
        raise ValueError(f"{path}: {kind}; compression changes a mask's values: export the mask again as PNG")
    stored = decode.stored(file)
    if stored.dtype != np.uint8:
        if stored.min() < 0 or stored.max() > 255 or (stored != np.floor(stored)).any():
            raise ValueError(
                f"{path}: holds {stored.dtype} values from {stored.min()} to {stored.max()}; save a mask of 0 and 255"
            )
        stored = stored.astype(np.uint8)
    if stored.ndim == 2:
        return stored
    if stored.shape[-1] == 4 and (stored[..., 3] != stored[0, 0, 3]).any():
        if (stored[..., :3] == stored[0, 0, :3]).all():
            raise ValueError(
                f"{path}: the mask lies in its alpha channel; save that channel as a grey PNG "
                "(magick mask.png -alpha extract grey.png)"
            )
        raise ValueError(f"{path}: a mask with transparency; save it without the alpha channel")
    return stored[..., :3]
