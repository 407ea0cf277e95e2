import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxseg.inference.canvases import MOST, choose, frame


def pixels(plan, frames):
    return sum(plan[size][0] * plan[size][1] for size in frames)


def fewest(frames, most):
    """Try every set of so many canvases whose sides are sides of frames."""
    sides = (sorted({size[axis] for size in frames}) for axis in (0, 1))
    canvases = np.array(list(itertools.product(*sides)))
    holds = (canvases[:, None] >= np.array(frames)).all(-1)
    taken = np.where(holds, canvases.prod(-1)[:, None], np.inf)
    return min(taken[list(chosen)].min(0).sum() for chosen in itertools.combinations(range(len(canvases)), most))


def test_a_frame_is_the_size_rounded_up():
    assert frame((584, 565), 32) == (608, 576)
    assert frame((32, 33), 32) == (32, 64)


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=1, max_size=30), st.integers(1, 5))
def test_few_canvases_hold_all_frames(frames, most):
    plan = choose(frames, most)
    assert plan.keys() == set(frames)
    assert len(set(plan.values())) <= most
    assert all(canvas[0] >= size[0] and canvas[1] >= size[1] for size, canvas in plan.items())
    for canvas in plan.values():
        sharers = np.array([size for size in plan if plan[size] == canvas])
        assert tuple(sharers.max(0)) == canvas  # none is larger than what lies on it
    if len(plan) <= most:
        assert all(canvas == size for size, canvas in plan.items())


@settings(max_examples=20)
@given(st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5)), min_size=20, max_size=20))
def test_little_is_wasted(frames):
    """On half of such sets nothing more than by the best canvases; never more than 7 percent."""
    if len(set(frames)) > MOST:
        assert pixels(choose(frames), frames) <= 1.07 * fewest(frames, MOST)


def test_a_rare_large_image_costs_the_others_nothing():
    plan = choose([(64, 96)] * 50 + [(96, 64)] * 50 + [(64, 64)] * 50 + [(128, 32), (640, 640)])
    assert plan[640, 640] == (640, 640)
    assert plan[64, 96] == (64, 96)
    assert plan[96, 64] == (96, 64)


def test_a_thousand_sizes_take_a_moment():
    frames = [tuple(size) for size in np.random.default_rng(0).integers(1, 60, (1000, 2)).tolist()]
    assert len(set(choose(frames).values())) == MOST


def test_nothing_is_expected_of_no_images():
    assert choose([]) == {}


@pytest.mark.parametrize("most", [1, 2])
def test_one_canvas_for_all_is_the_smallest_that_holds_them(most):
    assert choose([(1, 9), (9, 1)], most)[1, 9] == ((9, 9) if most == 1 else (1, 9))
