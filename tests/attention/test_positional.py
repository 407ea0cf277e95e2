import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxseg.attention import Form
from jaxseg.attention.lowerings.positional import with_offsets
from jaxseg.attention.norms import softmax
from jaxseg.attention.scores import Dot, Relative, Sum
from jaxseg.attention.supports import Tiles

GRID, SPAN, AXIS = (3, 5, 2), 6, 1


def drawn(size):
    """Return a form over lines along one axis of a volume, masked keys among them, and a table of offsets."""
    rng = np.random.default_rng(0)
    q, k, v = (jnp.asarray(rng.normal(size=(2, 30, 3, 4))) for _ in range(3))
    tables = jnp.asarray(rng.normal(size=(2, 2 * SPAN - 1, 1, 4)))
    score = Sum((Dot(q, k), Relative(tables[0], GRID, (AXIS,), q=q), Relative(tables[1], GRID, (AXIS,), k=k)))
    valid = jnp.asarray(rng.random((2, 30)) < 0.8)
    return Form(Tiles(GRID, size, (0, 0, 0)), score, softmax, v, valid, groups=3), jnp.asarray(rng.normal(size=(11, 4)))


def written_out(form, table):
    """Return both sums from the dense weights."""
    dense, place = form.dense(), np.indices(GRID)[AXIS].ravel()
    r = table[place - place[:, None] + SPAN - 1]
    return dense.out, jnp.einsum("bmnp,npd->bnmd", dense.weights, r).reshape(2, 30, -1)


def test_both_sums_and_their_gradients_are_those_of_the_dense_weights():
    with jax.enable_x64(True):
        form, table = drawn((1, 5, 1))

        def loss(form, table, sums):
            y, z = sums(form.replace(valid=valid), table)
            return jnp.sin(y).sum() + jnp.cos(z).sum(), (y, z)

        valid, form = form.valid, form.replace(valid=None)
        found = jax.jit(jax.value_and_grad(loss, (0, 1), has_aux=True), static_argnums=2)
        fast, slow = (jax.tree.leaves(found(form, table, sums)) for sums in (with_offsets, written_out))
    for one, other in zip(fast, slow, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-10)


def test_tiles_that_are_no_lines_are_refused():
    with pytest.raises(ValueError, match=r"tiles are \(1, 5, 2\) on the grid .*; position values need lines"):
        with_offsets(*drawn((1, 5, 2)))
