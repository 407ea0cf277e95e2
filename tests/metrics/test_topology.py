"""clDice: values of scikit-image's skeletons as the published code combines them."""

import numpy as np
import pytest

from jaxseg.metrics.topology import cldice


def bar(gap, height, size=(15, 40)):
    mask = np.zeros(size, bool)
    mask[5 : 5 + height, 5:35] = True
    broken = mask.copy()
    broken[:, 18 : 18 + gap] = False
    return broken, mask


@pytest.mark.parametrize(("height", "wanted"), [(5, 0.92), (1, 0.928571)])
def test_a_gap_costs_what_it_takes_of_the_centreline(height, wanted):
    broken, whole = bar(4, height)
    assert cldice(broken, whole) == pytest.approx(wanted, abs=1e-6)
    assert cldice(whole, whole) == 1


def test_width_costs_nothing():
    thin, _ = bar(0, 1)
    thick, _ = bar(0, 5)
    wide = np.roll(thin, 2, 0)
    assert cldice(thick, wide) > 0.95 > 2 * (thick & wide).sum() / (thick.sum() + wide.sum())


def test_empty_and_apart():
    mask, _ = bar(0, 3)
    nothing = np.zeros_like(mask)
    assert [cldice(mask, nothing), cldice(nothing, mask), cldice(nothing, nothing)] == [None] * 3
    assert cldice(mask, np.roll(mask, 6, 0)) == 0.0


@pytest.mark.parametrize("side", [1, 2, 3])
def test_a_blob_has_a_skeleton(side):
    mask = np.zeros((7, 7), bool)
    mask[2 : 2 + side, 2 : 2 + side] = True
    assert cldice(mask, mask) == 1
