"""Preparing an image for the network: resize, CLAHE, z-score; stored with every model and repeated at prediction."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Float32, Shaped, UInt8

from jaxseg import checks
from jaxseg.data import illumination, images
from jaxseg.data.images import Mask, Picture

MODES = ("none", "lab", "rgb", "green", "gray")
GAMMA = 1.2  # of mode "gray"
RGB = ("rgb",)  # the inputs of a network that sees the photograph alone
Prepared = UInt8[np.ndarray, "rows columns 3"]


@dataclasses.dataclass(frozen=True)
class Preprocess:
    """What is done to an image, in this order: resize, CLAHE, the network's inputs, z-score per channel.

    The paper says "normalization and CLAHE" and no more; the defaults of ``config.data`` are a usual choice.

    Attributes:
        image_size: (height, width) that images are resized to; () keeps each image's own size.
        clahe: "none"; "lab" equalises the lightness of CIELAB and keeps the colours; "rgb" equalises each channel by
            itself; "green" equalises green and copies it to all three channels; "gray" does so with the grey image of
            retina-unet (Orobix).
        clip_limit: OpenCV's clip limit; a larger one raises contrast more.
        tiles: number of tiles along each side.
        mean: mean per channel of the inputs over all pixels of the prepared training images, in grey levels; set by
            ``fitted``, until then 0.
        std: standard deviation per channel, likewise, until then 1.
        window: (low, high) grey values of photographs of 16 bits that become 0 and 255; see ``images.read_image``.
        inputs: what the network sees, keys of ``illumination.INPUTS``: their channels stand in this order. CLAHE acts
            on rgb alone; the others are made of the resized photograph.
        angle: of the intrinsic image; see ``illumination.intrinsic``.

    Raises:
        ValueError: image_size, clahe, clip_limit, tiles, window, inputs or angle is wrong; the line names the setting.
    """

    image_size: tuple[int, ...] = ()
    clahe: str = "none"
    clip_limit: float = 2.0
    tiles: int = 8
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    window: tuple[Any, ...] = ()
    inputs: tuple[str, ...] = RGB
    angle: str = "min_entropy"

    def __post_init__(self) -> None:
        checks.size("data.image_size", self.image_size, "each image's own size")
        checks.one_of("data.clahe.mode", self.clahe, MODES)
        off = "(data.clahe.mode 'none' switches CLAHE off)"
        checks.require(self.clip_limit > 0, "data.clahe.clip_limit", self.clip_limit, f"a number above 0 {off}")
        checks.require(0 < self.tiles <= 256, "data.clahe.tiles", self.tiles, f"a number of tiles, 1 to 256 {off}")
        unknown = [name for name in self.inputs if name not in illumination.INPUTS]
        fits = not unknown and 0 < len(self.inputs) == len(set(self.inputs))
        wanted = f"one or more different names among {', '.join(illumination.INPUTS)}, as in ('rgb', 'v_star')"
        wanted += checks.nearest(unknown[0], illumination.INPUTS) if unknown else ""
        checks.require(fits, "data.inputs", self.inputs, wanted)
        checks.one_of("data.angle", self.angle, illumination.ANGLES)
        for name, unfitted in (("mean", 0.0), ("std", 1.0)):
            numbers = getattr(self, name) or (unfitted,) * self.channels
            fits = len(numbers) == self.channels and all(math.isfinite(number) for number in numbers)
            checks.require(fits, name, numbers, f"{self.channels} finite numbers, one a channel")
            object.__setattr__(self, name, numbers)
        checks.require(min(self.std) > 0, "std", self.std, "numbers above 0")
        images.check_window(self.window)

    def read(self, path: Path | str) -> Picture:
        """Return a photograph as the network was trained on, RGB uint8 [height, width, 3], at its own size.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: as ``images.read_image``.
        """
        return images.read_image(path, self.window)

    @property
    def channels(self) -> int:
        """How many channels the network sees."""
        return sum(illumination.INPUTS[name].channels for name in self.inputs)

    def prepare(self, image: Picture) -> Prepared:
        """Return the image resized and equalised, uint8. This part is done once per image and cached."""
        return equalise(self._resize(image), self.clahe, self.clip_limit, self.tiles)

    def seen(self, image: Picture) -> UInt8[np.ndarray, "rows columns channels"]:
        """Return what the network sees of an image before ``normalise``; with rgb alone this is ``prepare``."""
        if self.inputs == RGB:
            return self.prepare(image)
        views = illumination.Views(self._resize(image), self.prepare(image), self.angle)
        return illumination.stacked(self.inputs, views)

    def size(self, image: tuple[int, int]) -> tuple[int, int]:
        """Return height and width of what ``prepare`` makes of an image of these."""
        return (self.image_size[0], self.image_size[1]) if self.image_size else image

    def prepare_mask(self, mask: Mask) -> UInt8[np.ndarray, "rows columns"]:
        """Return a mask resized to ``image_size`` by nearest neighbour, which makes no values of its own."""
        import cv2

        if not self.image_size or mask.shape == self.image_size:
            return mask
        # INTER_NEAREST_EXACT takes the value at the centre of each new pixel; INTER_NEAREST takes the one at its top
        # left corner, which shifts the mask against its image.
        return cv2.resize(mask, self.image_size[::-1], interpolation=cv2.INTER_NEAREST_EXACT)

    def normalise(
        self, seen: UInt8[Array, "*batch height width channels"] | UInt8[np.ndarray, "*batch height width channels"]
    ) -> Float32[Array, "*batch height width channels"] | Float32[np.ndarray, "*batch height width channels"]:
        """Return (seen - mean) / std per channel as float32: NumPy for a NumPy array, JAX for a JAX array."""
        if isinstance(seen, jax.Array):
            mean, std = jnp.asarray(self.mean, np.float32), jnp.asarray(self.std, np.float32)
            return (seen.astype(np.float32) - mean) / std
        # Row by row: with three channels as its inner loop, NumPy takes ten times as long.
        width = seen.shape[-2]
        rows = seen.astype(np.float32).reshape(*seen.shape[:-2], len(self.mean) * width)
        rows -= np.tile(np.asarray(self.mean, np.float32), width)
        rows /= np.tile(np.asarray(self.std, np.float32), width)
        return rows.reshape(seen.shape)

    def restore(
        self, probability: Float[np.ndarray, "rows columns *classes"], size: tuple[int, int]
    ) -> Float32[np.ndarray, "height width *classes"]:
        """Return probability maps or a float mask resized to the photograph's ``size`` (height, width), bilinear."""
        import cv2

        probability = np.asarray(probability, np.float32)
        if probability.shape[:2] == tuple(size):
            return probability
        return cv2.resize(probability, (size[1], size[0]), interpolation=cv2.INTER_LINEAR)

    def fitted(
        self, pixels: int, sums: Shaped[np.ndarray, " channels"], squares: Shaped[np.ndarray, " channels"]
    ) -> Preprocess:
        """Return a copy with mean and std, computed from exact totals over prepared uint8 pixels.

        Args:
            pixels: number of pixels.
            sums: sum of the values per channel, integers.
            squares: sum of the squared values per channel, integers.
        """
        mean = [int(total) / pixels for total in sums]
        # In integers up to the last division: a difference of rounded squares would lose digits.
        spread = [
            (pixels * int(square) - int(total) ** 2) / pixels**2 for total, square in zip(sums, squares, strict=True)
        ]
        std = [variance**0.5 or 1.0 for variance in spread]  # a constant channel normalises to zero
        return dataclasses.replace(self, mean=tuple(mean), std=tuple(std))

    def to_json(self) -> dict[str, Any]:
        """Return this as plain JSON, an object."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Preprocess:
        """Return the ``Preprocess`` of what ``to_json`` gave; all numbers are exactly the same."""
        given: dict[str, Any] = {"window": (), "inputs": RGB, **fields}  # runs of 0.1 have no window, and see rgb
        tuples = ("image_size", "mean", "std", "window", "inputs")
        return cls(**{**given, **{name: tuple(given[name]) for name in tuples}})

    @classmethod
    def from_config(cls, data: Mapping) -> Preprocess:
        """Return the ``Preprocess`` that the settings ``data`` (``config.data`` as a dict) ask for, not yet fitted."""
        clahe = data["clahe"]
        return cls(
            tuple(data["image_size"]),
            clahe["mode"],
            clip_limit=float(clahe["clip_limit"]),
            tiles=clahe["tiles"],
            window=tuple(data["window"]),
            inputs=tuple(data["inputs"]),
            angle=data["angle"],
        )

    def _resize(self, image: Picture) -> Prepared:
        import cv2

        if not self.image_size or image.shape[:2] == self.image_size:
            return image
        height, width = self.image_size
        shrinks = height <= image.shape[0] and width <= image.shape[1]
        # INTER_AREA averages where it shrinks, but repeats pixels in blocks where it enlarges.
        return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


def equalise(image: Picture, mode: str, clip_limit: float, tiles: int) -> Picture:
    """Return the image after contrast-limited adaptive histogram equalisation (CLAHE), uint8 RGB.

    See ``Preprocess`` for the modes, ``clip_limit`` and ``tiles``.
    """
    import cv2

    if mode == "none":
        return image
    clahe = cv2.createCLAHE(clip_limit, (tiles, tiles)).apply
    if mode == "lab":
        lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB)
        lab[..., 0] = clahe(np.ascontiguousarray(lab[..., 0]))
        return cv2.cvtColor(lab, cv2.COLOR_LAB2RGB)
    if mode == "rgb":
        return np.stack([clahe(np.ascontiguousarray(image[..., channel])) for channel in range(3)], axis=-1)
    if mode == "green":
        return _grey_to_rgb(clahe(np.ascontiguousarray(image[..., 1])))
    # retina-unet, lib/pre_processing.py: grey, z-score over the set, each image stretched to 0..255, CLAHE, gamma. The
    # stretch undoes any shift and scale before it, so the z-score has no effect and is left out. In integers, since a
    # float32 product rounds as the processor's kernel does, and the images would differ by one from machine to machine.
    grey = image.astype(np.int32) @ np.array([299, 587, 114], np.int32)
    low, high = grey.min(), grey.max()
    stretched = (grey - low) * 255 // max(high - low, 1)
    curve = ((np.arange(256) / 255) ** (1 / GAMMA) * 255).astype(np.uint8)
    return _grey_to_rgb(cv2.LUT(clahe(stretched.astype(np.uint8)), curve))


def _grey_to_rgb(grey: Mask) -> Picture:
    return np.repeat(grey[..., None], 3, axis=-1)
