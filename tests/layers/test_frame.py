"""On a canvas with anything around it, an image comes out of every layer as it does alone."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxseg.layers import avg_pool, avg_pool2, conv, frame, max_pool, max_pool2, repeat2, upsample2

STRIDE = 4  # of the network: frames are multiples of it


def convolution(taps, **options):
    kernel = np.random.default_rng(0).normal(size=(*taps, 2, 3))
    return lambda x: conv(x, jnp.asarray(kernel, x.dtype), **options)


LAYERS = {
    "1x1": convolution((1, 1)),
    "3x3": convolution((3, 3)),
    "even": convolution((4, 2)),
    "strided": convolution((3, 3), strides=2),
    "strided 1x1": convolution((1, 1), strides=2),
    "dilated": convolution((3, 3), dilation=2),
    "max_pool": max_pool,
    "max_pool2": max_pool2,
    "avg_pool": avg_pool,
    "avg_pool2": avg_pool2,
    "repeat2": repeat2,
    "upsample2": upsample2,
    "upsample2 by middles": partial(upsample2, align_corners=False),
}


@pytest.mark.parametrize("name", LAYERS)
@settings(max_examples=4)
@given(frames=st.lists(st.integers(1, 3), min_size=4, max_size=4), more=st.integers(0, 2), seed=st.integers(0, 99))
def test_a_layer_reads_nothing_beyond_a_frame(name, frames, more, seed):
    """Along a grid of cells of two pixels; some frames are as large as the canvas."""
    layer, rng = LAYERS[name], np.random.default_rng(seed)
    ends = np.array(frames).reshape(2, 2) * STRIDE
    sizes, canvas = ends - rng.integers(0, STRIDE, (2, 2)), ends.max(0) + more * STRIDE
    x = 100 * rng.normal(size=(2, *canvas // 2, 2))  # noise beyond the frames
    with jax.enable_x64(True):

        @jax.jit
        def inside(x, sizes):
            with frame.inside(sizes, tuple(canvas.tolist()), STRIDE):
                return layer(x)

        found = inside(x, sizes)
        assert np.isfinite(found).all()
        for image, there, (rows, columns) in zip(x, found, ends // 2, strict=True):
            alone = jax.jit(layer)(image[None, :rows, :columns])[0]
            part = there[: alone.shape[0], : alone.shape[1]]
            np.testing.assert_allclose(part, alone, rtol=1e-12, atol=1e-12 * np.abs(alone).max())


def traced(layer, x):
    return str(jax.make_jaxpr(layer)(x))


def test_without_frames_and_outside_of_them_the_program_is_the_plain_one():
    x = jnp.zeros((1, 8, 8, 2))
    for name, layer in LAYERS.items():
        plain = traced(layer, x)
        with frame.inside(jnp.array([[5, 8]]), (8, 8), STRIDE):
            assert (traced(layer, x) == plain) == (name in ("1x1", "repeat2"))  # which read nothing beyond it
            with frame.outside():
                assert traced(layer, x) == plain
            assert frame.lengths((4, 4)) is not None
        assert frame.lengths((4, 4)) is None


@pytest.mark.parametrize("layer", [max_pool2, max_pool, avg_pool, partial(LAYERS["strided"])])
def test_a_layer_whose_steps_no_frame_is_sure_to_end_with_is_refused(layer):
    with frame.inside(jnp.array([[5, 8]]), (8, 12), STRIDE):
        layer(jnp.zeros((1, 4, 6, 2)))
        with pytest.raises(ValueError, match=r"step 2 on 2 x 3 cells, .* 8 x 12 pixels with frames in steps of 4: .*"):
            layer(jnp.zeros((1, 2, 3, 2)))
        with pytest.raises(ValueError, match="declare the stride of the network's coarsest cell, or framed = False"):
            upsample2(jnp.zeros((1, 3, 6, 2)))
