"""A generated image as another camera takes it: other light, softer optics, a noisier sensor; its masks stay.

Light, blur and noise are drawn from ranges outside those of ``generate``: no training image has them.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from jaxtyping import UInt8

from jaxseg.data import painting

Image = UInt8[np.ndarray, "size size 3"]


def another(image: Image, seed: int, index: int) -> Image:
    """Return the image as another camera takes it, a function of (seed, index) alone.

    The exposure is undone; the light is dimmed, tinted, and falls off to one side; the optics blur it; the sensor
    adds its noise when the light is exposed again.

    Args:
        image: what ``generate`` drew.
        seed: seed of the images.
        index: number of the image.
    """
    rng = np.random.default_rng([seed, index, 2])  # 0 and 1 are those of generate
    size = image.shape[0]
    light = painting.unexposed(image)
    x, y = painting.grid(size)
    angle, tilt = rng.uniform(0, 2 * math.pi), rng.uniform(1.0, 1.8)
    slope = (x - 0.5) * math.cos(angle) + (y - 0.5) * math.sin(angle)
    tint = np.exp(rng.uniform(-0.35, 0.35, 3))
    light *= rng.uniform(0.4, 0.7) * np.exp(tilt * slope)[..., None] * tint
    light = cv2.GaussianBlur(light, (0, 0), rng.uniform(0.4, 0.8) + 0.0015 * size)
    return painting.expose(rng, light, rng.uniform(0.06, 0.09))
