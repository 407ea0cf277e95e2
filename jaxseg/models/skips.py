"""Attention inside a trained network: what arrives at each skip, and what any pixel of the image reads there."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from jaxseg import attention
from jaxseg.attention.mechanisms.joint import STRUCTURES, Joint
from jaxseg.models.network import Network

AnyArray = Array | np.ndarray
Pixels = Sequence[Sequence[int]] | AnyArray


def require_on_image(pixels: Pixels, shown: tuple[int, ...]) -> None:
    """Raise ValueError unless each of ``pixels``, (row, column), lies on an image of ``shown`` rows and columns."""
    places = np.asarray(pixels)
    if places.ndim != 2 or places.shape[1] != 2 or not np.issubdtype(places.dtype, np.integer):
        raise ValueError(f"pixels are {places.tolist()}; give whole numbers, (y, x) for each")
    if (off := ((places < 0) | (places >= np.array(shown))).any(1)).any():
        y, x = places[off][0].tolist()
        raise ValueError(
            f"pixel ({y}, {x}) is off the image of {shown[0]} rows and {shown[1]} columns; give y, x counted from "
            "0 at the top left corner"
        )


@dataclasses.dataclass(frozen=True)
class Map:
    """Weights on a grid that lies over an image, its first cell on the top left corner.

    Attributes:
        values: [..., rows, columns].
        cell: height and width of a cell in pixels of the image. The last row and column may reach beyond it.
    """

    values: np.ndarray
    cell: tuple[float, float]

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """Left, right, bottom and top in pixels whose centres are whole numbers, as matplotlib's ``imshow`` has it."""
        rows, columns = self.values.shape[-2:]
        return -0.5, columns * self.cell[1] - 0.5, rows * self.cell[0] - 0.5, -0.5


