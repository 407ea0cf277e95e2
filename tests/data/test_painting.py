"""Brushes: what is drawn has the size, the place and the spread that was asked for."""

import cv2
import numpy as np
import pytest

from jaxseg.data import painting


@pytest.mark.parametrize("angle", [0.0, 0.6, np.pi / 2])
def test_a_line_covers_its_length_times_its_width(angle):
    size, scale, length, radius = 64, 8, 0.5, 0.02
    steps = np.linspace(-length / 2, length / 2, 9)[:, None]
    points = np.array((0.52, 0.47)) + steps * (np.cos(angle), np.sin(angle))
    canvas = painting.draw(np.zeros((size * scale,) * 2, np.uint8), points, np.full(9, radius), 255)
    cover = painting.shrink(canvas, size)
    area = 2 * radius * length + np.pi * radius**2
    assert cover.sum() / size**2 == pytest.approx(area, rel=0.06)  # cv2 includes the pixels on the edge
    x, y = painting.grid(size)
    centre = (cover * x).sum() / cover.sum(), (cover * y).sum() / cover.sum()
    np.testing.assert_allclose(centre, (0.52, 0.47), atol=0.1 / size)


def test_a_line_tapers():
    radii = np.linspace(0.06, 0.01, 12)
    points = np.stack([np.linspace(0.1, 0.9, 12), np.full(12, 0.5)], 1)
    canvas = painting.draw(np.zeros((512, 512), np.uint8), points, radii, 255)
    widths = (canvas > 0).sum(0)[[100, 250, 400]] / 512
    np.testing.assert_allclose(widths, 2 * np.interp([100 / 512, 250 / 512, 400 / 512], points[:, 0], radii), atol=0.01)


def test_a_disc_has_its_area_and_an_edge_of_one_pixel():
    disc = painting.disc(100, (0.45, 0.55), 0.3)
    assert disc.mean() == pytest.approx(np.pi * 0.3**2, rel=1e-3)
    assert ((disc > 0) & (disc < 1)).sum() < 2 * np.pi * 30 * 1.5
    soft = painting.disc(100, (0.45, 0.55), 0.3, 0.2)
    assert ((soft > 0) & (soft < 1)).mean() == pytest.approx(2 * np.pi * 0.3 * 0.2, rel=0.02)


def test_noise_is_the_same_at_every_size_and_of_about_unit_spread():
    large, small = (painting.noise(np.random.default_rng(2), size, 6, 2) for size in (256, 64))
    shrunk = cv2.resize(large, (64, 64), interpolation=cv2.INTER_AREA)
    np.testing.assert_allclose(shrunk, small, atol=0.15)
    spreads = [painting.noise(np.random.default_rng(k), 64, 12).std() for k in range(5)]
    assert 0.8 < np.mean(spreads) < 1.25


def test_noise_finer_than_the_pixels_is_averaged_away():
    coarse, fine = (painting.noise(np.random.default_rng(0), 32, cells).std() for cells in (16, 128))
    assert fine < 0.6 * coarse


def test_exposure_is_dark_without_light_and_never_overflows():
    light = np.stack([np.zeros((40, 40)), np.full((40, 40), 0.5), np.full((40, 40), 50.0)], -1)
    image = painting.expose(np.random.default_rng(0), light, 0.05)
    assert image.dtype == np.uint8
    levels = image.reshape(-1, 3).mean(0)
    assert levels[0] < 5
    assert levels[1] == pytest.approx(255 * (1 - np.exp(-0.8)), abs=3)
    assert levels[2] > 245


@pytest.mark.parametrize("size", [32, 96, 500, 2000])
def test_small_images_are_drawn_finer_and_with_wider_lines(size):
    assert size * painting.oversampling(size) >= 256
    assert 2 <= painting.oversampling(size) <= 8
    assert painting.widening(size) == (1.0 if size >= 384 else pytest.approx((384 / size) ** 0.5))
