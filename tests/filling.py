"""Variables of a model without compiling its initialisation: their shapes, and random numbers in them."""

import jax
import jax.numpy as jnp
import numpy as np


def shapes(model, image=(1, 64, 64, 3)):
    """Return the variables' shapes and types."""
    return jax.eval_shape(lambda: model.init(jax.random.key(0), jnp.zeros(image), train=False))


def fill(tree, seed=0):
    """Return random variables, none of them zero: kernels keep the size of features, gains and variances are near 1."""
    rng = np.random.default_rng(seed)

    def draw(path, leaf):
        name = path[-1].key
        if name == "kernel":
            values = rng.normal(size=leaf.shape) / np.sqrt(np.prod(leaf.shape[:-1]) / 2)
        elif name in ("scale", "var"):
            values = rng.uniform(0.5, 1.5, size=leaf.shape)
        else:
            values = rng.normal(size=leaf.shape) / 4
        return jnp.asarray(values, leaf.dtype)

    return jax.tree_util.tree_map_with_path(draw, tree)
