"""Every augmentation against NumPy on records whose pixels carry their own coordinates."""

import functools
import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxseg.data import augment as aug
from jaxseg.data.augment import Augment, Draws, Pixels
from jaxseg.data.records import IGNORE

CANVAS = (14, 18)
STILL = Draws(*[0.5] * len(Draws._fields))._replace(up=1.0, left=1.0, turn=0.0)  # moves nothing, changes no colour
MEAN = np.array([100.0, 60.0, 20.0], np.float32)
share = st.floats(0, 1, exclude_max=True, width=16)


def record(size: tuple[int, int] = CANVAS) -> Pixels:
    """Return a record whose image is (row, column, 7) and whose masks are patterns of row and column."""
    rows, columns = np.mgrid[: CANVAS[0], : CANVAS[1]]
    real = (rows < size[0]) & (columns < size[1])
    image = np.stack([rows, columns, np.full(CANVAS, 7)], -1)
    mask, fov = (rows * 7 + columns * 3) % 5 == 0, (rows + 2 * columns) % 3 > 0
    return Pixels(
        *((array * real.reshape(*CANVAS, *[1] * (array.ndim - 2))).astype(np.uint8) for array in (image, mask, fov)),
        real,
    )


@functools.cache
def compiled(augment: Augment, frame: tuple[int, int]):
    return jax.jit(lambda draws, pixels, size: aug.augmented(augment, draws, pixels, size, frame, jnp.asarray(MEAN)))


def run(augment, draws, size=CANVAS, frame=CANVAS, pixels=None):
    pixels = record(size) if pixels is None else pixels
    sample, extent = compiled(augment, frame)(Draws(*map(jnp.float32, draws)), pixels, np.array(size, np.int32))
    return jax.tree.map(np.asarray, sample), tuple(extent.tolist())


def assert_masks_follow_the_image(sample: Pixels):
    """Where a sample is valid, its masks are the patterns at the coordinates that its image states."""
    rows, columns = sample.image[..., 0].astype(int), sample.image[..., 1].astype(int)
    whole = record()
    np.testing.assert_array_equal(sample.mask[sample.valid], whole.mask[rows, columns][sample.valid])
    np.testing.assert_array_equal(sample.fov[sample.valid], whole.fov[rows, columns][sample.valid])


def test_without_augmentation_a_sample_is_the_record():
    sample, extent = run(Augment(), STILL)
    assert extent == CANVAS
    jax.tree.map(np.testing.assert_array_equal, sample, record())
    assert sample.image.dtype == np.uint8


@settings(max_examples=40)
@given(st.integers(1, 14), st.integers(1, 18), share, share)
def test_a_crop_is_the_slice_at_its_corner(height, width, y, x):
    frame = (9, 20)  # taller images are cropped, none is wide enough
    sample, extent = run(Augment(), STILL._replace(y=y, x=x), (height, width), frame)
    room = max(height - frame[0], 0)
    top = math.floor(np.float32(y) * np.float32(room + 1))
    assert extent == (min(height, frame[0]), min(width, frame[1]))
    expected = np.zeros((*frame, 3), np.uint8)
    expected[: extent[0], : extent[1]] = record((height, width)).image[top : top + extent[0], : extent[1]]
    np.testing.assert_array_equal(sample.image * sample.valid[..., None], expected)
    np.testing.assert_array_equal(sample.valid, np.outer(np.arange(9) < extent[0], np.arange(20) < extent[1]))
    assert_masks_follow_the_image(sample)


def test_crops_are_uniform_over_all_positions():
    frame, n = (11, 16), 1200  # 4 x 3 positions
    keys = jax.random.split(jax.random.key(0), n)
    place = jax.jit(
        jax.vmap(
            lambda key: aug.window(0.0, Draws.of(key, 3), jnp.zeros(CANVAS, jnp.uint8), jnp.array(CANVAS), frame)[0]
        )
    )
    places, counts = np.unique(place(keys), axis=0, return_counts=True)
    assert places.tolist() == [[y, x] for y in range(4) for x in range(3)]
    expected = n / 12
    assert ((counts - expected) ** 2 / expected).sum() < 31.3  # chi-square with 11 degrees of freedom at p = .001


