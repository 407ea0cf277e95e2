"""The compiled programs of a network that predicts: one for each canvas and device, run where there is room for it."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Float32, Int32

from jaxseg import counting
from jaxseg.inference.canvases import Size
from jaxseg.inference.places import Places
from jaxseg.models import Network
from jaxseg.runs.programs import Program


class TooLarge(ValueError):
    """An image takes more memory than there is, predicted at once; the message says how much."""


class CompiledNetwork:
    """The compiled programs of a network. Threads, and the members of an ensemble, may share them."""

    def __init__(self, model: nn.Module, *, foreground: bool, made_of: Any):
        """Compile nothing yet.

        Args:
            model: the network.
            foreground: give the probability of class 1 alone.
            made_of: settings by which compiled programs are kept on disk, as plain data; None keeps none.
        """
        self._model = model
        self._foreground = foreground
        self._made_of = made_of
        self._programs: dict[tuple[Any, ...], Callable] = {}
        self._compiling: dict[tuple[Any, ...], threading.Lock] = {}
        self._fitting: set[Size] = set()  # canvases for which there is room

    def __call__(
        self, image: Float32[np.ndarray, "height width channels"], canvas: Size, snug: bool, places: Places
    ) -> Float32[np.ndarray, "height width *classes"]:
        """Return the probabilities of a normalised image.

        Args:
            image: no larger than the canvas.
            canvas: height and width that the program is compiled for.
            snug: every image on this canvas has it as its own frame.
            places: the variables, where they are free.

        Raises:
            TooLarge: there is no room for it, even alone.
        """
        (height, width), given = image.shape[:2], on_canvas(image, canvas)
        with places.one() as variables:
            program = self._program(canvas, snug, variables, *given)
            if canvas in self._fitting or _fits(program, places.sharing):
                self._fitting.add(canvas)
                return np.asarray(program(variables, *given))[0, :height, :width]
        with places.all():  # what others hold is free then
            if not _fits(program, 1):
                raise TooLarge(
                    f"{canvas[0]} x {canvas[1]} pixels at once take {counting.memory(_need(program))}, and "
                    f"{counting.memory(_room() or 0)} are free; predict in tiles (--tile=512; of a training's val, "
                    "--config.eval.tile='(512, 512)')"
                )
            return np.asarray(program(variables, *given))[0, :height, :width]

    def _program(self, canvas: Size, snug: bool, variables: Any, *given: np.ndarray) -> Callable:
        device = next((getattr(leaf, "device", None) for leaf in jax.tree.leaves(variables)), None)
        known_by = canvas, snug, device
        with self._compiling.setdefault(known_by, threading.Lock()):
            if known_by not in self._programs:
                self._programs[known_by] = Program(
                    "probabilities", _probabilities, variables, *given,
                    made_of=self._made_of, model=self._model, snug=snug, foreground=self._foreground,
                ).compiled()  # fmt: skip
            return self._programs[known_by]


def on_canvas(
    image: Float32[np.ndarray, "height width channels"], canvas: Size
) -> tuple[Float32[np.ndarray, "1 rows columns channels"], Int32[np.ndarray, "1 2"]]:
    """Return the image at the top left of a canvas, zeros around it, and its real height and width."""
    height, width = image.shape[:2]
    laid = np.zeros((1, *canvas, image.shape[2]), np.float32)
    laid[0, :height, :width] = image
    return laid, np.array([[height, width]], np.int32)


def _fits(program: Callable, together: int) -> bool:
    """Return whether so many images at once fit the memory, as far as anything tells: a CPU's kills who takes more."""
    there = _room()
    return there is None or not hasattr(program, "memory_analysis") or _need(program) * together <= there


def _need(program: Any) -> int:
    found = program.memory_analysis()
    return found.temp_size_in_bytes + found.output_size_in_bytes


def _room() -> int | None:
    return counting.room(jax.local_devices()[0])


@functools.partial(jax.jit, static_argnames=("model", "snug", "foreground"))
def _probabilities(
    variables: Any,
    images: Float[Array, "batch height width channels"],
    sizes: Int32[Array, "batch 2"],
    *,
    model: nn.Module,
    snug: bool,
    foreground: bool,
) -> Float32[Array, "batch height width *classes"]:
    """Return the probability of every class, or of class 1 where there is one ``foreground``."""
    known: dict[str, Any] = {"snug": snug} if isinstance(model, Network) else {}
    logits = model.apply(variables, images, train=False, sizes=sizes, **known)
    found = jax.nn.softmax(jnp.asarray(logits, jnp.float32), axis=-1)
    return found[..., 1] if foreground else found