@dataclasses.dataclass(frozen=True)
class Skip:
    """The attention of one skip at one image: the module, and what arrived there.

    A cell of the skip is drawn over the ``stride`` x ``stride`` pixels that it stands for, the same that the key mask
    counts by. What it has seen of the image is wider, and its middle may lie elsewhere: DenseUNet's strided layers look
    at 2 r, 2 r + 1 and 2 r + 2, so there it lies half a cell further down and right.

    Attributes:
        module: the mechanism, a module by itself.
        variables: its variables.
        x: the features, [1, rows, columns, channels], padding included.
        valid: which of its positions are no padding, [1, rows, columns]; None: all.
        gate: the decoder's features there.
        stride: pixels of the network's image along a side of a cell.
        size: height and width of the network's image, without padding.
        shown: those of the photograph that it was made from: the same, or what was resized.
    """

    module: nn.Module
    variables: Any
    x: Float[Array, "1 rows columns channels"]
    valid: Array | None
    gate: Array
    stride: int
    size: tuple[int, int]
    shown: tuple[int, int]

    def rows(self, pixels: Pixels) -> Any:
        """Return what each pixel's cell reads: its weights over the image, cropped to the keys that are no padding.

        Args:
            pixels: (y, x) of each query, in pixels of the photograph.

        Returns:
            ``Map``, values [queries, heads, rows, columns], wherever ``attention.rows`` has an array: alone, or in the
            named tuples of joint structures and sequences.

        Raises:
            ValueError: for a pixel off the image.
        """
        found = attention.rows(self.module, self.variables, self.x, self.cells(pixels), **self._beside)
        return jax.tree.map(self._map, found)

    def gate_maps(self) -> dict[str, Map]:
        """Return the map of each point-wise part, values [heads, rows, columns]; see ``attention.gate_maps``."""
        found = attention.gate_maps(self.module, self.variables, self.x, **self._beside)
        return {part: self._map(values) for part, values in found.items()}

    def cells(self, pixels: Pixels) -> Int[np.ndarray, "queries 2"]:
        """Return the cell, row and column, that each pixel of the photograph lies in.

        Raises:
            ValueError: for a pixel off the image.
        """
        places, shown = np.asarray(pixels), np.array(self.shown)
        require_on_image(pixels, self.shown)
        # The middle of pixel y lies (y + 1/2) / shown down the photograph; in whole numbers, so that none is rounded.
        return (2 * places + 1) * np.array(self.size) // (2 * shown * self.stride)

    def structures(self) -> dict[str, Skip]:
        """Return the skip of a joint structure in each of the paper's nine, with the same weights and features.

        Raises:
            ValueError: the skip carries another mechanism.
        """
        if not isinstance(self.module, Joint):
            raise ValueError("only a joint structure can be rearranged; take a network with attention ja1 to ja9")
        return {
            structure.__name__: dataclasses.replace(self, module=self.module.clone(structure=structure))
            for structure in STRUCTURES[:9]
        }

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of cells that are no padding."""
        return -(-self.size[0] // self.stride), -(-self.size[1] // self.stride)

    @property
    def _beside(self) -> dict[str, Array | None]:
        return {"valid": self.valid, "gate": self.gate}

    def _map(self, values: Array) -> Map:
        """Crop the padding, and tell how large a cell is in the photograph."""
        pooled = [_pooled(queries, keys) for queries, keys in zip(self.x.shape[1:3], values.shape[-2:], strict=True)]
        strides = [self.stride * cells for cells in pooled]
        rows, columns = (-(-size // stride) for size, stride in zip(self.size, strides, strict=True))
        scale = [shown / size for shown, size in zip(self.shown, self.size, strict=True)]
        return Map(np.asarray(values, np.float32)[..., :rows, :columns], (strides[0] * scale[0], strides[1] * scale[1]))


def _pooled(queries: int, keys: int) -> int:
    """Return how many cells along an axis became one key, by pooling (a ragged border is dropped) or by strides."""
    fits = (side for side in range(1, queries + 1) if keys in (queries // side, -(-queries // side)))
    return next(fits)


def skips(
    model: Network,
    variables: Any,
    images: Float[AnyArray, "1 height width channels"],
    sizes: Int[AnyArray, "1 2"] | None = None,
) -> dict[int, Skip]:
    """Run a network once, and return what arrives at the attention of each of its skips, by level.

    Args:
        model: a trained network, from ``build``.
        variables: its variables.
        images: one image, normalised, [1, height, width, channels], of any size.
        sizes: its real height and width, where the rest of it is padding; None: all is real.

    Raises:
        ValueError: the network has no attention.
    """
    if model.attention == "none" or not model.levels:
        raise ValueError(
            "this network has no attention (attention 'none', or no levels), so there is nothing to see; train one "
            "that has, such as --config.model.attention=ja9"
        )
    height, width = (int(side) for side in (images.shape[1:3] if sizes is None else sizes[0]))
    frame, canvas = ([-(-side // model.stride) for side in sides] for sides in ((height, width), images.shape[1:3]))
    bound = model.bind(variables)
    found = {}
    for level, arrived in _arriving(model, variables, jnp.asarray(images), sizes, frame == canvas).items():
        module, its_variables = getattr(bound, f"attention{level}").unbind()
        stride = model.skip_strides[level]
        found[level] = Skip(
            module, its_variables, **arrived, stride=stride, size=(height, width), shown=(height, width)
        )
    return found


@partial(jax.jit, static_argnums=(0, 4))
def _arriving(
    model: Network, variables: Any, images: Array, sizes: AnyArray | None, snug: bool
) -> dict[int, dict[str, Any]]:
    """Return the arguments with which the network calls each of its attention modules."""
    levels = {f"attention{level}": level for level in model.levels or ()}
    found = {}

    def keep(call: Any, args: tuple, kwargs: dict[str, Any], context: nn.module.InterceptorContext) -> Any:
        level = levels.get("/".join(context.module.path))
        if level is not None and context.method_name == "__call__":
            found[level] = {"x": args[0], "valid": kwargs["valid"], "gate": kwargs["gate"]}
        return call(*args, **kwargs)

    with nn.intercept_methods(keep):
        model.apply(variables, images, train=False, sizes=sizes, snug=snug)
    return dict(sorted(found.items()))
