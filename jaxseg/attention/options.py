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


def at_least_one(**options: int | None) -> None:
    """Raise ValueError if one of the ``options``, by name, is below 1; None is the option's default."""
    for name, value in options.items():
        if value is not None and value < 1:
            raise ValueError(f"{name} is {value}; it must be at least 1.")


def divide(what: str, parts: int | None, channels: int, most: int) -> int:
    """Return into how many ``parts``, heads or groups, the channels fall; None: the largest divisor up to ``most``.

    Raises:
        ValueError: if the parts do not divide the channels.
    """
    if parts is None:
        return max(n for n in range(1, max(most, 1) + 1) if channels % n == 0)
    if channels % parts:
        raise ValueError(f"{what} is {parts}, which does not divide the {channels} channels of x; take a divisor.")
    return parts


def within(span: int, grid: tuple[int, ...]) -> None:
    """Raise ValueError if a side of ``grid`` is longer than ``span``, the longest that a mechanism has weights for."""
    if max(grid) > span:
        raise ValueError(
            f"the grid {grid} has a side longer than span {span}, for which this mechanism has no position weights; "
            f"build it with span={max(grid)} or more."
        )
