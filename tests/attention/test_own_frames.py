"""Mechanisms that look for the border of the grid find that of each image's frame; the others need ``valid`` alone."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from filling import fill

from jaxseg import attention
from jaxseg.attention.supports import Neighborhood
from jaxseg.layers import frame
from jaxseg.models.network import real_cells

CASES = [
    ("neighborhood", {"window": 3}),
    pytest.param("neighborhood", {"window": 4}, marks=pytest.mark.slow),
    pytest.param("sa", {"pool": "pre", "pool_size": 3}, marks=pytest.mark.slow),
    ("sa", {"pool": "post", "pool_size": 2}),
    ("attention_gate", {"sub_sample": 3}),
    ("swin", {"window": 3}),
    ("deformable_conv", {}),
]


@pytest.mark.parametrize(("name", "options"), CASES)
def test_a_mechanism_gives_what_it_gives_on_the_own_frame(name, options):
    """Cells of two pixels, frames of four in a canvas of 24 x 20; what lies beyond a frame is zero, as it arrives."""
    module, rng = attention.build(name, **options), np.random.default_rng(0)
    sizes, ends = np.array([[9, 13], [2, 18]]), np.array([[6, 8], [2, 10]])
    x = rng.normal(size=(2, 12, 10, 4)).astype(np.float32)
    for image, (rows, columns) in zip(x, ends, strict=True):
        image[rows:] = image[:, columns:] = 0
    variables = fill(jax.eval_shape(lambda: module.init(jax.random.key(0), x, train=False)))

    @jax.jit
    def inside(x, sizes):
        with frame.inside(sizes, (24, 20), 4):
            return module.apply(variables, x, train=False, valid=real_cells(sizes, 2, (12, 10)))

    found = inside(x, sizes)
    for k, (rows, columns) in enumerate(ends):
        valid = real_cells(jnp.asarray(sizes[k : k + 1]), 2, (int(rows), int(columns)))
        apply = jax.jit(partial(module.apply, train=False))
        alone = apply(variables, x[k : k + 1, :rows, :columns], valid=valid)[0]
        np.testing.assert_allclose(found[k, :rows, :columns], alone, atol=1e-5 * np.abs(alone).max())


@pytest.mark.parametrize("window", [3, 4])
def test_a_neighborhood_with_ends_is_that_of_a_smaller_grid(window):
    grid, ends = (7, 6), np.array([[5, 6], [2, 4]])
    support = Neighborhood(grid, (window, window), jnp.asarray(ends))
    j, ok = map(np.asarray, jax.jit(support.at)(np.arange(42)))
    assert ok.all()
    for image, (rows, columns) in enumerate(ends):
        alone, _ = jax.jit(Neighborhood((int(rows), int(columns)), (window, window)).at)(np.arange(rows * columns))
        alone = np.asarray(alone)
        for i, keys in enumerate(alone[0, :, 0]):
            here = j[image, i // columns * 6 + i % columns, 0]
            inside = here[(here // 6 < rows) & (here % 6 < columns)]
            np.testing.assert_array_equal(inside // 6 * columns + inside % 6, keys)


def test_a_whole_is_framed_as_its_parts_are():
    assert all(attention.build(name).framed for name in attention.MECHANISMS)
    assert not attention.build("swin", shift=3).framed
    pair = attention.Sequence((attention.MECHANISMS["swin"](), attention.MECHANISMS["swin"](shift=2)))
    assert not pair.framed