def test_every_foreground_pixel_is_drawn_by_its_own_share_of_the_draws():
    pick = jax.jit(jax.vmap(aug.foreground_pixel, (0, None)))
    for density in (0.02, 0.5, 1.0):
        mask = (np.random.default_rng(0).random(CANVAS) < density).astype(np.uint8)
        mask[0, 0] = mask[-1, -1] = 1
        mask *= np.random.default_rng(1).integers(1, 4, CANVAS, np.uint8)  # of three classes
        wanted = np.argwhere(mask)
        mask[(mask == 0) & (np.random.default_rng(2).random(CANVAS) < 0.3)] = IGNORE
        ranks = np.resize(np.arange(len(wanted)), mask.size)
        for within in (1e-3, 0.999):
            pixels, exists = pick(jnp.float32((ranks + within) / len(wanted)), jnp.asarray(mask))
            assert exists.all()
            np.testing.assert_array_equal(pixels, wanted[ranks])


@settings(max_examples=25)
@given(st.integers(0, 13), st.integers(0, 17), share)
def test_a_crop_centred_on_a_pixel_contains_it(row, column, chance):
    whole = record()
    one = whole._replace(mask=np.zeros_like(whole.mask))
    one.mask[row, column] = 1
    sample, _ = run(Augment(foreground=1.0), STILL._replace(pixel=chance), frame=(7, 5), pixels=one)
    assert sample.mask.sum() == 1
    (y,), (x,) = np.nonzero(sample.mask)
    # Away from the border the pixel is the centre; at the border the window stops.
    assert y == (row if row < 3 else 6 - (13 - row) if row > 10 else 3)
    assert x == (column if column < 2 else 4 - (17 - column) if column > 15 else 2)


def test_the_foreground_is_chosen_with_its_probability_and_not_where_there_is_none():
    augment, frame, empty = Augment(foreground=0.3), (7, 5), record()._replace(mask=np.zeros(CANVAS, np.uint8))
    corner = STILL._replace(y=0.0, x=0.0, pixel=0.999)  # uniform: the first corner; centred: the last foreground pixel
    assert run(augment, corner._replace(centred=0.31), frame=frame)[0].image[0, 0].tolist() == [0, 0, 7]
    assert run(augment, corner._replace(centred=0.29), frame=frame)[0].image[0, 0].tolist() != [0, 0, 7]
    assert run(augment, corner._replace(centred=0.29), frame=frame, pixels=empty)[0].image[0, 0].tolist() == [0, 0, 7]


@pytest.mark.parametrize(("turns", "up", "left"), list(itertools.product(range(4), (0, 1), (0, 1))))
@pytest.mark.parametrize("size", [(12, 12), (5, 9)])
def test_flips_and_turns_are_those_of_numpy_within_the_real_content(turns, up, left, size):
    draws = STILL._replace(turn=turns / 4, up=0.0 if up else 0.9, left=0.0 if left else 0.9)
    sample, extent = run(Augment(flips=True, quarter_turns=True), draws, size, (12, 12))
    expected = np.rot90(record().image[: size[0], : size[1]], turns)
    expected = expected[:: -1 if up else 1, :: -1 if left else 1]
    assert extent == expected.shape[:2]
    np.testing.assert_array_equal(sample.image[: extent[0], : extent[1]], expected)
    np.testing.assert_array_equal(sample.valid, np.outer(np.arange(12) < extent[0], np.arange(12) < extent[1]))
    assert_masks_follow_the_image(sample)


def test_a_mirror_is_its_own_inverse():
    mirror = jax.jit(
        lambda sample, axis: aug.mirrored(sample, jnp.array([5, 9]), axis, jnp.array(True)), static_argnums=1
    )
    for axis in (0, 1):
        once = mirror(record((5, 9)), axis)
        assert not np.array_equal(once.image, record((5, 9)).image)
        jax.tree.map(np.testing.assert_array_equal, mirror(once, axis), record((5, 9)))


