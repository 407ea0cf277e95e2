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
    """A module at work.

    Attributes:
        module: the module.
        results: what its methods returned, one entry a call, arrays as ``jax.ShapeDtypeStruct``.
    """

    module: nn.Module
    results: list[Any] = field(default_factory=list)

    @property
    def output(self) -> tuple[int, ...]:
        """The shape of the last array that it returned by itself; () if there is none."""
        arrays = (result.shape for result in reversed(self.results) if isinstance(result, jax.ShapeDtypeStruct))
        return next(arrays, ())


@contextmanager
def labelled() -> Iterator[Mapping[str, Called]]:
    """Put the path of every Flax module around what it does, as a named scope; yield the modules by these labels."""
    modules: dict[str, Called] = {}

    def label(method: Callable, arguments: tuple, options: Mapping, context: nn.module.InterceptorContext) -> Any:
        name = "/" + "/".join(context.module.path)  # No name of a module starts so.
        called = modules.setdefault(name, Called(context.module))
        with jax.named_scope(name):
            result = method(*arguments, **options)
        called.results.append(jax.tree.map(_abstract, result))
        return result

    with nn.intercept_methods(label):
        yield modules


def owner(scopes: Scopes, modules: Mapping[str, Called]) -> tuple[str, Scopes]:
    """Return the label of the innermost module around a step, and the scopes within it."""
    places = [place for place, scope in enumerate(scopes) if scope in modules]
    return (scopes[places[-1]], scopes[places[-1] + 1 :]) if places else ("", scopes)


def _abstract(leaf: Any) -> Any:
    return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype) if hasattr(leaf, "shape") else leaf
