"""From a photograph to a probability map at the photograph's own size."""

from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import Iterable, Sequence
from typing import Any

import flax.linen as nn
import jax
import numpy as np
from jaxtyping import Float32, UInt8

from jaxseg import checks
from jaxseg.data.preprocess import RGB, Preprocess
from jaxseg.inference import canvases
from jaxseg.inference.canvases import Size
from jaxseg.inference.compiled import CompiledNetwork, on_canvas
from jaxseg.inference.places import Places
from jaxseg.inference.tiles import blend
from jaxseg.metrics import FIXED, NONE, OFF, Walk, check_threshold, decide, tempered
from jaxseg.models import Network, Skip, skips

_FLIPS = ((), (0,), (1,), (0, 1))  # axes reversed: none, rows, columns, both


class Predictor:
    """Predicts probabilities: ``predictor(image uint8 [h, w, 3]) -> float32 [h, w]``, those of the foreground.

    With n ``classes`` it gives the probability of each, the background's first: float32 [h, w, 1 + n].

    The network is compiled once for each canvas that images lie on. That of an image is its own frame: with a stride of
    32, images of 584 x 565 and 580 x 570 both run as 608 x 576, with their real sizes told to the attention's key mask.
    Sizes that are known beforehand share a few canvases; see ``expecting``. ``variables`` may be replaced between calls
    without a new compilation, by arrays on the same device. Threads may share a predictor.

    Attributes:
        model: the network, or any Flax module with its ``stride`` and
            ``apply(variables, images, train=False, sizes=sizes) -> logits [b, h, w, classes]``, which is only given
            images on their own frames.
        variables: its ``{"params": ..., "batch_stats": ...}``.
        preprocess: the preprocessing that the model was trained with.
        step: the training step of ``variables``, where it is known: reports name it.
        classes: names of the classes that the network tells from the background; () for one foreground.
        threshold: the probability above which a pixel is called foreground, by ``score`` and ``predict_folder``. With
            ``classes``, one for each, or () for the most probable class; see ``metrics.decide``.
        reconnect: joins the fragments of the foreground after the threshold, where it is asked to.
        threshold_rule: what chose the threshold on val, a key of ``metrics.RULES``; "fixed" where nothing did.
        temperature: of the probabilities, after flips, tiles, members and resizing; see ``metrics.tempered``.
        temperature_rule: "val" where it was fitted there, "none" where it was not.
        others: of an ensemble, the members beside this one; see ``together``.
    """

    def __init__(
        self,
        model: nn.Module,
        variables: Any,
        preprocess: Preprocess,
        *,
        tile: tuple[int, ...] = (),
        overlap: float = 0.5,
        flips: bool = False,
        step: int | None = None,
        classes: tuple[str, ...] = (),
        threshold: float | tuple[float, ...] = 0.5,
        reconnect: Walk = OFF,
        made_of: Any = None,
    ):
        """Hold a trained model.

        Args:
            model: see the class.
            variables: see the class.
            preprocess: see the class.
            tile: (height, width) of overlapping tiles, in prepared pixels; () predicts whole images.
            overlap: fraction of a tile that neighbours share at least, 0 <= overlap < 1.
            flips: average the probabilities over the four flips of the image.
            step: see the class.
            classes: see the class.
            threshold: see the class.
            reconnect: see the class.
            made_of: settings that the model was built from, as plain data, with which its compiled programs may be
                kept; see ``runs.programs``. None: they are not.

        Raises:
            ValueError: a tile that is not two positive numbers, an overlap outside [0, 1), a threshold that is not one
                number or, with ``classes``, one for each, or a walk among classes.
        """
        checks.size("tile", tile, "whole images")
        checks.fraction("overlap", overlap, "the part of a tile that neighbours share, 0 to below 1")
        check_threshold("threshold", threshold, classes)
        reconnect.check(classes)
        self.model: Any = model
        self.variables = jax.device_put(variables)
        self.preprocess = preprocess
        self._canvases: dict[Size, Size] = {}
        self._places: Places | None = None
        self.tile = tile
        self.overlap = overlap
        self.flips = flips
        self.step = step
        self.classes = classes
        self.threshold = threshold
        self.reconnect = reconnect
        self.threshold_rule = FIXED
        self.temperature = 1.0
        self.temperature_rule = NONE
        self.others: tuple[Predictor, ...] = ()
        self._compiled = CompiledNetwork(model, foreground=not classes, made_of=made_of)

    def __call__(self, image: np.ndarray) -> Float32[np.ndarray, "height width *classes"]:
        """Return the probabilities of every pixel of an RGB photograph, uint8 [h, w, 3], at its own size.

        Raises:
            ValueError: the image has another dtype or shape.
            TooLarge: it does not fit the memory; a predictor with ``tile`` predicts it.
        """
        _check(image)
        probability = self.tempering(1.0).prepared(self.preprocess.seen(image))
        return self.temper(self.preprocess.restore(probability, image.shape[:2]))

    def prepared(self, image: np.ndarray) -> Float32[np.ndarray, "height width *classes"]:
        """Return the probabilities of what ``preprocess.seen`` made of an image, uint8 [h, w, channels], at that size.

        Raises:
            ValueError: the image has another dtype or shape.
        """
        _check(image, self.preprocess)
        maps = [one._alone(image) for one in (self, *self.others)]
        return self.temper(np.asarray(np.mean(maps, axis=0, dtype=np.float32)))

    def _alone(self, image: np.ndarray) -> np.ndarray:
        """Return what ``prepared`` does, of this member of an ensemble."""
        normalised = np.asarray(self.preprocess.normalise(image), np.float32)
        flips = _FLIPS if self.flips else _FLIPS[:1]
        maps = [np.flip(self._predict(np.flip(normalised, axes)), axes) for axes in flips]
        return np.asarray(np.mean(maps, axis=0, dtype=np.float32))

    def together(self, others: Sequence[Predictor]) -> Predictor:
        """Return a predictor of the mean of this one's probabilities and those of others.

        Each normalises by its own training images. Networks of one kind share their programs.

        Raises:
            ValueError: another one tells other classes apart, or prepares images in another way.
        """
        found = copy.copy(self)
        found.step = None
        found.others = tuple(self._beside(other) for other in others)
        return found

    def _beside(self, other: Predictor) -> Predictor:
        if other.classes != self.classes:
            raise ValueError(f"the members have different classes: {self.classes} and {other.classes}")
        fitted = {"mean": self.preprocess.mean, "std": self.preprocess.std}
        if self.preprocess != dataclasses.replace(other.preprocess, **fitted):
            raise ValueError(f"one member prepares images by {self.preprocess}, and another one by {other.preprocess}")
        beside = copy.copy(other)
        if other.model == self.model:
            beside._compiled = self._compiled
        return beside

    def decide(self, probability: Float32[np.ndarray, "height width *classes"]) -> UInt8[np.ndarray, "height width"]:
        """Return the class of every pixel by ``threshold`` and ``reconnect``, 0 for the background."""
        return decide(probability, self.threshold, self.reconnect)

    def temper(self, probability: Float32[np.ndarray, "height width *classes"]) -> np.ndarray:
        """Return probabilities that were found at a temperature of 1 at the predictor's own."""
        return tempered(probability, self.temperature)

    def tempering(self, temperature: float, rule: str = NONE) -> Predictor:
        """Return a predictor with another temperature, and what fitted it.

        Raises:
            ValueError: the temperature is not above 0; or it is not 1, and the predictor has classes.
        """
        wanted = "1: it is for one foreground" if self.classes else "a number above 0"
        fits = temperature == 1 or (temperature > 0 and not self.classes)
        checks.require(fits, "temperature", temperature, wanted)
        found = copy.copy(self)
        found.temperature, found.temperature_rule = temperature, rule
        return found

    def deciding(self, threshold: float, rule: str) -> Predictor:
        """Return a predictor whose threshold was chosen on val by a rule, a key of ``metrics.RULES``."""
        found = copy.copy(self)
        found.threshold, found.threshold_rule = threshold, rule
        return found

    def tiled(self, side: int) -> Predictor:
        """Return a predictor that predicts in square tiles of this side."""
        found = copy.copy(self)
        found.tile = (side, side)
        found.others = tuple(other.tiled(side) for other in self.others)
        return found

    def expecting(self, sizes: Iterable[Size]) -> Predictor:
        """Return a predictor for many images, prepared to these sizes, that several threads are to call.

        It needs at most ``canvases.MOST`` programs on each device; its probabilities differ from those of own frames by
        rounding alone. A network that is not the same on ``any_canvas`` still takes one for each frame. All GPUs take
        images in turn, one at a time each. The variables are those of now.
        """
        sizes, found = list(sizes), copy.copy(self)
        found.others = tuple(other.expecting(sizes) for other in self.others)
        found._places = Places.everywhere(self.variables)
        if isinstance(self.model, Network) and self.model.any_canvas:
            rows, columns = self.tile or (math.inf, math.inf)
            tiles = ((int(min(height, rows)), int(min(width, columns))) for height, width in sizes)
            found._canvases = canvases.choose(canvases.frame(tile, self.model.stride) for tile in tiles)
        return found

    def skips(self, image: np.ndarray) -> dict[int, Skip]:
        """Return the attention of each skip at an RGB photograph, uint8 [h, w, 3], by level.

        ``skips(image)[level].rows([(y, x)])`` is what the cell of a pixel reads; pixels count in the photograph's own
        size. The network sees the whole photograph at once, resized and padded as for a prediction, but neither tiled
        nor flipped: a predictor with ``tile`` blends answers whose attention never left a tile.

        Raises:
            ValueError: the image has another dtype or shape, or the network has no attention, or it is an ensemble.
        """
        _check(image)
        if self.others:
            raise ValueError("attention is shown of one network, not of an ensemble; give one of its runs as --workdir")
        normalised = np.asarray(self.preprocess.normalise(self.preprocess.seen(image)), np.float32)
        own = canvases.frame(normalised.shape[:2], self.model.stride)
        found = skips(self.model, self.variables, *on_canvas(normalised, own))
        return {level: dataclasses.replace(skip, shown=image.shape[:2]) for level, skip in found.items()}

    def describe(self) -> str:
        """Return how images are predicted, in words for a report."""
        tiles = f"{self.tile[0]} x {self.tile[1]} tiles, {self.overlap:.0%} overlap" if self.tile else "whole images"
        flips, members = "mean over four flips" * self.flips, f"mean of {1 + len(self.others)} networks"
        return ", ".join(filter(None, [tiles, flips, members * bool(self.others), self.reconnect.describe()]))

    def _predict(self, image: np.ndarray) -> np.ndarray:
        if self.tile:
            height, width = self.tile
            return blend(image, (height, width), self.overlap, self._whole).astype(np.float32)
        return self._whole(image)

    def _whole(self, image: np.ndarray) -> np.ndarray:
        own = canvases.frame(image.shape[:2], self.model.stride)
        canvas = self._canvases.get(own, own)
        try:
            return self._on(canvas, image)
        except (ValueError, jax.errors.JaxRuntimeError):
            if canvas == own:
                raise
            self._canvases[own] = own  # another image on this canvas may be too large for network or memory
            return self._on(own, image)

    def _on(self, canvas: Size, image: np.ndarray) -> np.ndarray:
        snug = all(own == canvas for own, shared in self._canvases.items() if shared == canvas)
        return self._compiled(image, canvas, snug, self._places or Places([self.variables]))


def _check(image: np.ndarray, seen_by: Preprocess | None = None) -> None:
    """Raise ValueError unless this is a photograph, or what a network sees of one."""
    if seen_by is not None and seen_by.inputs != RGB:
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != seen_by.channels:
            raise ValueError(
                f"the prepared image is {image.dtype} {list(image.shape)}; want uint8 [height, width, "
                f"{seen_by.channels}], the inputs {', '.join(seen_by.inputs)} (preprocess.seen makes them)"
            )
    elif image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(
            f"image is {image.dtype} {list(image.shape)}; want uint8 [height, width, 3] in RGB (data.images.read_image "
            f"reads any supported file so)"
        )
