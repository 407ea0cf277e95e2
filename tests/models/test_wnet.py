import jax
import jax.numpy as jnp
import numpy as np
import pytest
from filling import fill, shapes

from jaxseg import models

IMAGES = jnp.asarray(np.random.default_rng(0).normal(size=(1, 8, 12, 3)), jnp.float32)


@pytest.fixture(scope="module")
def seen():
    """Logits, and those of the first net, before and after its head changes, and after the second one's does."""
    model = models.build("wnet", width=2)
    variables = fill(shapes(model))

    @jax.jit
    def run(variables):
        logits, others, _ = models.training_pass(model, variables, IMAGES, None, jax.random.key(0))
        return logits, others["first"]

    def changed(name):
        """Not by a constant: the normalisation of the second net would take it out again."""
        head = jax.tree.map(lambda leaf: leaf.at[..., 0].multiply(-2), variables["params"][name])
        return {**variables, "params": variables["params"] | {name: head}}

    return [run(of) for of in (variables, changed("first_head"), changed("head"))]


def test_the_second_net_sees_the_logits_of_the_first(seen):
    (logits, first), (logits_after, first_after), _ = seen
    assert np.abs(first_after - first).max() > 0.1
    assert np.abs(logits_after - logits).max() > 0.1


def test_the_first_net_sees_nothing_of_the_second(seen):
    (logits, first), _, (logits_after, first_after) = seen
    np.testing.assert_array_equal(first_after, first)
    assert np.abs(logits_after - logits).max() > 0.1


def test_one_net_has_no_auxiliary_logits_and_half_of_the_skips():
    one, two = (models.build("wnet", width=2, nets=nets) for nets in (1, 2))
    assert (one.auxiliary_weights, two.auxiliary_weights) == ({}, {"first": 1.0})
    assert (one.skip_strides, two.skip_strides) == ((1, 2), (1, 2, 1, 2))
    params, every = shapes(one)["params"], shapes(two)["params"]
    assert params.keys() == {name for name in every if name.startswith("net1")} | {"head"}
    assert every["net2_down0"]["layer1"]["conv"]["kernel"].shape == (3, 3, 3 + 2, 2)


def test_attention_acts_on_the_skips_of_both_nets():
    params = shapes(models.build("wnet", width=2, attention="ja9"))["params"]
    assert {name for name in params if name.startswith("attention")} == {f"attention{level}" for level in range(4)}
