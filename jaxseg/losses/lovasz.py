"""The Lovász hinge: a convex surrogate of the Jaccard index, by sorting."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jaxseg.losses.loss import Loss, Sums, over_images


@dataclasses.dataclass(frozen=True)
class Lovasz(Loss):
    """Lovász hinge (Berman et al. 2018, algorithm 1): mean over images and foreground classes of sum_i relu(e_i) g_i.

    e = 1 - m (2 y - 1), sorted from the largest, with the margin m = ln p / (1 - p) of the class against the rest, and
    g the growth of the Jaccard loss as pixel after pixel is called wrong. Without foreground in an image's truth it is
    its largest relu(e): 0 where every margin is at most -1. It has no smoothing.
    """

    def sums(self, logits: Array, labels: Array, valid: Array) -> Sums:
        images, classes = logits.shape[0], jnp.arange(logits.shape[-1])

        @jax.checkpoint
        def of_class(k: Array) -> Array:
            # ln p / (1 - p) is the logit less the log of the sum of the others' exponentials.
            margin = logits[..., k] - jax.nn.logsumexp(jnp.where(classes == k, -jnp.inf, logits), axis=-1)
            rows = (array.reshape(images, -1) for array in (margin, labels == k, valid))
            return jax.vmap(_hinge)(*rows)

        # Class after class: side by side they would hold the logits as many times as there are classes.
        return over_images(jax.lax.map(of_class, classes[1:]).mean(0), valid)


def _hinge(
    margin: Float[Array, " pixels"], truth: Bool[Array, " pixels"], valid: Bool[Array, " pixels"]
) -> Float[Array, ""]:
    sign = jnp.where(truth, 1, -1)
    error = jnp.where(valid, 1 - margin * sign, -jnp.inf)  # what is not valid comes last, and counts for nothing
    order = jnp.argsort(-jax.lax.stop_gradient(error))
    error, truth = error[order], (truth & valid)[order]
    foreground = truth.sum()
    wrong = jnp.arange(1, error.size + 1)
    found = jnp.cumsum(truth)
    jaccard = 1 - (foreground - found) / (foreground + wrong - found).astype(margin.dtype)
    growth = jnp.diff(jaccard, prepend=0)
    return (jnp.where(error > 0, error, 0) * growth).sum()
