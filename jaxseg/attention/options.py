"""Options of the mechanisms: which arguments a constructor takes, and how constructors share them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any


def options(constructor: Callable) -> dict[str, inspect.Parameter]:
    """Return the keyword arguments that ``constructor`` takes, by name."""
    return dict(inspect.signature(constructor).parameters)


def accepts(*sources: Mapping[str, inspect.Parameter]) -> Callable[[Callable], Callable]:
    """Give a constructor of ``**options`` the keyword arguments of ``sources``, by their names there, as its signature.

    So a constructor that passes its options on to others states no default twice, and help and errors name them.
    """

    def wrap(constructor: Callable) -> Callable:
        merged = {name: parameter for source in sources for name, parameter in source.items()}
        parameters = [parameter.replace(name=name) for name, parameter in merged.items()]
        constructor.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        return constructor

    return wrap


def choose(what: str, value: Any, among: Any) -> None:
    """Raise ValueError if ``value`` is not ``among`` the values that the option ``what`` may have."""
    if value not in among:
        raise ValueError(f"{what} is {value!r}; choose one of {', '.join(map(repr, among))}.")
