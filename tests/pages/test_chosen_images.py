"""Which images a study's page shows, and what stands beside each."""

import numpy as np

from jaxseg.data import Record
from jaxseg.pages.images import _fit, chosen

IDS = tuple("abcdefgh")


def scores(*values):
    return np.array([np.nan if value is None else value for value in values])


def test_worst_median_best_and_where_the_last_model_gains_and_loses_most():
    first = scores(0.5, 0.1, None, 0.9, 0.3, 0.7, 0.2, 0.8)
    last = scores(0.4, 0.1, 0.2, 0.9, 0.8, None, 0.3, 0.6)
    assert chosen({"one": first, "between": first - 1, "two": last}, IDS) == {
        "b": ["worst of one"],
        "g": ["worst of one", "two gains most"],  # .1
        "a": ["median of one", "two loses most"],  # the fourth of seven
        "d": ["best of one"],
        "e": ["two gains most"],  # .5, the largest
        "h": ["two loses most"],  # .2, the largest
    }


def test_ties_go_by_the_order_of_the_images_and_no_change_is_no_gain():
    same = scores(0.5, 0.5, 0.5, 0.5)
    assert chosen({"one": same, "two": same}, IDS[:4]) == {
        "a": ["worst of one"],
        "b": ["worst of one", "median of one"],
        "d": ["best of one"],
    }


def test_one_model_and_one_image():
    assert chosen({"one": scores(0.5)}, ("a",)) == {"a": ["worst of one", "median of one", "best of one"]}
    assert chosen({"one": scores(None)}, ("a",)) == {}


def test_predictions_of_another_size_are_shown_at_that_of_the_first():
    record = Record("a", np.zeros((4, 6, 3), np.uint8), np.zeros((4, 6), np.uint8), None, None, "a")
    small = np.array([[0, 1, 2], [2, 0, 1]], np.uint8)
    np.testing.assert_array_equal(_fit(small, record), small.repeat(2, axis=0).repeat(2, axis=1))
    own = np.arange(24, dtype=np.uint8).reshape(4, 6)
    np.testing.assert_array_equal(_fit(own, record), own)
    large = own.repeat(3, axis=0).repeat(3, axis=1)
    np.testing.assert_array_equal(_fit(large, record), own)
