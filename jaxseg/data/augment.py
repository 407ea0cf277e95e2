"""Joint augmentation of an image, its mask and its field of view: one record at a time, on the device, seeded.

Every function here is pure, takes one record and its draws, and is traced inside the training step (under ``vmap``).
Where a step only moves whole pixels (crop, flips, quarter turns) nothing is interpolated: the bytes are the record's.
Frames are padded at the bottom and on the right, so real content stays at the top left whatever happens to it.
"""

from __future__ import annotations

import dataclasses
import math
from typing import NamedTuple, TypeVar

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Int, Key, UInt8


@dataclasses.dataclass(frozen=True)
class Augment:
    """What may happen to a training sample; the default is nothing. The fields are those of ``data.augment``.

    Raises ValueError where a number is out of its range.

    Attributes:
        flips: mirror top to bottom and left to right, each with probability 1/2.
        quarter_turns: turn by 0, 90, 180 or 270 degrees, each with probability 1/4; the frame must be square.
        foreground: probability that a crop is centred on a foreground pixel, drawn uniformly from the whole image.
        rotate: largest angle in degrees, either way round.
        scale: the zoom is drawn from [1 - scale, 1 + scale].
        brightness: the shift is drawn from [-brightness, brightness], in fractions of the grey range.
        contrast: the gain about the data set's mean colour is drawn from [1 - contrast, 1 + contrast].

    """

    flips: bool = False
    quarter_turns: bool = False
    foreground: float = 0.0
    rotate: float = 0.0
    scale: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0

    def __post_init__(self):
        limits = {"foreground": 1.0, "rotate": 180.0, "scale": 0.9, "brightness": 1.0, "contrast": 1.0}
        for name, limit in limits.items():
            value = getattr(self, name)
            if not 0 <= value <= limit:
                raise ValueError(f"augment.{name} is {value}; it must lie in [0, {limit:g}]")

    def check(self, frame: tuple[int, int]) -> None:
        """Refuse a frame (height, width) that these augmentations cannot work on."""
        if self.quarter_turns and frame[0] != frame[1]:
            raise ValueError(
                f"data.augment.quarter_turns needs square samples, and these are {frame[0]} x {frame[1]}: "
                "set data.patch_size to a square or switch quarter_turns off"
            )


Tree = TypeVar("Tree")  # a tree of arrays that begin with height and width


class Pixels(NamedTuple):
    """One record or one sample: arrays that share their first two axes. ``valid`` marks real pixels."""

    image: Array  # [height, width, 3] uint8, or float32 grey levels once interpolated or recoloured
    mask: Array  # [height, width] uint8, 0 or 1
    fov: Array  # [height, width] uint8, 0 or 1
    valid: Array  # [height, width] bool


class Draws(NamedTuple):
    """The chance in one sample: numbers in [0, 1), each with its own meaning.

    All are drawn at once and whether used or not, so switching one augmentation on leaves the others as they were.
    """

    y: Array  # the crop's row
    x: Array  # the crop's column
    centred: Array  # whether the crop is centred on the foreground
    pixel: Array  # on which of its pixels
    angle: Array
    zoom: Array
    up: Array  # whether to mirror top to bottom
    left: Array  # whether to mirror left to right
    turn: Array  # by how many quarters
    gain: Array  # of contrast
    shift: Array  # of brightness

    @classmethod
    def of(cls, key: Key[Array, ""]) -> Draws:
        """Draw all numbers from one key."""
        return cls(*jax.random.uniform(key, (len(cls._fields),)))


def augmented(
    augment: Augment,
    draws: Draws,
    record: Pixels,
    size: Int[Array, "axes=2"],
    frame: tuple[int, int],
    mean: Float[Array, "channels=3"],
) -> tuple[Pixels, Int[Array, "axes=2"]]:
    """Make one sample of ``frame`` (height, width) from a record whose real content is ``size``, padded to its canvas.

    Returns the sample and the height and width of its real content, which lies at the top left. ``mean`` is the
    colour, in grey levels, that contrast leaves alone. A pixel that an affine map fetched from beyond the image is
    not valid.
    """
    corner, extent = window(augment.foreground, draws, record.mask, size, frame)
    if augment.rotate or augment.scale:
        # The mirrors move positions, not pixels: XLA would fetch each pixel anew for every mirror image of it.
        (y, x, real), extent = turned(augment, draws, affine(augment, draws, corner, extent, frame), extent)
        sample = fetched(record, size, y, x, real)
    else:
        sample, extent = turned(augment, draws, cut(record, corner, extent, frame), extent)
    if augment.brightness or augment.contrast:
        sample = sample._replace(image=recoloured(augment, draws, sample.image, mean))
    return sample, extent


