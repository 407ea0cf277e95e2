import pytest

from jaxseg.statistics import holm


def test_it_is_holms_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_a_test_that_was_not_made_does_not_count():
    assert holm([None, 0.04, 0.02]) == [None, 0.04, 0.04]


def test_none_is_above_one():
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []
