import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from filling import fill, shapes

from jaxseg import models
from jaxseg.models.unetpp import pruned


@pytest.mark.parametrize(("width", "count"), [(8, 567_120), (9, 717_434), (16, 2_263_832), (32, 9_046_056)])
def test_parameter_counts(width, count):
    params = shapes(models.build("unetpp", width=width))["params"]
    assert sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(params)) == count
    assert count == 8825 * width**2 + (27 + 254) * width + 4 * (2 * width + 2)


@pytest.fixture(scope="module")
def whole():
    """A small network with attention, its variables, images, and its auxiliary logits in training."""
    model = models.build("unetpp", width=2, attention="pwa", num_classes=3)
    images = jnp.asarray(np.random.default_rng(0).normal(size=(2, 32, 48, 3)), jnp.float32)
    return model, fill(shapes(model), seed=1), images


@pytest.mark.parametrize("depth", [pytest.param(1, marks=pytest.mark.slow), 2, pytest.param(3, marks=pytest.mark.slow)])
def test_a_pruned_network_is_the_column_of_the_whole_one(whole, depth):
    """In training mode, where the auxiliary heads answer; nothing but the column and what it is made of is computed."""
    model, variables, images = whole
    key = jax.random.key(0)
    _, auxiliary, _ = models.training_pass(model, variables, images, None, key)
    small = models.build("unetpp", width=2, attention="pwa", num_classes=3, depth=depth)
    kept = pruned(variables, depth)
    wanted = shapes(small)
    assert jax.tree.map(jnp.shape, kept["params"]) == jax.tree.map(lambda leaf: leaf.shape, wanted["params"])
    logits, others, _ = models.training_pass(small, kept, images, None, key)
    np.testing.assert_allclose(logits, auxiliary[f"column{depth}"], rtol=1e-5, atol=1e-6)
    assert sorted(others) == [f"column{column}" for column in range(1, depth)]


def test_pruning_to_what_is_not_there_is_refused(whole):
    with pytest.raises(ValueError, match="depth is 4; want a column of the network before its last one"):
        pruned(whole[1], 4)
    with pytest.raises(ValueError, match="depth is 5; want 1 to 4"):
        models.build("unetpp", depth=5)
