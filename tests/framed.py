"""An image has the same logits on every canvas that holds it."""

from functools import partial

import jax
import numpy as np
from filling import fill, shapes


def compare(model, seed=0, tolerance=1e-5):
    """Put images of two frames onto a larger canvas at once, with noise around them, and each into its own frame."""
    rng, stride = np.random.default_rng(seed), model.stride
    variables = fill(shapes(model))
    frames = rng.permutation([[stride, 2 * stride], [2 * stride, stride]])
    sizes = frames - rng.integers(0, stride, (2, 2))
    canvas = frames.max(0) + stride * rng.integers(1, 3, 2)
    images = rng.normal(size=(2, *canvas, 3)).astype(np.float32)
    for image, size, end in zip(images, sizes, frames, strict=True):
        image[size[0] : end[0], : end[1]] = image[: end[0], size[1] : end[1]] = 0

    @partial(jax.jit, static_argnames="snug")
    def run(images, sizes, snug=False):
        return model.apply(variables, images, train=False, sizes=sizes, snug=snug)

    found = run(images, sizes)
    for k, (size, end) in enumerate(zip(sizes, frames, strict=True)):
        rows, columns = size
        alone = run(images[k : k + 1, : end[0], : end[1]], sizes[k : k + 1], snug=True)[0, :rows, :columns]
        np.testing.assert_allclose(found[k, :rows, :columns], alone, atol=tolerance * np.abs(alone).max())
