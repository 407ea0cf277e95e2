"""How many pixels along a side one logit reads, by the gradient of all-positive weights."""

from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from filling import shapes

from jaxseg import models
from jaxseg.layers import avg_pool2


def positive(path, leaf):
    """Return equal weights whose sum is 1, statistics and gains of 1, and nothing else: no ReLU then cuts anything."""
    name = path[-1].key
    if name == "kernel":
        return jnp.full(leaf.shape, 1 / np.prod(leaf.shape[:-1]), leaf.dtype)
    return jnp.full(leaf.shape, float(name in ("scale", "var")), leaf.dtype)


def read(name, rows, cells):
    """Return how many rows the first logit of each of the middlemost ``cells`` rows reads."""
    model = models.build(name, width=1)
    variables = jax.tree_util.tree_map_with_path(positive, shapes(model))

    @jax.jit
    def gradients(image):
        _, pull = jax.vjp(lambda image: model.apply(variables, image)[0, :, 0, 0], image)
        return jax.vmap(lambda of: pull(of)[0][0].sum((1, 2)))(jnp.eye(rows)[rows // 2 : rows // 2 + cells])

    found = np.asarray(gradients(jnp.ones((1, rows, model.stride, 3))))
    assert (found >= 0).all()
    for row in found:
        (seen,) = row.nonzero()
        assert (seen > 0).all()
        assert (seen < rows - 1).all()  # it ends before the image does
        assert len(seen) == seen[-1] - seen[0] + 1
    return [np.count_nonzero(row) for row in found]


def test_vesselnet_reads_128_or_132():
    assert set(read("vesselnet", 192, 4)) == {128, 132}


@pytest.mark.slow
@pytest.mark.parametrize(("name", "pools"), [("unet", "u_shape"), ("unetpp", "unetpp")])
def test_networks_of_four_halvings_read_188_or_204(name, pools):
    """A largest value has a gradient of its own place alone; a mean reads the same pixels."""
    with mock.patch(f"jaxseg.models.{pools}.max_pool2", avg_pool2):
        assert set(read(name, 256, 16)) == {188, 204}
