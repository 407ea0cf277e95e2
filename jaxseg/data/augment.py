"""Joint augmentation of an image, its mask and its field of view: one record at a time, on the device, seeded.

Every function here is pure, takes one record and its random numbers, and is traced inside the training step (under
``vmap``). Crops, flips and quarter turns move whole pixels and never interpolate. A frame is the height and width of a
sample. Padding is at the bottom and on the right, so the real content stays at the top left in every augmentation.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from typing import NamedTuple, TypeVar

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Int, Key, UInt8

from jaxseg import checks
from jaxseg.data.records import IGNORE


@dataclasses.dataclass(frozen=True)
class Augment:
    """Which augmentations a training sample may get, by default none; the fields are those of ``data.augment``.

    Attributes:
        flips: mirror top to bottom and left to right, each with probability 1/2.
        quarter_turns: turn by 0, 90, 180 or 270 degrees, each with probability 1/4; the frame must be square.
        foreground: probability that a crop is centred on a foreground pixel, drawn uniformly from the whole image.
        rotate: largest angle in degrees, in both directions.
        scale: the zoom is drawn from [1 - scale, 1 + scale].
        brightness: the shift is drawn from [-brightness, brightness], in fractions of the grey range.
        contrast: the gain about the data set's mean colour is drawn from [1 - contrast, 1 + contrast].
        colour: each channel has a gain of its own, drawn from [1 - colour, 1 + colour], as under other light.
        blur: the standard deviation of a Gaussian blur is drawn from [0, blur], in pixels of the sample.

    Raises:
        ValueError: a number is out of its range.
    """

    flips: bool = False
    quarter_turns: bool = False
    foreground: float = 0.0
    rotate: float = 0.0
    scale: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    colour: float = 0.0
    blur: float = 0.0

    def __post_init__(self):
        limits = {"foreground": 1.0, "rotate": 180.0, "scale": 0.9, "brightness": 1.0, "contrast": 1.0, "colour": 1.0}
        limits["blur"] = 8.0
        for name, limit in limits.items():
            value = getattr(self, name)
            checks.require(0 <= value <= limit, f"data.augment.{name}", value, f"0 to {limit:g}")

    def check(self, frame: tuple[int, int]) -> None:
        """Raise ValueError for a frame (height, width) that these augmentations cannot be applied to."""
        if self.quarter_turns and frame[0] != frame[1]:
            raise ValueError(
                f"data.augment.quarter_turns needs square samples, and these are {frame[0]} x {frame[1]}: "
                "set data.patch_size to a square or switch quarter_turns off"
            )


Tree = TypeVar("Tree")  # a tree of arrays that begin with height and width


class Pixels(NamedTuple):
    """One record or one sample: arrays of one height and width. ``valid`` is False on padding."""

    image: Array  # [height, width, channels] uint8, or float32 grey levels once interpolated or recoloured
    mask: Array  # [height, width] uint8, as ``Record.mask``
    fov: Array | None  # [height, width] uint8, 0 or 1
    valid: Array  # [height, width] bool


class Draws(NamedTuple):
    """The random numbers of one sample, uniform in [0, 1), one for each decision.

    All are drawn, used or not, so switching one augmentation on does not change what the others do.
    """

    y: Array  # the crop's row
    x: Array  # the crop's column
    centred: Array  # whether the crop is centred on a foreground pixel
    pixel: Array  # on which one
    angle: Array
    zoom: Array
    up: Array  # whether to mirror top to bottom
    left: Array  # whether to mirror left to right
    turn: Array  # by how many quarters
    gain: Array  # of contrast
    shift: Array  # of brightness
    blur: Array  # its standard deviation
    light: Array  # the gain of every channel

    @classmethod
    def of(cls, key: Key[Array, ""], channels: int) -> Draws:
        """Return the numbers that a key gives for an image of so many channels."""
        scalars = jax.random.uniform(key, (len(cls._fields) - 2,))
        blur, *light = jax.random.uniform(jax.random.fold_in(key, 1), (1 + channels,))
        return cls._make([*scalars, blur, jnp.stack(light)])


def augmented(
    augment: Augment,
    draws: Draws,
    record: Pixels,
    size: Int[Array, "axes=2"],
    frame: tuple[int, int],
    mean: Float[Array, " channels"],
) -> tuple[Pixels, Int[Array, "axes=2"]]:
    """Return one augmented sample of a record, and the (height, width) of its real content, which is at the top left.

    A pixel that rotation or zoom takes from outside the image shows the image mirrored at its border, and is not valid:
    no loss counts it. Blank ones would be in the batch statistics of training, and in no image that is predicted.

    Args:
        augment: which augmentations.
        draws: the random numbers of this sample.
        record: a record on its canvas, padded at the bottom and on the right.
        size: its real height and width there.
        frame: height and width of the sample.
        mean: the value of each channel, in grey levels, that contrast does not change.
    """
    corner, extent = window(augment.foreground, draws, record.mask, size, frame)
    if augment.rotate or augment.scale:
        # Mirrors and turns are applied to the positions: applied to the pixels, XLA would interpolate them once for
        # each of the alternatives.
        (y, x, real), extent = turned(augment, draws, affine(augment, draws, corner, extent, frame), extent)
        sample = fetched(record, size, y, x, real)
    else:
        sample, extent = turned(augment, draws, cut(record, corner, extent, frame), extent)
    if augment.blur:
        there = inside(extent, frame)
        sample = sample._replace(image=blurred(sample.image, there, draws.blur * augment.blur, augment.blur))
    if augment.brightness or augment.contrast or augment.colour:
        sample = sample._replace(image=recoloured(augment, draws, sample.image, mean))
    return sample, extent


def window(
    foreground: float,
    draws: Draws,
    mask: UInt8[Array, "height width"],
    size: Int[Array, "axes=2"],
    frame: tuple[int, int],
) -> tuple[Int[Array, "axes=2"], Int[Array, "axes=2"]]:
    """Return where a crop begins (y, x), and the (height, width) of the real content in it.

    Crops are uniform over the positions that fit. With probability ``foreground`` a crop is centred on a foreground
    pixel, as far as the image's border allows. Along an axis where the image is smaller than ``frame`` it is taken
    whole.
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
    """Return the foreground pixel (y, x) that ``draw`` in [0, 1) selects, all alike, and whether there is any.

    Foreground is every class but the background. Its pixels are numbered row by row. The number is looked up in the
    cumulative counts of the rows and then in those of one row: cumulative counts over the whole mask take six times as
    long.
    """
    foreground = (mask > 0) & (mask != IGNORE)
    below = jnp.cumsum(foreground.sum(1, dtype=jnp.int32))
    rank = (draw * below[-1]).astype(jnp.int32)
    y = jnp.minimum(jnp.searchsorted(below, rank, side="right"), mask.shape[0] - 1)
    row = foreground[y].astype(jnp.int32)
    x = jnp.searchsorted(jnp.cumsum(row), rank - (below[y] - row.sum()), side="right")
    return jnp.stack([y, x]).astype(jnp.int32), below[-1] > 0