def affine_by_hand(pixels, size, corner, extent, frame, angle, zoom):
    """The affine map in float64, pixel by pixel, of an image that is mirrored around: (image, mask, fov, valid)."""
    whole = np.pad(pixels.image[: size[0], : size[1]], [(60, 60), (60, 60), (0, 0)], mode="symmetric")
    image, masks, valid = np.zeros((*frame, 3)), np.zeros((2, *frame), int), np.zeros(frame, bool)
    centre = [(side - 1) / 2 for side in extent]
    for i, j in np.ndindex(*extent):
        dy, dx = (i - centre[0]) / zoom, (j - centre[1]) / zoom
        y = corner[0] + centre[0] + math.cos(angle) * dy - math.sin(angle) * dx
        x = corner[1] + centre[1] + math.sin(angle) * dy + math.cos(angle) * dx
        for a, b in itertools.product((0, 1), (0, 1)):
            row, column = math.floor(y) + a, math.floor(x) + b
            weight = (1 - abs(y - row)) * (1 - abs(x - column))
            image[i, j] += weight * whole[row + 60, column + 60]
        if -0.5 <= y < size[0] - 0.5 and -0.5 <= x < size[1] - 0.5:
            valid[i, j] = True
            nearest = math.floor(y + 0.5), math.floor(x + 0.5)
            masks[:, i, j] = pixels.mask[nearest], pixels.fov[nearest]
    return image, *masks, valid


@settings(max_examples=25)
@given(st.integers(3, 14), st.integers(3, 18), share, share, share, share)
def test_affine_maps_are_those_of_a_loop(height, width, y, x, angle, zoom):
    size, frame = (height, width), (8, 11)
    draws = STILL._replace(y=y, x=x, angle=angle, zoom=zoom)
    # Random values: on a ramp a wrong tap could go unseen.
    pixels = record(size)._replace(image=np.random.default_rng(1).integers(0, 256, (*CANVAS, 3), np.uint8))
    sample, extent = run(Augment(rotate=40.0, scale=0.3), draws, size, frame, pixels)
    room = [max(side - wanted, 0) for side, wanted in zip(size, frame, strict=True)]
    corner = [math.floor(np.float32(draw) * np.float32(r + 1)) for draw, r in zip((y, x), room, strict=True)]
    turned, zoomed = math.radians(40) * (2 * angle - 1), 1 + 0.3 * (2 * zoom - 1)
    image, mask, fov, valid = affine_by_hand(pixels, size, corner, extent, frame, turned, zoomed)
    # A position on the very edge between two pixels may fall either way in float32.
    assert (sample.valid != valid).sum() <= 2
    both = sample.valid & valid
    there = np.asarray(aug.inside(jnp.asarray(extent), frame))
    np.testing.assert_allclose(sample.image[there], image[there], atol=0.05)
    assert (sample.mask != mask)[both].sum() <= 2
    assert (sample.fov != fov)[both].sum() <= 2


def test_an_affine_map_that_moves_nothing_is_the_crop():
    draws = STILL._replace(y=0.4, x=0.9)
    moved, _ = run(Augment(rotate=10.0, scale=0.1), draws, frame=(8, 11))
    cut, _ = run(Augment(), draws, frame=(8, 11))
    jax.tree.map(np.testing.assert_array_equal, moved, cut)


def test_mirrors_after_an_affine_map_mirror_its_result():
    size, frame = (9, 6), (10, 10)
    draws = STILL._replace(angle=0.8, zoom=0.3)
    plain, extent = run(Augment(rotate=40.0, scale=0.3), draws, size, frame)
    both, there = run(
        Augment(flips=True, quarter_turns=True, rotate=40.0, scale=0.3),
        draws._replace(left=0.0, turn=0.25),
        size,
        frame,
    )
    assert there == extent[::-1]
    for mirrored, array in zip(both, plain, strict=True):
        expected = np.rot90(array[: extent[0], : extent[1]])[:, ::-1]
        real = np.rot90(plain.valid[: extent[0], : extent[1]])[:, ::-1]
        np.testing.assert_allclose(mirrored[: there[0], : there[1]][real], expected[real], rtol=1e-5)


