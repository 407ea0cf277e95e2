"""Parameters and multiply-adds of a network, counted from its shapes."""

import math

import jax
import jax.numpy as jnp
from filling import shapes

from jaxseg import counting


def parameters(model):
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(shapes(model)["params"]))


def multiply_adds(model, image=(256, 256, 3)):
    """Of prediction alone; ``summarise`` counts training too, and takes longer."""

    def predicted(variables, image):
        return model.apply(variables, image, train=False)

    shown = jax.ShapeDtypeStruct((1, *image), jnp.float32)
    return counting.count(predicted, shapes(model, shown.shape), shown).products / 1e9
