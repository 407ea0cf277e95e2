import numpy as np
import pytest

from jaxseg.statistics import bootstrap, gather, mean

NAN = float("nan")


def test_mean_and_both_deviations_by_hand():
    found = mean(np.array([[0.5, 0.7, NAN], [0.7, 0.9, 0.8]]))
    assert found.mean == pytest.approx(0.7)
    assert found.image_sd == pytest.approx(np.sqrt(0.02))  # of 0.6 and 0.8, the images' means over seeds
    assert found.seed_sd == pytest.approx(np.sqrt(0.02))  # of 0.6 and 0.8, the seeds' means over images
    assert found.seed_means == pytest.approx([0.6, 0.8])
    assert found.interval == bootstrap(gather(np.array([0.6, 0.8])))
    assert (found.num_images, found.num_groups, found.left_out, found.num_seeds) == (2, None, 1, 2)
    assert found.method == "mean over images and seeds; BCa bootstrap over 2 images"


def test_one_image_and_one_seed_have_no_spread():
    found = mean(np.array([[0.5]]))
    assert (found.mean, found.image_sd, found.seed_sd, found.interval) == (0.5, None, None, None)


def test_a_score_that_no_image_has_is_none():
    found = mean(np.full((2, 3), NAN))
    assert (found.mean, found.image_sd, found.seed_sd, found.interval, found.seed_means) == (None,) * 4 + ([],)
    assert (found.num_images, found.left_out) == (0, 3)


def test_groups_are_counted_and_drawn():
    found = mean(np.array([[0.5, 0.7, 0.6, 0.9]]), ["a", "a", "b", "b"])
    assert (found.num_images, found.num_groups) == (4, 2)
    assert found.method.endswith("over 2 groups")
    assert found.interval is not None
    assert (found.interval.low, found.interval.high) == pytest.approx((0.6, 0.75))