def cut(record: Pixels, corner: Int[Array, "axes=2"], extent: Int[Array, "axes=2"], frame: tuple[int, int]) -> Pixels:
    """Return the crop of a record that begins at ``corner``; pixels beyond ``extent`` are not valid."""

    def cropped(array):
        short = [max(wanted - there, 0) for wanted, there in zip(frame, array.shape[:2], strict=True)]
        array = jnp.pad(array, [(0, short[0]), (0, short[1])] + [(0, 0)] * (array.ndim - 2))
        return lax.dynamic_slice(array, (*corner, *[0] * (array.ndim - 2)), (*frame, *array.shape[2:]))

    sample = jax.tree.map(cropped, record)
    return sample._replace(valid=sample.valid & inside(extent, frame))


def inside(extent: Int[Array, "axes=2"], frame: tuple[int, int]) -> Bool[Array, "height width"]:
    """Return True at the pixels of a frame that are within ``extent``, the (height, width) of its real content."""
    return (jnp.arange(frame[0]) < extent[0])[:, None] & (jnp.arange(frame[1]) < extent[1])[None, :]


def affine(
    augment: Augment, draws: Draws, corner: Int[Array, "axes=2"], extent: Int[Array, "axes=2"], frame: tuple[int, int]
) -> tuple[Float[Array, "height width"], Float[Array, "height width"], Bool[Array, "height width"]]:
    """Return the positions (y, x) in the record of a crop's pixels, rotated and zoomed about the crop's centre.

    Positions may be outside the crop and outside the image. The third array is True within ``extent``.
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
    """Return a record at positions between its pixels: the image bilinear, mask and field of view nearest neighbour.

    Outside, the image goes on as its mirror image; positions more than half a pixel out are not valid, nor are those
    that are not ``real``.
    """

    def folded(place, length):
        place %= 2 * length
        return jnp.minimum(place, 2 * length - 1 - place)

    def at(array, row, column):
        return array[folded(row, size[0]), folded(column, size[1])]

    top, left = jnp.floor(y).astype(jnp.int32), jnp.floor(x).astype(jnp.int32)
    down, right = (y - top)[..., None], (x - left)[..., None]
    taps = [[at(record.image, top + i, left + j).astype(jnp.float32) for j in (0, 1)] for i in (0, 1)]
    upper, lower = (pair[0] * (1 - right) + pair[1] * right for pair in taps)
    row, column = jnp.floor(y + 0.5).astype(jnp.int32), jnp.floor(x + 0.5).astype(jnp.int32)
    valid = real & (row >= 0) & (row < size[0]) & (column >= 0) & (column < size[1])
    mask, fov = jax.tree.map(lambda plane: at(plane, row, column), (record.mask, record.fov))
    return Pixels(upper * (1 - down) + lower * down, mask, fov, valid)


def turned(
    augment: Augment, draws: Draws, sample: Tree, extent: Int[Array, "axes=2"]
) -> tuple[Tree, Int[Array, "axes=2"]]:
    """Return the sample flipped and turned by quarters, as far as ``augment`` allows, and its extent then."""
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
    """Return a square frame with rows and columns swapped, and its extent too; unchanged unless ``really``."""
    sample = jax.tree.map(lambda array: jnp.where(really, array.swapaxes(0, 1), array), sample)
    return sample, jnp.where(really, extent[::-1], extent)


def mirrored(sample: Tree, extent: Int[Array, "axes=2"], axis: int, really: Bool[Array, ""]) -> Tree:
    """Return a frame with its real content mirrored along an axis; unchanged unless ``really``.

    The padding stays at the bottom and on the right.
    """

    def mirror(array):
        flipped = jnp.flip(array, axis)  # brings the padding to the front; the roll sends it back to the end
        return jnp.where(really, jnp.roll(flipped, extent[axis] - array.shape[axis], axis), array)

    return jax.tree.map(mirror, sample)


def recoloured(
    augment: Augment, draws: Draws, image: Array, mean: Float[Array, " channels"]
) -> Float[Array, "height width channels"]:
    """Return the image in other light, with other contrast about the mean colour and brightness, within [0, 255].

    Contrast and brightness change all channels alike, also those that would not change with the light.
    """
    if augment.colour:
        image = image * (1 + (2 * draws.light - 1) * augment.colour)
    gain = 1 + (2 * draws.gain - 1) * augment.contrast
    shift = 255 * (2 * draws.shift - 1) * augment.brightness
    return jnp.clip((image - mean) * gain + mean + shift, 0, 255)


def blurred(
    image: Array, valid: Bool[Array, "height width"], deviation: Float[Array, ""], largest: float
) -> Float[Array, "height width channels"]:
    """Return the image blurred by a Gaussian, cut off at three of its largest deviations.

    Pixels that are not valid have no part in it: a border is blurred with what is inside.

    Args:
        image: [height, width, channels].
        valid: False on padding.
        deviation: of the Gaussian, in pixels.
        largest: that it may have; with it the number of neighbours is known when this is traced.
    """
    reach = math.ceil(3 * largest)
    weights = jnp.exp(-0.5 * (jnp.arange(-reach, reach + 1) / jnp.maximum(deviation, 1e-3)) ** 2)
    real = valid[..., None].astype(jnp.float32)

    def along(array, axis):
        widths = [(reach, reach) if this == axis else (0, 0) for this in range(3)]
        padded = jnp.pad(array, widths)
        length = array.shape[axis]
        taps = (lax.slice_in_dim(padded, k, k + length, axis=axis) * weights[k] for k in range(2 * reach + 1))
        return functools.reduce(jnp.add, taps)

    total, share = (along(along(array, 0), 1) for array in (image * real, real))
    return jnp.where(valid[..., None], total / jnp.where(valid[..., None], share, 1), image)
