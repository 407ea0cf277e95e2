import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxseg.inference import tiles

LENGTH, TILE, OVERLAP = st.integers(1, 200), st.integers(1, 70), st.floats(0, 0.95)


@given(LENGTH, TILE, OVERLAP)
def test_tiles_cover_the_axis_stay_inside_and_overlap_as_asked(length, tile, overlap):
    starts = tiles.starts(length, tile, overlap)
    assert starts[0] == 0
    assert starts[-1] == max(0, length - tile)
    steps = np.diff(starts)
    assert (steps > 0).all()
    assert (steps <= max(1, tile * (1 - overlap)) + 1e-9).all()


def test_no_more_tiles_than_needed():
    assert tiles.starts(96, 32, 0.0) == [0, 32, 64]
    assert tiles.starts(96, 32, 0.5) == [0, 16, 32, 48, 64]
    assert tiles.starts(97, 32, 0.0) == [0, 22, 43, 65]  # four tiles, spread evenly


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 20), st.integers(1, 20), OVERLAP)
def test_a_constant_stays_that_constant(height, width, rows, columns, overlap):
    image = np.zeros((height, width, 1), np.float32)
    blended = tiles.blend(image, (rows, columns), overlap, lambda tile: np.full(tile.shape[:2], 0.3))
    assert blended.shape == (height, width)
    np.testing.assert_allclose(blended, 0.3, rtol=1e-12)


def test_a_local_function_does_not_notice_the_tiles():
    image = np.random.default_rng(0).random((45, 61, 2))
    blended = tiles.blend(image, (16, 24), 0.5, lambda tile: tile.sum(axis=2))
    np.testing.assert_allclose(blended, image.sum(axis=2), rtol=1e-12)


def test_tiles_that_disagree_meet_without_a_seam():
    # The hardest case: each tile answers with another constant. Plain averaging would jump by 1/2 at every edge.
    answers = iter(range(100))
    image = np.zeros((64, 320, 1))
    blended = tiles.blend(image, (64, 64), 0.5, lambda tile: np.full(tile.shape[:2], float(next(answers) % 2)))
    assert np.ptp(blended) > 0.99  # the tiles do disagree
    assert np.abs(np.diff(blended, axis=1)).max() < 0.15
    assert np.abs(np.diff(blended, axis=0)).max() == pytest.approx(0, abs=1e-12)


def test_the_weights_of_a_pixel_sum_to_one():
    shape, tile, overlap = (40, 50), (16, 24), 0.25
    weights = tiles.gaussian(*tile)
    assert weights.max() <= 1
    assert weights.min() > 0
    total = np.zeros(shape)
    for index in range(len(tiles.starts(40, 16, overlap)) * len(tiles.starts(50, 24, overlap))):
        seen = iter(range(1000))
        share = tiles.blend(np.zeros((*shape, 1)), tile, overlap, lambda t: np.full(t.shape[:2], next(seen) == index))  # noqa: B023
        assert (share >= 0).all()
        total += share
    np.testing.assert_allclose(total, 1.0, rtol=1e-12)
