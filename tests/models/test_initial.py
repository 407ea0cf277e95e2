import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxseg import models
from jaxseg.models import Network, initial_variables


class Wide(Network):
    """A network whose kernels are large enough to tell their distributions."""

    stride = 2

    def features(self, x, attend, *, train):
        for name, init in (("uniform", nn.initializers.glorot_uniform()), ("normal", nn.initializers.he_normal())):
            x = nn.Conv(48, (3, 3), kernel_init=init, bias_init=nn.initializers.constant(0.5), name=name)(x)
        return nn.BatchNorm(use_running_average=not train, name="norm")(x)


@pytest.fixture(scope="module")
def both():
    network, key = Wide(), jax.random.key(3)
    plain = jax.jit(lambda key: network.init(key, jnp.zeros((1, 4, 4, 3)), train=False))(key)
    return plain, jax.jit(lambda key: initial_variables(network, key))(key)


def test_the_start_has_the_structure_and_the_distributions_of_init(both):
    plain, drawn = both
    assert jax.tree.map(lambda a: (a.shape, a.dtype), plain) == jax.tree.map(lambda a: (a.shape, a.dtype), drawn)
    for name in ("uniform", "normal"):
        ours, theirs = (np.ravel(v["params"][name]["kernel"]) for v in (drawn, plain))
        assert (ours == theirs).mean() < 0.01
        assert ours.std() == pytest.approx(theirs.std(), rel=0.08)
        assert abs(ours).max() == pytest.approx(abs(theirs).max(), rel=0.25)
        assert abs(ours.mean()) < 4 * ours.std() / np.sqrt(ours.size)
    np.testing.assert_array_equal(drawn["params"]["normal"]["bias"], 0.5)
    np.testing.assert_array_equal(drawn["batch_stats"]["norm"]["var"], 1)


def test_no_two_kernels_share_a_draw(both):
    """Equal kernels would be equal up to their scale."""
    network = models.build("unet", width=8)
    params = jax.jit(lambda key: initial_variables(network, key))(jax.random.key(0))["params"]
    leaves = [np.ravel(leaf) for leaf in jax.tree.leaves(params) if leaf.size >= 64 and np.std(leaf)]
    draws = [(leaf / abs(leaf).max())[:64] for leaf in leaves]
    assert len({draw.tobytes() for draw in draws}) == len(draws) > 10
    assert np.abs(np.corrcoef(draws) - np.eye(len(draws))).max() < 0.6


def test_the_same_key_gives_the_same_start_and_another_another(both):
    network = Wide()
    start = jax.jit(lambda key: initial_variables(network, key))
    jax.tree.map(np.testing.assert_array_equal, start(jax.random.key(3)), both[1])
    other = start(jax.random.key(4))["params"]["uniform"]["kernel"]
    assert (np.ravel(other) == np.ravel(both[1]["params"]["uniform"]["kernel"])).mean() < 0.01
