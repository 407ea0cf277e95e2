"""Small models whose answers can be worked out by hand."""

from typing import ClassVar

import flax.linen as nn
import jax.numpy as jnp
import numpy as np

from jaxseg.data.preprocess import Preprocess

PLAIN = Preprocess(std=(255.0, 255.0, 255.0))  # only divides by 255


class Pixels(nn.Module):
    """A 1x1 convolution: every pixel's logits follow from its own colour."""

    stride: ClassVar = 32

    @nn.compact
    def __call__(self, images, *, train, sizes=None):
        return nn.Dense(2)(images)


# logit 1 - logit 0 = 10 * green - 5: foreground where green exceeds one half
GREEN = {"params": {"Dense_0": {"kernel": jnp.zeros((3, 2)).at[1, 1].set(10.0), "bias": jnp.array([5.0, 0.0])}}}


def green_probability(image):
    return (1 / (1 + np.exp(5 - 10 * (image[..., 1] / 255)))).astype(np.float32)
