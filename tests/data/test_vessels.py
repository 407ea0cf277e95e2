"""The anatomy of generated vessel trees."""

from itertools import pairwise

import numpy as np
import pytest

from jaxseg.data import vessels

EYE = vessels.Eye(disc=(0.4, 0.5), disc_radius=0.07, macula=(0.7, 0.52), centre=(0.5, 0.5), radius=0.48)


@pytest.fixture(scope="module", params=range(3))
def tree(request):
    return vessels.grow(np.random.default_rng(request.param), EYE)


def test_there_are_trunks_of_both_kinds_and_branches(tree):
    at_disc = [np.hypot(*(vessel.points[0] - EYE.disc)) < EYE.disc_radius for vessel in tree]
    assert sum(at_disc) >= 10
    assert len(tree) > 2 * sum(at_disc)
    for artery in (False, True):
        assert sum(vessel.artery == artery for vessel in tree) > 5


def test_every_vessel_tapers(tree):
    for vessel in tree:
        assert len(vessel.points) == len(vessel.radii)
        assert (np.diff(vessel.radii) < 1e-12).all()
        assert vessel.radii[-1] < 0.9 * vessel.radii[0]
        assert vessel.radii[-1] > 0


def test_a_branch_begins_on_a_wider_vessel_of_its_kind(tree):
    for vessel in tree:
        if np.hypot(*(vessel.points[0] - EYE.disc)) < EYE.disc_radius:
            continue
        parents = [
            other
            for other in tree
            if other is not vessel
            and other.artery == vessel.artery
            and other.radii[0] > vessel.radii[0]
            and np.hypot(*(other.points - vessel.points[0]).T).min() < 1e-9
        ]
        assert len(parents) >= 1


def test_vessels_turn_smoothly_and_stay_in_the_field_of_view(tree):
    for vessel in tree:
        steps = np.diff(vessel.points, axis=0)
        np.testing.assert_allclose(np.hypot(*steps.T), vessels.STEP)
        cosines = [a @ b / vessels.STEP**2 for a, b in pairwise(steps)]
        assert min(cosines, default=1.0) > 0.5  # never more than 60 degrees in one step
        assert np.hypot(*(vessel.points - EYE.centre).T).max() < EYE.radius + 0.02 + vessels.STEP


def test_the_fovea_is_free_of_vessels(tree):
    for vessel in tree:
        assert np.hypot(*(vessel.points - EYE.macula).T).min() > 0.05 - vessels.STEP


def test_vessels_of_one_kind_do_not_cross(tree):
    for artery in (False, True):
        owners = {}
        for name, vessel in enumerate(tree):
            # A vessel may touch its own kind where it begins, on its parent or the disc, and at its very end.
            away = np.hypot(*(vessel.points - EYE.disc).T) > 1.3 * EYE.disc_radius
            for point in vessel.points[6:-1][away[6:-1]] if vessel.artery == artery else ():
                assert owners.setdefault(tuple((point / vessels.CELL).astype(int)), name) == name