def window(
    foreground: float,
    draws: Draws,
    mask: UInt8[Array, "height width"],
    size: Int[Array, "axes=2"],
    frame: tuple[int, int],
) -> tuple[Int[Array, "axes=2"], Int[Array, "axes=2"]]:
    """Place a frame within the real content: its corner (y, x), and its extent (height, width) there.

    Uniform over the positions that fit; with probability ``foreground`` centred, as far as the image's border allows,
    on a foreground pixel. An image smaller than the frame is taken whole.
    """
    room = jnp.maximum(size - jnp.array(frame), 0)
    corner = (jnp.stack([draws.y, draws.x]) * (room + 1)).astype(jnp.int32)
    if foreground:
        pixel, exists = foreground_pixel(draws.pixel, mask)
        centred = jnp.clip(pixel - jnp.array(frame) // 2, 0, room)
        corner = jnp.where(exists & (draws.centred < foreground), centred, corner)
    return corner, jnp.minimum(size, jnp.array(frame))


def foreground_pixel(
    draw: Float[Array, ""], mask: UInt8[Array, "height width"]
) -> tuple[Int[Array, "axes=2"], Bool[Array, ""]]:
    """Pick a foreground pixel (y, x), uniformly as ``draw`` is in [0, 1); the second value says whether there is any.

    The pixel's rank is looked up among the running counts of the rows, then within its row: a running count over the
    whole mask gives the same pixel and costs six times as much.
    """
    below = jnp.cumsum(mask.sum(1, dtype=jnp.int32))
    rank = (draw * below[-1]).astype(jnp.int32)
    y = jnp.minimum(jnp.searchsorted(below, rank, side="right"), mask.shape[0] - 1)
    row = mask[y].astype(jnp.int32)
    x = jnp.searchsorted(jnp.cumsum(row), rank - (below[y] - row.sum()), side="right")
    return jnp.stack([y, x]).astype(jnp.int32), below[-1] > 0


def cut(record: Pixels, corner: Int[Array, "axes=2"], extent: Int[Array, "axes=2"], frame: tuple[int, int]) -> Pixels:
    """Cut a frame out of a record without touching its values; beyond ``extent`` it is not valid."""

    def cropped(array):
        short = [max(wanted - there, 0) for wanted, there in zip(frame, array.shape[:2], strict=True)]
        array = jnp.pad(array, [(0, short[0]), (0, short[1])] + [(0, 0)] * (array.ndim - 2))
        return lax.dynamic_slice(array, (*corner, *[0] * (array.ndim - 2)), (*frame, *array.shape[2:]))

    sample = jax.tree.map(cropped, record)
    return sample._replace(valid=sample.valid & inside(extent, frame))


def inside(extent: Int[Array, "axes=2"], frame: tuple[int, int]) -> Bool[Array, "height width"]:
    """Mark the pixels of a frame that lie within the height and width of its real content."""
    return (jnp.arange(frame[0]) < extent[0])[:, None] & (jnp.arange(frame[1]) < extent[1])[None, :]


def affine(
    augment: Augment, draws: Draws, corner: Int[Array, "axes=2"], extent: Int[Array, "axes=2"], frame: tuple[int, int]
) -> tuple[Float[Array, "height width"], Float[Array, "height width"], Bool[Array, "height width"]]:
    """Turn and zoom a window about its centre: where in the record (y, x) each of its pixels comes from.

    The third value marks the pixels within ``extent``. Positions may lie beyond the window and beyond the image.
    """
    angle = (2 * draws.angle - 1) * math.radians(augment.rotate)
    zoom = 1 + (2 * draws.zoom - 1) * augment.scale
    centre = (extent - 1) / 2
    dy, dx = jnp.arange(frame[0])[:, None] - centre[0], jnp.arange(frame[1])[None, :] - centre[1]
    y = corner[0] + centre[0] + (dy * jnp.cos(angle) - dx * jnp.sin(angle)) / zoom
    x = corner[1] + centre[1] + (dy * jnp.sin(angle) + dx * jnp.cos(angle)) / zoom
    return y, x, inside(extent, frame)


def fetched(
    record: Pixels,
    size: Int[Array, "axes=2"],
    y: Float[Array, "height width"],
    x: Float[Array, "height width"],
    real: Bool[Array, "height width"],
) -> Pixels:
    """Fetch a record's pixels at positions between its own: image bilinear, mask and field of view the nearest.

    The image's border is repeated for half a pixel; what lies further out is not valid, and neither is what is not
    ``real``.
    """

    def at(array, row, column):
        return array[jnp.clip(row, 0, size[0] - 1), jnp.clip(column, 0, size[1] - 1)]

    top, left = jnp.floor(y).astype(jnp.int32), jnp.floor(x).astype(jnp.int32)
    down, right = (y - top)[..., None], (x - left)[..., None]
    taps = [[at(record.image, top + i, left + j).astype(jnp.float32) for j in (0, 1)] for i in (0, 1)]
    upper, lower = (pair[0] * (1 - right) + pair[1] * right for pair in taps)
    row, column = jnp.floor(y + 0.5).astype(jnp.int32), jnp.floor(x + 0.5).astype(jnp.int32)
    valid = real & (row >= 0) & (row < size[0]) & (column >= 0) & (column < size[1])
    return Pixels(upper * (1 - down) + lower * down, at(record.mask, row, column), at(record.fov, row, column), valid)


def turned(
    augment: Augment, draws: Draws, sample: Tree, extent: Int[Array, "axes=2"]
) -> tuple[Tree, Int[Array, "axes=2"]]:
    """Apply one of the eight symmetries of the square (or of those allowed) within the real content."""
    up = left = jnp.zeros((), bool)
    if augment.flips:
        up, left = draws.up < 0.5, draws.left < 0.5
    if augment.quarter_turns:
        turns = (draws.turn * 4).astype(jnp.int32)
        sample, extent = transposed(sample, extent, turns % 2 == 1)
        # A quarter turn is a transposition and one mirror; a half turn is both mirrors.
        up, left = up ^ ((turns == 1) | (turns == 2)), left ^ (turns >= 2)
    if augment.flips or augment.quarter_turns:
        sample = mirrored(sample, extent, 0, up)
        sample = mirrored(sample, extent, 1, left)
    return sample, extent


def transposed(
    sample: Tree, extent: Int[Array, "axes=2"], really: Bool[Array, ""]
) -> tuple[Tree, Int[Array, "axes=2"]]:
    """Swap rows and columns of a square frame, content and extent alike, where ``really``."""
    sample = jax.tree.map(lambda array: jnp.where(really, array.swapaxes(0, 1), array), sample)
    return sample, jnp.where(really, extent[::-1], extent)


def mirrored(sample: Tree, extent: Int[Array, "axes=2"], axis: int, really: Bool[Array, ""]) -> Tree:
    """Mirror the real content along an axis where ``really``; the padding stays at the bottom and on the right."""

    def mirror(array):
        flipped = jnp.flip(array, axis)  # brings the padding to the front; the roll sends it back to the end
        return jnp.where(really, jnp.roll(flipped, extent[axis] - array.shape[axis], axis), array)

    return jax.tree.map(mirror, sample)


def recoloured(
    augment: Augment, draws: Draws, image: Array, mean: Float[Array, "channels=3"]
) -> Float[Array, "height width 3"]:
    """Change contrast about the mean colour and brightness; clip to the range that an 8-bit image has."""
    gain = 1 + (2 * draws.gain - 1) * augment.contrast
    shift = 255 * (2 * draws.shift - 1) * augment.brightness
    return jnp.clip((image - mean) * gain + mean + shift, 0, 255)
