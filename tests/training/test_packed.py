import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxseg.training.packed import Packed, packed_as, unpacked


@pytest.fixture
def tree():
    rng = np.random.default_rng(0)
    shapes = {"conv": {"kernel": (3, 3, 2, 5), "bias": (5,)}, "gain": (), "dense": {"kernel": (4, 7), "bias": (7,)}}
    draw = lambda shape: rng.normal(size=shape).astype(np.float32)  # noqa: E731
    return jax.tree.map(draw, shapes, is_leaf=lambda value: isinstance(value, tuple))


@pytest.mark.parametrize("kind", [np.asarray, jnp.asarray])
def test_a_tree_comes_back_as_it_was(tree, kind):
    tree = jax.tree.map(kind, tree)
    packed = Packed.of(tree)
    assert packed.matrices.shape == (1, 3 * 3 * 2 * 5 + 28)
    assert packed.vectors.shape == (13,)
    jax.tree.map(np.testing.assert_array_equal, packed.tree(), tree)
    assert all(isinstance(leaf, type(kind(0.0))) for leaf in jax.tree.leaves(packed.tree()))


def test_a_tree_without_matrices_or_without_vectors_comes_back(tree):
    for part in ({"a": tree["gain"]}, {"b": tree["dense"]["kernel"]}):
        jax.tree.map(np.testing.assert_array_equal, Packed.of(part).tree(), part)


def test_the_optimiser_does_to_the_vectors_what_it_does_to_the_tree(tree):
    """Weight decay too, which touches matrices alone."""
    mask = lambda params: jax.tree.map(lambda p: p.ndim > 1, params)  # noqa: E731
    transform = optax.adamw(0.1, weight_decay=0.5, mask=mask)
    gradients = jax.tree.map(np.cos, tree)
    updates, state = transform.update(gradients, transform.init(tree), tree)
    ours, its_state = transform.update(Packed.of(gradients), transform.init(Packed.of(tree)), Packed.of(tree))
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), (ours.tree(), unpacked(its_state)), (updates, state)
    )
    jax.tree.map(np.testing.assert_array_equal, packed_as(its_state, unpacked(its_state)), its_state)


def test_arrays_of_several_types_are_refused(tree):
    tree["gain"] = tree["gain"].astype(np.float64)
    with pytest.raises(ValueError, match="float32 and float64; give all of them one type"):
        Packed.of(tree)
