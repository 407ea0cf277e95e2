"""Which Flax module a step of a program belongs to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import flax.linen as nn
import jax

from jaxseg.counting.program import Scopes

Path = tuple[str, ...]  # names of a module and of those around it, outermost first; () for the outermost


@dataclass
class Called:
    """A module and the results of its calls.

    Attributes:
        module: the module.
        results: what its methods returned, one entry per call, arrays as ``jax.ShapeDtypeStruct``.
    """

    module: nn.Module
    results: list[Any] = field(default_factory=list)

    @property
    def output(self) -> tuple[int, ...]:
        """The shape of the last result that is an array, not a tuple or a dict of arrays; () if there is none."""
        arrays = (result.shape for result in reversed(self.results) if isinstance(result, jax.ShapeDtypeStruct))
        return next(arrays, ())


@contextmanager
def labelled() -> Iterator[Mapping[str, Called]]:
    """Trace every Flax module within a named scope, labelled with its path; yield the modules by their labels."""
    modules: dict[str, Called] = {}

    def label(method: Callable, arguments: tuple, options: Mapping, context: nn.module.InterceptorContext) -> Any:
        name = "/" + "/".join(context.module.path)  # No module's own name starts with a slash.
        called = modules.setdefault(name, Called(context.module))
        with jax.named_scope(name):
            result = method(*arguments, **options)
        called.results.append(jax.tree.map(_abstract, result))
        return result

    with nn.intercept_methods(label):
        yield modules


def owner(scopes: Scopes, modules: Mapping[str, Called]) -> tuple[str, Scopes]:
    """Return the label of the innermost module around a step, "" if there is none, and the scopes within it."""
    places = [place for place, scope in enumerate(scopes) if scope in modules]
    return (scopes[places[-1]], scopes[places[-1] + 1 :]) if places else ("", scopes)


def _abstract(leaf: Any) -> Any:
    return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype) if hasattr(leaf, "shape") else leaf