def test_colours_change_about_the_mean_and_stay_in_the_range_of_a_photograph():
    augment = Augment(brightness=0.5, contrast=0.5)
    pixels = record()._replace(image=np.random.default_rng(0).integers(0, 256, (*CANVAS, 3), np.uint8))
    sample, _ = run(augment, STILL._replace(gain=0.9, shift=0.25), pixels=pixels)
    expected = np.clip((pixels.image - MEAN) * 1.4 + MEAN - 0.25 * 255, 0, 255)
    np.testing.assert_allclose(sample.image, expected, atol=1e-3)
    assert sample.image.min() == 0
    np.testing.assert_array_equal(sample.mask, pixels.mask)
    np.testing.assert_array_equal(sample.fov, pixels.fov)
    plain, _ = run(augment, STILL, pixels=pixels)
    np.testing.assert_allclose(plain.image, pixels.image, atol=1e-4)


def test_each_channel_has_light_of_its_own():
    augment = Augment(colour=0.5)
    pixels = record()._replace(image=np.random.default_rng(0).integers(0, 256, (*CANVAS, 3), np.uint8))
    sample, _ = run(augment, STILL._replace(light=[0.9, 0.5, 0.25]), pixels=pixels)
    np.testing.assert_allclose(sample.image, np.clip(pixels.image * [1.4, 1, 0.75], 0, 255), rtol=1e-5)
    assert (sample.image == 255).any()
    np.testing.assert_array_equal(sample.mask, pixels.mask)


def test_the_first_draws_are_as_they_were_before_there_were_light_and_blur():
    key = jax.random.key(7)
    np.testing.assert_array_equal(np.array(Draws.of(key, 3)[:-2]), jax.random.uniform(key, (11,)))


@pytest.mark.parametrize(("size", "draw"), [(CANVAS, 0.9), ((9, 11), 0.6), (CANVAS, 0.0)])
def test_a_blur_is_a_gaussian_of_the_valid_pixels(size, draw):
    pixels = record(size)._replace(image=np.random.default_rng(0).integers(0, 256, (*CANVAS, 3), np.uint8))
    sample, _ = run(Augment(blur=1.5), STILL._replace(blur=draw), size=size, pixels=pixels)
    deviation, reach = max(draw * 1.5, 1e-3), 5
    expected = pixels.image.astype(np.float64)
    for y, x in itertools.product(range(size[0]), range(size[1])):
        near = [slice(max(0, at - reach), min(side, at + reach + 1)) for at, side in zip((y, x), size, strict=True)]
        rows, columns = np.mgrid[tuple(near)]
        weights = np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / (2 * deviation**2))
        expected[y, x] = (weights[..., None] * pixels.image[rows, columns]).sum((0, 1)) / weights.sum()
    np.testing.assert_allclose(sample.image[: size[0], : size[1]], expected[: size[0], : size[1]], rtol=1e-4)
    np.testing.assert_array_equal(sample.mask, pixels.mask)


def test_each_draw_is_its_own_and_uniform():
    drawn = jax.jit(jax.vmap(lambda key: Draws.of(key, 3)))(jax.random.split(jax.random.key(3), 2000))
    draws = np.concatenate([np.asarray(one).reshape(2000, -1) for one in drawn], 1)
    assert draws.shape == (2000, len(Draws._fields) + 2)
    assert draws.min() >= 0
    assert draws.max() < 1
    np.testing.assert_allclose(draws.mean(0), 0.5, atol=4 * math.sqrt(1 / 12 / 2000))
    correlation = np.corrcoef(draws.T) - np.eye(draws.shape[1])
    assert np.abs(correlation).max() < 5 / math.sqrt(2000)


def test_quarter_turns_of_oblong_samples_are_refused():
    with pytest.raises(
        ValueError, match=r"quarter_turns needs square samples, and these are 8 x 11: set data.patch_size"
    ):
        Augment(quarter_turns=True).check((8, 11))
    Augment(quarter_turns=True).check((8, 8))
    Augment(flips=True).check((8, 11))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("foreground", 1.5),
        ("rotate", -3.0),
        ("scale", 1.0),
        ("contrast", math.nan),
        ("brightness", 40.0),
        ("colour", 2.0),
        ("blur", 9.0),
    ],
)
def test_numbers_out_of_range_are_refused_by_name(field, value):
    with pytest.raises(ValueError, match=rf"data\.augment\.{field} is {value}; want 0 to "):
        Augment(**{field: value})
