"""Checks of arguments that several rooms share. Each says in one line what came, what was wanted and what is near."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from difflib import get_close_matches
from numbers import Integral
from typing import Any


def require(holds: bool, name: str, value: object, wanted: str) -> None:
    """Raise ValueError, saying that ``name`` is ``value`` and what is wanted, unless the check ``holds``."""
    if not holds:
        raise ValueError(f"{name} is {value!r}; want {wanted}")


def one_of(name: str, value: object, among: Collection[Any]) -> None:
    """Raise ValueError unless ``value`` is ``among`` the values that ``name`` may have."""
    if value not in among:
        raise ValueError(f"{name} is {value!r}{nearest(value, among)}; choose one of {', '.join(map(str, among))}")


def arguments(what: str, given: Iterable[str], known: Collection[str]) -> None:
    """Raise ValueError if one of the argument names ``given`` is not ``known`` to ``what``."""
    for name in given:
        if name not in known:
            takes = f"it takes {', '.join(known)}" if known else "it takes none"
            raise ValueError(f"{what} has no option {name!r}{nearest(name, known)}; {takes}")


def nearest(value: object, among: Iterable[Any]) -> str:
    """Return " (did you mean ...?)" with the value ``among`` others that is spelt most alike, or "" if none is."""
    near = get_close_matches(str(value), map(str, among), n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def at_least_one(**numbers: Any) -> None:
    """Raise ValueError unless each of ``numbers``, by name, is whole and at least 1."""
    for name, number in numbers.items():
        if isinstance(number, bool) or not isinstance(number, Integral) or number < 1:
            raise ValueError(f"{name} is {number!r}; it must be at least 1, a whole number")


def at_least_one_if_given(**numbers: Any) -> None:
    """Raise ValueError unless each of ``numbers``, by name, is whole and at least 1, or None for a default."""
    at_least_one(**{name: number for name, number in numbers.items() if number is not None})


def size(name: str, value: Any, otherwise: str) -> None:
    """Raise ValueError unless ``value`` is (height, width), whole numbers above 0, or () for ``otherwise``."""
    whole = isinstance(value, tuple | list) and all(isinstance(side, int) and side > 0 for side in value)
    require(whole and len(value) in (0, 2), name, value, f"(height, width) in pixels, or () for {otherwise}")


def fraction(name: str, value: float, wanted: str) -> None:
    """Raise ValueError, saying what is ``wanted``, unless 0 <= ``value`` < 1."""
    require(0 <= value < 1, name, value, wanted)
