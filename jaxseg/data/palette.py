"""Classes in pictures: a colour for each, index masks, and a legend."""

from __future__ import annotations

import colorsys
import io
from collections.abc import Sequence

import numpy as np
from jaxtyping import UInt8

from jaxseg.data.images import Mask, Picture

# Colours that colour-blind readers can tell apart (Okabe and Ito, 2008), first those that stand out from a retina.
_OKABE_ITO = (
    (86, 180, 233),
    (240, 228, 66),
    (0, 158, 115),
    (204, 121, 167),
    (230, 159, 0),
    (0, 114, 178),
    (213, 94, 0),
)
_GOLDEN = 0.618034  # of the colour wheel between one colour and the next: further ones differ, if not by much
_LINE = 22  # height of a line of a legend, pixels
_GAP = 8


def colours(number: int) -> UInt8[np.ndarray, "classes 3"]:
    """Return the RGB colours of classes 1, 2, ...; each stays the same whatever their number."""
    more = [
        colorsys.hsv_to_rgb(k * _GOLDEN % 1, 0.55 + 0.4 * (k % 2), 0.95 - 0.3 * (k % 3 == 2)) for k in range(number)
    ]
    listed = [*_OKABE_ITO, *(tuple(round(255 * part) for part in rgb) for rgb in more)]
    return np.array(listed[:number], np.uint8).reshape(number, 3)


def encode_index_png(mask: Mask, number: int) -> bytes:
    """Return the bytes of a PNG file with a mask of a ``number`` of classes: its palette are their colours."""
    from PIL import Image

    picture = Image.fromarray(mask)
    picture.putpalette(np.concatenate([np.zeros((1, 3), np.uint8), colours(number)]).tobytes())
    data = io.BytesIO()
    picture.save(data, "PNG", compress_type=3)  # zlib's Z_RLE: runs alone are sought, in half the time
    return data.getvalue()


def with_legend(picture: Picture, names: Sequence[str]) -> UInt8[np.ndarray, "rows columns 3"]:
    """Return a picture with a strip below that names the colours of the classes, in as many lines as its width needs.

    A picture that is narrower than the longest name gets black at its right.
    """
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.load_default(size=14)
    lengths = [_LINE + round(font.getlength(name)) + _GAP for name in names]  # of each chip, name and gap
    picture = np.pad(picture, ((0, 0), (0, max(_GAP + max(lengths) - picture.shape[1], 0)), (0, 0)))
    width = picture.shape[1]
    places, x, y = [], _GAP, 0
    for length in lengths:
        if x + length > width and x > _GAP:
            x, y = _GAP, y + _LINE
        places.append((x, y))
        x += length
    strip = Image.new("RGB", (width, y + _LINE), "black")
    draw = ImageDraw.Draw(strip)
    for (left, top), name, colour in zip(places, names, colours(len(names)).tolist(), strict=True):
        draw.rectangle((left, top + 4, left + 13, top + 17), fill=tuple(colour))
        draw.text((left + _LINE - 2, top + _LINE // 2), name, fill="white", font=font, anchor="lm")
    return np.concatenate([picture, np.asarray(strip)])
