import jax
import jax.numpy as jnp
import numpy as np
import pytest
from small import Deep

from jaxseg import counting, models
from jaxseg.models import training_pass

IMAGES = np.random.default_rng(0).normal(size=(2, 32, 32, 3)).astype(np.float32)


def step(network, variables):
    """Return loss, new state and gradients of a training pass, under jit."""

    def loss(params, images):
        given = {**variables, "params": params}
        logits, auxiliary, state = training_pass(network, given, images, None, jax.random.key(1))
        return sum((z**2).mean() for z in (logits, *auxiliary.values())), state

    return jax.value_and_grad(loss, has_aux=True)


UNET = models.build("unet", width=4, attention="ja9", levels=(0,))


EQUIPPED = models.build("unet", width=4, block="cbam", bottom="danet")
SLOW = [pytest.param(network, marks=pytest.mark.slow) for network in (UNET, EQUIPPED)]


@pytest.mark.parametrize("network", [Deep(), *SLOW])
def test_a_network_computed_again_is_the_same_network(network):
    """Loss, statistics and gradients, with what dropout draws; and the names of the parameters."""
    again = network.clone(remat=True)
    variables = jax.jit(lambda key: network.init(key, jnp.asarray(IMAGES), train=False))(jax.random.key(0))
    shapes = jax.eval_shape(lambda key: again.init(key, jnp.asarray(IMAGES), train=False), jax.random.key(0))
    assert jax.tree.map(jnp.shape, variables) == jax.tree.map(jnp.shape, shapes)
    found, expected = (
        jax.jit(step(net, variables))(variables["params"], jnp.asarray(IMAGES)) for net in (again, network)
    )
    largest = max(float(jnp.abs(leaf).max()) for leaf in jax.tree.leaves(expected))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6 * largest), found, expected)


def test_less_is_kept_for_the_backward_pass():
    networks = [UNET.clone(remat=remat) for remat in (False, True)]
    shapes = jax.eval_shape(lambda key: UNET.init(key, jnp.asarray(IMAGES), train=False), jax.random.key(0))
    variables = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), shapes)
    plain, again = (counting.count(step(net, variables), variables["params"], IMAGES) for net in networks)
    assert again.temporary < 0.9 * plain.temporary
    assert again.flops > 1.2 * plain.flops
