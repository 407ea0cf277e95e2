"""U-Net as it was published (Ronneberger et al. 2015): no padding, no normalisation, borders by mirroring the image."""

from __future__ import annotations

from typing import ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxseg.layers import Conv, Numerics, frame, max_pool2
from jaxseg.models.blocks import UpConv
from jaxseg.models.network import Attend, Network

# Pixels that are mirrored at each side. Without padding 184 fewer come out than went in, 572 -> 388. The sides that
# fit, with every pooled map even, are 16 n + 124 -> 16 n - 60: of a canvas of 16 k pixels 188 more go in, 4 more come
# out, and with as many at either side the cells of each decoder map lie on those of the canvas.
EDGE = 94
RING = 4  # cells at each side of a decoder map, at every level, that lie beyond the canvas
SURPLUS = 2  # pixels at each side of the result


class ValidPair(nn.Module):
    """Two 3x3 convolutions with bias and ReLU, without padding: four cells fewer along each side."""

    features: int
    numerics: Numerics

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b rows columns d"]:
        """Return ``features`` channels of the cells whose surroundings are all there."""
        with frame.outside():  # what lies beyond an image's own frame is mirrored from it
            for layer in (1, 2):
                x = nn.relu(Conv(self.features, dtype=self.numerics.dtype, name=f"conv{layer}")(x))[:, 1:-1, 1:-1]
        return x


class ValidUNet(Network):
    """The published U-Net of any ``width``: w, 2 w, 4 w, 8 w channels, a bottom of 16 w, skips cropped at their middle.

    7574 w^2 + (9 c + 107 + K) w + K parameters for c input channels and K classes. Every pixel of an image gets its
    logits as by the paper's overlapping tiles, in one pass: the image is mirrored at its own borders, wherever the
    canvas ends, its outermost pixels not repeated. So an image has the same logits on every canvas, in training too.
    The dropout at the end of the contracting path, whose rate the paper does not give, is left out.

    Attention sees of a cropped skip what lies over the image. The cells around, made of mirrored pixels, pass as they
    are.

    Args:
        width: w.

    """

    stride: ClassVar[int] = 16
    skip_strides: ClassVar[tuple[int, ...]] = (1, 2, 4, 8)
    framed: ClassVar[bool] = True

    width: int

    def features(self, x: Float[Array, "b h w c"], attend: Attend, *, train: bool) -> Float[Array, "b h w d"]:
        """Return ``width`` channels at full resolution."""
        x, skips = mirrored(x, attend.sizes), []
        for level in range(5):
            if level:
                with frame.outside():
                    x = max_pool2(x)
            x = self._pair(level, "down", x)
            skips.append(x)
        for level in (3, 2, 1, 0):
            x = UpConv(self.width * 2**level, self.numerics, name=f"upconv{level}")(x)
            skip = cropped(skips[level], (skips[level].shape[1] - x.shape[1]) // 2)
            x = self._pair(level, "up", jnp.concatenate([attended(attend, level, skip, x), x], axis=-1))
        return cropped(x, SURPLUS)

    def _pair(self, level: int, name: str, x: Array) -> Array:
        return ValidPair(self.width * 2**level, self.numerics, name=f"{name}{level}")(x)


def attended(
    attend: Attend, level: int, skip: Float[Array, "b h w c"], gate: Float[Array, "b h w d"]
) -> Float[Array, "b h w c"]:
    """Return a cropped skip with attention at its cells that lie over an image, and the others as they were."""
    inner = cropped(skip, RING)
    found, real = attend(level, inner, gate=cropped(gate, RING)).astype(skip.dtype), attend.real(inner)
    found = found if real is None else jnp.where(real[..., None], found, inner)
    return skip.at[:, RING:-RING, RING:-RING].set(found)


def cropped(x: Float[Array, "b h w c"], cells: int) -> Float[Array, "b rows columns c"]:
    """Return ``x`` without so many cells at each side."""
    return x[:, cells:-cells, cells:-cells]


def mirrored(x: Float[Array, "b h w c"], sizes: Int[Array, "b 2"] | None) -> Float[Array, "b rows columns c"]:
    """Return images with ``EDGE`` pixels more at each side, and all beyond their ``sizes`` mirrored from within."""
    if sizes is None:
        sizes = jnp.broadcast_to(jnp.array(x.shape[1:3]), (x.shape[0], 2))
    for axis in (0, 1):
        last = sizes[:, axis, None] - 1
        period = jnp.maximum(2 * last, 1)  # an image of one pixel repeats it
        place = jnp.arange(-EDGE, x.shape[1 + axis] + EDGE) % period
        place = jnp.minimum(place, period - place)
        x = jax.vmap(lambda image, place, axis=axis: jnp.take(image, place, axis))(x, place)
    return x
