"""The signatures of constructors: which options a mechanism takes, and how constructors share them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping


def options(constructor: Callable) -> dict[str, inspect.Parameter]:
    """Return the keyword arguments that ``constructor`` takes, by name."""
    return dict(inspect.signature(constructor).parameters)


def accepts(*sources: Mapping[str, inspect.Parameter]) -> Callable[[Callable], Callable]:
    """Return a decorator that gives a constructor of ``**options`` the keyword arguments of ``sources`` as signature.

    So a constructor that hands its options on to others states no default twice, and ``help`` and error messages list
    them. An argument is called as its source's key says.
    """

    def wrap(constructor: Callable) -> Callable:
        merged = {name: parameter for source in sources for name, parameter in source.items()}
        parameters = [parameter.replace(name=name) for name, parameter in merged.items()]
        constructor.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        return constructor

    return wrap
