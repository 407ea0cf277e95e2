"""Generated images: reproducible, of every size, with masks that fit what they show, and not too easy."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxseg.data import generate


@pytest.fixture(scope="module")
def fundi():
    return [generate.fundus(0, index, 96) for index in range(12)]


@pytest.fixture(scope="module")
def lesions():
    return [generate.lesion(0, index, 96) for index in range(24)]


def best_threshold_dice(channel: np.ndarray, mask: np.ndarray) -> float:
    """Return the best Dice that calling every pixel darker than one grey level foreground can reach."""
    levels = range(int(channel.min()), int(channel.max()) + 1)
    return max(
        2 * (dark & mask).sum() / (dark.sum() + mask.sum()) for level in levels if (dark := channel <= level).any()
    )


@pytest.mark.parametrize("draw", [generate.fundus, generate.lesion])
def test_an_image_is_a_function_of_seed_and_index(draw):
    state = np.random.get_state()[1].copy()
    first, again = draw(3, 5, 48), draw(3, 5, 48)
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
    others = [draw(seed, index, 48) for seed, index in ((3, 6), (4, 5), (5, 3))]
    assert len({image.tobytes() for image, *_ in (first, *others)}) == 4
    assert len({mask.tobytes() for _, mask, *_ in (first, *others)}) == 4
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # the global generator is left alone


@settings(max_examples=12)
@given(st.integers(32, 110), st.integers(0, 10_000))
def test_any_size_gives_binary_masks_that_are_neither_empty_nor_full(size, index):
    for image, *masks in (generate.fundus(1, index, size), generate.lesion(1, index, size)):
        assert image.shape == (size, size, 3)
        assert image.dtype == np.uint8
        for mask in masks:
            assert mask.shape == (size, size)
            assert mask.dtype == np.uint8
            assert set(np.unique(mask)) == {0, 1}


@pytest.mark.parametrize("draw", [generate.fundus, generate.lesion])
def test_smaller_sizes_are_refused(draw):
    with pytest.raises(ValueError, match="size is 31; generated images are at least 32 pixels a side"):
        draw(0, 0, 31)


def test_the_field_of_view_is_a_disc_and_holds_the_vessels(fundi):
    rows, columns = np.mgrid[:96, :96]
    for image, mask, fov in fundi:
        radius = np.sqrt(fov.sum() / np.pi)
        assert 0.46 * 96 < radius < 0.5 * 96
        distance = np.hypot(rows - rows[fov > 0].mean(), columns - columns[fov > 0].mean())
        assert fov[distance < radius - 1].all()
        assert not fov[distance > radius + 1].any()
        assert not mask[fov == 0].any()
        assert image[distance > radius + 3].max() < 40
        assert image[distance < radius - 3].max(-1).min() > 10


def test_vessels_are_thin_dark_lines_of_a_tenth_to_a_fifth_of_the_image(fundi):
    for image, mask, fov in fundi:
        assert 0.08 < mask.mean() < 0.22
        around = cv2.dilate(mask, np.ones((5, 5), np.uint8)) * (1 - mask) * fov
        assert image[mask > 0, 1].mean() < 0.95 * image[around > 0, 1].mean()
        # No mass of vessels: half of the foreground is gone one pixel in.
        assert cv2.erode(mask, np.ones((3, 3), np.uint8)).sum() < 0.5 * mask.sum()


def test_lesions_are_one_dark_part_without_holes(lesions):
    areas = [mask.mean() for _, mask in lesions]
    assert min(areas) > 0.01
    assert max(areas) < 0.6
    assert max(areas) > 4 * min(areas)
    for image, mask in lesions:
        assert cv2.connectedComponents(mask)[0] == 2
        assert cv2.connectedComponents(1 - np.pad(mask, 1), connectivity=4)[0] == 2
        around = cv2.dilate(mask, np.ones((13, 13), np.uint8)) - mask
        assert image[mask > 0].mean() < 0.97 * image[around > 0].mean()


def test_no_grey_level_separates_them(fundi, lesions):
    vessel = [best_threshold_dice(np.where(fov, image[..., 1], 255), mask > 0) for image, mask, fov in fundi]
    skin = [best_threshold_dice(image.mean(-1).astype(np.uint8), mask > 0) for image, mask in lesions]
    assert np.mean(vessel) < 0.7
    assert np.mean(skin) < 0.9


def test_one_index_shows_the_same_scene_at_every_size():
    for draw in (generate.fundus, generate.lesion):
        for index in range(3):
            (large, mask, *_), (small, *_) = draw(0, index, 192), draw(0, index, 64)
            shrunk = cv2.resize(large, (64, 64), interpolation=cv2.INTER_AREA)
            other = draw(0, index + 50, 64)[0]
            same, different = (np.corrcoef(shrunk.ravel(), image.ravel())[0, 1] for image in (small, other))
            assert same > 0.95
            assert same > different
            assert mask.any()
