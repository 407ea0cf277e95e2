import numpy as np

from jaxseg.statistics import gather

NAN = float("nan")


def test_an_image_is_a_unit_where_nothing_is_grouped():
    units = gather(np.array([[1.0, 2.0, NAN], [3.0, NAN, 4.0]]))
    assert units.totals.tolist() == [[1.0], [3.0]]  # an image that one model has no score for is left out for both
    assert units.counted() == {"num_images": 1, "num_groups": None, "left_out": 2}
    assert units.told() == "1 images"


def test_a_group_holds_all_its_images():
    units = gather(np.array([1.0, 2.0, NAN, 6.0]), ["p2", "p1", "p1", "p2"])
    assert units.totals.tolist() == [2.0, 7.0]
    assert units.sizes.tolist() == [1, 2]
    assert units.means.tolist() == [2.0, 3.5]
    assert units.counted() == {"num_images": 3, "num_groups": 2, "left_out": 1}
    assert units.told() == "2 groups"
