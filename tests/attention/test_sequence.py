import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from drawing import draw

from jaxseg import attention
from jaxseg.attention import Form
from jaxseg.attention.mechanisms.sequence import Composition, pulled


def test_rows_of_a_composition_are_the_product_of_the_weights():
    with jax.enable_x64(True):
        forms = [jax.tree.map(jnp.asarray, draw(kind, (3, 4)).form) for kind in ("cross softmax", "axis softmax")]
        x = jnp.asarray(np.random.default_rng(0).normal(size=(2, 12, 3)))
        first, second = (jax.jit(Form.dense)(form).weights.mean(1) for form in forms)
        shown = jax.jit(Composition.dense)(Composition(tuple(forms), x))
        np.testing.assert_allclose(shown.composed.weights[:, 0], second @ first, atol=1e-12)
        np.testing.assert_allclose(shown.composed.out, second @ first @ x, atol=1e-12)
        np.testing.assert_allclose(shown.passes[0].weights.mean(1), first, atol=1e-12)
        rows = np.random.default_rng(1).normal(size=(2, 3, 12))
        np.testing.assert_allclose(jax.jit(pulled)(forms[0], jnp.asarray(rows)), rows @ first, atol=1e-12)


class Twice(nn.Module):
    """The same module, then another: two sets of weights."""

    @nn.compact
    def __call__(self, x):
        once, other = (attention.build("conv1x1", use_bias=False) for _ in range(2))
        return attention.Sequence((once, once, other), parent=self)(x, train=False)


def test_a_sequence_shares_a_module_that_it_names_twice():
    x = jnp.asarray(np.random.default_rng(0).normal(size=(1, 3, 4, 2)), jnp.float32)
    variables = Twice().init(jax.random.key(0), x)
    once, other = jax.tree.leaves(variables)
    np.testing.assert_allclose(Twice().apply(variables, x), x @ once[0, 0] @ once[0, 0] @ other[0, 0], rtol=1e-5)
