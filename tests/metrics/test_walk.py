"""The walk that joins broken vessels, on lines drawn by hand."""

import cv2
import numpy as np
import pytest

from jaxseg.metrics import Walk, decide
from jaxseg.metrics.walk import components

WALK = Walk(reach=10.0)


def line(gap=(10, 13), size=(11, 20), row=5):
    """A line of ones with a gap, and probabilities of .9 on it and .3 in the gap."""
    mask, probability = np.zeros(size, np.uint8), np.zeros(size, np.float32)
    mask[row], probability[row] = 1, 0.9
    mask[row, slice(*gap)], probability[row, slice(*gap)] = 0, 0.3
    return probability, mask


def test_a_gap_of_three_pixels_is_closed_and_nothing_else_is_added():
    probability, mask = line()
    kept = mask.copy()
    joined = WALK(probability, mask)
    expected = np.zeros((11, 20), np.uint8)
    expected[5] = 1
    np.testing.assert_array_equal(joined, expected)
    np.testing.assert_array_equal(mask, kept)
    np.testing.assert_array_equal(decide(probability, 0.5, WALK), expected)
    np.testing.assert_array_equal(decide(probability, 0.5), mask)


@pytest.mark.parametrize("turn", range(4))
def test_the_gap_is_closed_whichever_way_the_line_runs(turn):
    probability, mask = (np.rot90(array, turn).copy() for array in line())
    np.testing.assert_array_equal(WALK(probability, mask), np.rot90(line(gap=(0, 0))[1], turn))


def test_the_walk_follows_the_probabilities_around_a_corner():
    probability, mask = line()
    probability[5, 11] = 0
    probability[4, 11] = 0.3  # the bridge leaves the line
    joined = WALK(probability, mask)
    assert np.argwhere(joined != mask).tolist() == [[4, 11], [5, 10], [5, 12]]


@pytest.mark.parametrize("mask", [line(gap=(0, 0))[1], np.zeros((4, 5), np.uint8), np.ones((4, 5), np.uint8)])
def test_one_component_or_none_is_left_as_it_is(mask):
    assert WALK(np.full(mask.shape, 0.9, np.float32), mask) is mask


def test_without_reach_nothing_is_done():
    probability, mask = line()
    assert Walk()(probability, mask) is mask
    assert (Walk().describe(), WALK.describe()) == ("", "fragments reconnected (reach 10, window 21, stop 0.1)")


@pytest.mark.parametrize(("width", "joined"), [(8, True), (9, False)])
def test_components_farther_than_the_reach_stay_apart(width, joined):
    probability, mask = line(gap=(10, 10 + width), size=(11, 24))
    assert (Walk(reach=10.0)(probability, mask) is not mask) == joined  # the ends are width + 1 apart


@pytest.mark.parametrize(("stop", "joined"), [(0.3, True), (0.31, False)])
def test_low_probability_everywhere_stops_the_walk(stop, joined):
    probability, mask = line()
    assert (Walk(reach=10.0, stop=float(np.float32(stop)))(probability, mask) is not mask) == joined


def test_a_walk_that_leads_nowhere_leaves_no_pixel():
    probability, mask = line()
    probability[5, 10] = 0
    probability[4:7, 9:11] = 0
    probability[:, 10:12] = 0
    assert WALK(probability, mask) is mask


def test_several_fragments_are_joined_and_each_only_to_the_largest():
    mask, probability = np.zeros((30, 40), np.uint8), np.full((30, 40), 0.3, np.float32)
    mask[15, 5:30] = 1
    mask[3:12, 10] = mask[19:26, 20] = 1  # three pixels above, and below
    mask[15, 37:] = 1  # six to the right
    probability[mask == 1] = 0.9
    joined = Walk(reach=5.0)(probability, mask)
    assert len(np.unique(components(joined)[1])) == 2
    assert not joined[15, 30:37].any()
    assert len(np.unique(components(Walk(reach=9.0)(probability, mask))[1])) == 1


def test_a_quadratic_leads_the_walk_to_where_the_vessel_goes_on():
    """All probabilities are alike, so the target decides: a bow meets the line where it would have gone."""
    mask, probability = np.zeros((40, 40), np.uint8), np.full((40, 40), 0.3, np.float32)
    mask[:, 5] = 1
    x = np.arange(10, 22)
    y = np.rint(20 + (x - 5) ** 2 / 20).astype(int)  # at x = 5 it is at 20
    mask[y, x] = 1
    added = np.argwhere(Walk(reach=8.0)(probability, mask) != mask)
    assert sorted(added[:, 1].tolist()) == [6, 7, 8, 9]
    assert abs(added[added[:, 1] == 6][0, 0] - 20) <= 1


def test_components_are_opencvs():
    rng = np.random.default_rng(0)
    for share in (0.05, 0.3, 0.45, 0.6):
        mask = (rng.random((37, 53)) < share).astype(np.uint8)
        points, labels = components(mask)
        _, expected = cv2.connectedComponents(mask, connectivity=8)
        theirs = expected[tuple(points.T)]
        assert len(np.unique(labels)) == len(np.unique(theirs))
        assert len({tuple(pair) for pair in np.stack([labels, theirs], 1).tolist()}) == len(np.unique(labels))
        first = [labels.tolist().index(number) for number in np.unique(labels)]
        assert first == np.unique(labels).tolist()


def test_classes_are_refused():
    with pytest.raises(ValueError, match=r"eval.reconnect.reach is 10.0; want 0: the walk joins one foreground, and"):
        WALK.check(("vessel", "disc"))
    with pytest.raises(ValueError, match="eval.reconnect.reach is 10.0; want 0: the walk joins one foreground"):
        decide(np.zeros((4, 5, 3), np.float32), (), WALK)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"reach": -1.0}, "eval.reconnect.reach is -1.0; want a number of pixels, or 0"),
        ({"reach": 30.0}, "eval.reconnect.window is 21; want an odd number, 31 pixels or more"),
        ({"reach": 10.0, "window": 22}, "eval.reconnect.window is 22; want an odd number, 11 pixels or more"),
        ({"stop": 1.5}, "eval.reconnect.stop is 1.5; want a probability"),
    ],
)
def test_numbers_out_of_range_are_named(wrong, said):
    with pytest.raises(ValueError, match=said):
        Walk(**wrong)
