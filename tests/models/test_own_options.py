"""A wrong option of a network is told in one line when the network is built."""

import inspect

import pytest

from jaxseg.models import MODELS, build

WRONG = [
    ("wnet", {"width": 0}, "width is 0; it must be at least 1, a whole number"),
    ("wnet", {"nets": 3}, "nets is 3; want 1 or 2 U-Nets in a row"),
    ("vesselnet", {"width": 0}, "width is 0; it must be at least 1, a whole number"),
    ("focusnet", {"scale": 0.0}, "scale is 0.0; want a number above 0"),
    ("focusnet", {"scale": float("inf")}, "scale is inf; want a number above 0"),
    ("focusnet", {"scale": float("nan")}, "scale is nan; want a number above 0"),
    ("nonlocal_unet", {"width": -1}, "width is -1; it must be at least 1"),
    ("nonlocal_unet", {"depth": 1}, "depth is 1; want 2 or more levels"),
    ("nonlocal_unet", {"global_ups": 0}, "global_ups is 0; want 1 or 2, and below the depth"),
    ("nonlocal_unet", {"global_ups": 3, "depth": 5}, "global_ups is 3; want 1 or 2, and below the depth"),
    ("nonlocal_unet", {"global_ups": 2, "depth": 2}, "global_ups is 2; want 1 or 2, and below the depth"),
    ("nonlocal_unet", {"dropout": 1.0}, "dropout is 1.0; want a probability, 0 to below 1"),
    ("hdenseunet", {"size": "smal"}, r"size is 'smal' \(did you mean 'small'\?\); choose one of 161"),
    ("hdenseunet", {"head": "author"}, "model 'hdenseunet' has no option 'head'"),
    ("dacn", {"size": "huge"}, "size is 'huge'; choose one of 161"),
    ("dacn", {"means": "images"}, r"means is 'images' \(did you mean 'image'\?\); choose one of image, batch"),
    ("dacn", {"branch": 0}, "branch is 0; it must be at least 1"),
    ("dacn", {"iterations": 0}, "iterations is 0; it must be at least 1"),
    ("dacn", {"epsilon": 0.0}, "epsilon is 0.0; want a number above 0"),
    ("dacn", {"epsilon": float("inf")}, "epsilon is inf; want a number above 0"),
    ("dacn", {"num_classes": 3}, "num_classes is 3; want 2 for dacn"),
]
# Of a wrong type. Tests check the types of arguments as well, users do not: what is told are the networks' own words.
TYPES = [
    ("focusnet", {"scale": "1"}, "model 'focusnet': {'scale': '1'} are no values for its options: '<' not supported"),
    ("dacn", {"epsilon": "1e-8"}, "model 'dacn': {'epsilon': '1e-8'} are no values for its options"),
    ("denseunet", {"size": ["161"]}, "model 'denseunet': .* are no values for its options: unhashable"),
    ("wnet", {"nets": "2"}, "nets is '2'; want 1 or 2"),
    ("wnet", {"nets": 2.0}, "nets is 2.0; want 1 or 2"),
    ("vesselnet", {"width": 2.5}, "width is 2.5; it must be at least 1, a whole number"),
    ("vesselnet", {"rectified": "no"}, "rectified is 'no'; want true or false"),
    ("nonlocal_unet", {"depth": "3"}, "depth is '3'; want 2 or more levels"),
    ("nonlocal_unet", {"global_ups": "1"}, "global_ups is '1'; want 1 or 2, and below the depth"),
    ("dacn", {"iterations": 1.5}, "iterations is 1.5; it must be at least 1"),
    ("dacn", {"branch": None}, "branch is None; it must be at least 1"),
    ("unet", {"width": None}, "width is None; it must be at least 1, a whole number"),
    ("unet", {"width": True}, "width is True; it must be at least 1, a whole number"),
    ("wnet", {"nets": True}, "nets is True; want 1 or 2"),
    ("nonlocal_unet", {"global_ups": True}, "global_ups is True; want 1 or 2"),
]


@pytest.mark.parametrize(("name", "options", "line"), WRONG)
def test_a_wrong_option_is_told_in_a_line(name, options, line):
    with pytest.raises(ValueError, match=line) as told:
        build(name, **options)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(("name", "options", "line"), TYPES)
def test_an_option_of_a_wrong_type_is_told_in_a_line(name, options, line, monkeypatch):
    monkeypatch.setitem(MODELS, name, inspect.unwrap(MODELS[name]))
    with pytest.raises(ValueError, match=line) as told:
        build(name, **options)
    assert "\n" not in str(told.value)
