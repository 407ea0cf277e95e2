"""Every mechanism on the skips of a network: one train step from random parameters."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from filling import fill, shapes

from jaxseg import attention, config, losses


@pytest.mark.slow
@pytest.mark.parametrize("network", ["denseunet", "unet"])
@pytest.mark.parametrize("name", attention.MECHANISMS)
def test_a_step_moves_every_kernel(name, network):
    wanted = config.defaults()
    wanted.model.name, wanted.model.attention = network, name
    wanted.model.size = "micro"
    wanted.model.options = {"width": 4} if network == "unet" else {}
    take_a_step(config.validate(wanted), 64)


def take_a_step(model, side):
    variables = fill(shapes(model))
    rng = np.random.default_rng(0)
    images = jnp.asarray(rng.normal(size=(2, side, side, 3)), jnp.float32)
    labels = jnp.asarray(rng.random((2, side, side)) < 0.3, jnp.int32)
    sizes = jnp.array([[side, side], [side - 7, side]])
    optimizer = optax.adam(1e-3)

    @jax.jit
    def step(params, stats):
        def loss(params):
            logits, updates = model.apply(
                {"params": params, "batch_stats": stats}, images, train=True, sizes=sizes, mutable=["batch_stats"]
            )
            return losses.build("cross_entropy")(logits, labels), updates

        gradients, _ = jax.grad(loss, has_aux=True)(params)
        updates, _ = optimizer.update(gradients, optimizer.init(params), params)
        return gradients, optax.apply_updates(params, updates)

    gradients, moved = step(variables["params"], variables["batch_stats"])
    scale = max(float(jnp.abs(gradient).max()) for gradient in jax.tree.leaves(gradients))
    for path, gradient in jax.tree_util.tree_leaves_with_path(gradients):
        at = jax.tree_util.keystr(path)
        assert np.isfinite(gradient).all(), at
        if path[-1].key != "bias":
            assert np.abs(gradient).max() > 1e-9 * scale, at
    assert jax.tree.all(jax.tree.map(lambda a: bool(jnp.isfinite(a).all()), moved))
