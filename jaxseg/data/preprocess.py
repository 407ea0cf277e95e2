"""From a photograph to what the network sees: resize, CLAHE, z-score; recorded with every model and re-applied."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Float32, Shaped, UInt8

from jaxseg.data.images import Mask, Picture

MODES = ("none", "lab", "rgb", "green", "gray")
GAMMA = 1.2  # of the grey pipeline
Prepared = UInt8[np.ndarray, "rows columns 3"]


@dataclasses.dataclass(frozen=True)
class Preprocess:
    """What is done to an image, in this order: resize, CLAHE, z-score per channel.

    The paper says "normalization and CLAHE" and no more; the default is the most usual reading.

    Attributes:
        image_size: (height, width) that images are resized to; () keeps each image's own size.
        clahe: "none"; "lab" equalises the lightness of CIELAB and keeps the colours; "rgb" each channel for itself;
            "green" only green, three times over; "gray" the grey pipeline of retina-unet (Orobix), three times over.
        clip_limit: OpenCV's clip limit; larger equalises harder.
        tiles: tiles along each side.
        mean: channel means of the training images' real pixels, in prepared grey levels; set by ``fitted``.
        std: their standard deviations.
    """

    image_size: tuple[int, ...] = ()
    clahe: str = "none"
    clip_limit: float = 2.0
    tiles: int = 8
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    std: tuple[float, ...] = (1.0, 1.0, 1.0)

    def __post_init__(self) -> None:
        size = self.image_size
        if len(size) not in (0, 2) or any(not isinstance(side, int) or side < 1 for side in size):
            raise ValueError(f"data.image_size is {size}; it is (height, width) in pixels, or () to keep each own size")
        if self.clahe not in MODES:
            raise ValueError(f"data.clahe.mode is {self.clahe!r}; choose one of {', '.join(MODES)}")
        if self.clip_limit <= 0 or self.tiles < 1:
            raise ValueError(
                f"data.clahe has clip_limit {self.clip_limit} and tiles {self.tiles}; both are positive, and mode "
                "'none' switches CLAHE off"
            )

    def prepare(self, image: Picture) -> Prepared:
        """Return the image resized and equalised, uint8: the part that is done once and cached."""
        return equalise(self._resize(image), self.clahe, self.clip_limit, self.tiles)

    def prepare_mask(self, mask: Mask) -> UInt8[np.ndarray, "rows columns"]:
        """Return a mask at ``image_size`` by nearest neighbour: no value that was not there."""
        import cv2

        if not self.image_size or mask.shape == self.image_size:
            return mask
        # INTER_NEAREST takes each cell's corner and so shifts a mask by half a cell against its image.
        return cv2.resize(mask, self.image_size[::-1], interpolation=cv2.INTER_NEAREST_EXACT)

    def normalise(
        self, prepared: UInt8[Array, "*batch height width 3"] | UInt8[np.ndarray, "*batch height width 3"]
    ) -> Float32[Array, "*batch height width 3"] | Float32[np.ndarray, "*batch height width 3"]:
        """Return (prepared - mean) / std per channel as float32, in NumPy or JAX as it came."""
        library = jnp if isinstance(prepared, jax.Array) else np
        mean, std = library.asarray(self.mean, np.float32), library.asarray(self.std, np.float32)
        return (prepared.astype(np.float32) - mean) / std

    def restore(
        self, probability: Float[np.ndarray, "rows columns"], size: tuple[int, int]
    ) -> Float32[np.ndarray, "height width"]:
        """Return a probability map, or a mask as float, at the photograph's own ``size`` (height, width), bilinear."""
        import cv2

        probability = np.asarray(probability, np.float32)
        if probability.shape == tuple(size):
            return probability
        return cv2.resize(probability, (size[1], size[0]), interpolation=cv2.INTER_LINEAR)

    def fitted(
        self, pixels: int, sums: Shaped[np.ndarray, " channels"], squares: Shaped[np.ndarray, " channels"]
    ) -> Preprocess:
        """Return this with mean and std from exact totals over prepared uint8 pixels, per channel.

        Args:
            pixels: their number.
            sums: sums of the values, as integers.
            squares: sums of the squared values, as integers.
        """
        mean = [int(total) / pixels for total in sums]
        # In integers up to the last division, so nothing cancels.
        spread = [
            (pixels * int(square) - int(total) ** 2) / pixels**2 for total, square in zip(sums, squares, strict=True)
        ]
        std = [variance**0.5 or 1.0 for variance in spread]  # a constant channel normalises to zero
        return dataclasses.replace(self, mean=tuple(mean), std=tuple(std))

    def to_json(self) -> str:
        """Return this as JSON text."""
        return json.dumps(dataclasses.asdict(self), indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Preprocess:
        """Return the ``Preprocess`` that ``to_json`` wrote, equal to the last bit."""
        fields: dict[str, Any] = json.loads(text)
        fields |= {name: tuple(fields[name]) for name in ("image_size", "mean", "std")}
        return cls(**fields)

    @classmethod
    def from_config(cls, data: Mapping) -> Preprocess:
        """Return the unfitted ``Preprocess`` that the settings ``data`` (``config.data`` as a dict) ask for."""
        clahe = data["clahe"]
        return cls(
            tuple(data["image_size"]), clahe["mode"], clip_limit=float(clahe["clip_limit"]), tiles=clahe["tiles"]
        )

    def _resize(self, image: Picture) -> Prepared:
        import cv2

        if not self.image_size or image.shape[:2] == self.image_size:
            return image
        height, width = self.image_size
        shrinks = height <= image.shape[0] and width <= image.shape[1]
        # Averaging over the area is for shrinking; OpenCV's enlarging "area" would leave blocks.
        return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


def equalise(image: Picture, mode: str, clip_limit: float, tiles: int) -> Picture:
    """Return the image after contrast-limited adaptive histogram equalisation (CLAHE), uint8 RGB.

    See ``Preprocess`` for the modes.
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
    # retina-unet, lib/pre_processing.py: grey, z-score of the whole set, each image stretched to 0..255, CLAHE, gamma.
    # The stretch undoes any shift and scale before it, so the z-score drops out and an image needs no other image.
    grey = image.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    low, high = grey.min(), grey.max()
    stretched = np.zeros_like(grey) if high == low else (grey - low) / (high - low) * 255
    curve = ((np.arange(256) / 255) ** (1 / GAMMA) * 255).astype(np.uint8)
    return _grey_to_rgb(cv2.LUT(clahe(stretched.astype(np.uint8)), curve))


def _grey_to_rgb(grey: Mask) -> Picture:
    return np.repeat(grey[..., None], 3, axis=-1)
