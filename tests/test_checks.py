import pytest

from jaxseg import checks


def told(check, *given, **named):
    with pytest.raises(ValueError, match=".*") as raised:
        check(*given, **named)
    return str(raised.value)


def test_a_value_is_one_of_those_that_there_are():
    checks.one_of("data.name", "drive", ("drive", "folder"))
    assert told(checks.one_of, "data.name", "drvie", {"drive": 1, "folder": 2}) == (
        "data.name is 'drvie' (did you mean 'drive'?); choose one of drive, folder"
    )
    assert told(checks.one_of, "size", 161, ("161", "121")) == (
        "size is 161 (did you mean '161'?); choose one of 161, 121"
    )
    assert told(checks.one_of, "name", "zzz", ("drive",)) == "name is 'zzz'; choose one of drive"


def test_arguments_are_known():
    checks.arguments("model 'unet'", ["width"], ["width"])
    assert told(checks.arguments, "model 'unet'", ["wdith"], ["width"]) == (
        "model 'unet' has no option 'wdith' (did you mean 'width'?); it takes width"
    )
    assert told(checks.arguments, "attention 'none'", ["width"], []) == (
        "attention 'none' has no option 'width'; it takes none"
    )


@pytest.mark.parametrize("number", [0, -1, 2.5, "8", True, None])
def test_a_number_of_things_is_whole_and_at_least_one(number):
    checks.at_least_one(width=1)
    line = f"width is {number!r}; it must be at least 1, a whole number"
    assert told(checks.at_least_one, width=number) == line
    if number is None:
        checks.at_least_one_if_given(width=number)
    else:
        assert told(checks.at_least_one_if_given, width=number) == line


@pytest.mark.parametrize("value", [(64,), (64, 0), (64, 2.0), 64, (1, 2, 3), "ab"])
def test_a_size_is_two_numbers_or_nothing(value):
    for fine in ((), [], (64, 32), [1, 1]):
        checks.size("tile", fine, "whole images")
    assert told(checks.size, "tile", value, "whole images") == (
        f"tile is {value!r}; want (height, width) in pixels, or () for whole images"
    )


@pytest.mark.parametrize("value", [-0.1, 1.0, float("nan")])
def test_a_fraction_is_below_one(value):
    checks.fraction("overlap", 0.0, "the part that is shared")
    assert told(checks.fraction, "overlap", value, "the part that is shared") == (
        f"overlap is {value!r}; want the part that is shared"
    )
