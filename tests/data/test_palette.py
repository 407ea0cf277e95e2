"""Classes in pictures: colours far apart, masks that keep their numbers, legends that fit."""

import numpy as np
from PIL import Image

from jaxseg.data import palette


def test_every_class_keeps_its_colour_and_differs_from_the_others():
    thirty = palette.colours(30).astype(int)
    np.testing.assert_array_equal(palette.colours(3), thirty[:3])
    apart = np.abs(thirty[:, None] - thirty[None]).sum(-1) + 999 * np.eye(30, dtype=int)
    assert apart[:8, :8].min() > 80
    assert apart.min() > 15
    assert palette.colours(0).shape == (0, 3)


def test_an_index_mask_keeps_its_numbers_and_shows_colours(tmp_path):
    mask = np.random.default_rng(0).integers(0, 4, (9, 13)).astype(np.uint8)
    (tmp_path / "a.png").write_bytes(palette.encode_index_png(mask, 3))
    stored = Image.open(tmp_path / "a.png")
    assert stored.mode == "P"
    np.testing.assert_array_equal(np.asarray(stored), mask)
    shown = np.concatenate([np.zeros((1, 3), np.uint8), palette.colours(3)])[mask]
    np.testing.assert_array_equal(np.asarray(stored.convert("RGB")), shown)


def test_a_legend_stands_below_the_picture_and_wraps():
    picture = np.random.default_rng(0).integers(0, 256, (20, 150, 3), np.uint8)
    one, many = palette.with_legend(picture, ["vessel"]), palette.with_legend(picture, ["vessel", "disc"] * 5)
    for drawn in (one, many):
        np.testing.assert_array_equal(drawn[:20], picture)
        found = {tuple(colour) for colour in drawn[20:].reshape(-1, 3).tolist()}
        assert tuple(palette.colours(1)[0].tolist()) in found
        assert any(min(colour) > 200 for colour in found)  # the names
    assert many.shape[0] > one.shape[0]
    narrow = palette.with_legend(picture[:, :10], ["a_very_long_name"])  # as wide as the name needs
    assert narrow.shape[1] > 100
    np.testing.assert_array_equal(narrow[:20, :10], picture[:, :10])
    assert not narrow[:20, 10:].any()
