"""The tiny cases that published losses were measured on, and probabilities as logits."""

import functools

import jax
import jax.numpy as jnp
import numpy as np


def logits_of(probability):
    """Two-class logits [1, height, width, 2] of foreground probabilities; 0 and 1 as nearly as float32 can tell."""
    p = np.clip(np.atleast_2d(np.asarray(probability, np.float64)), 1e-30, 1 - 1e-16)
    return jnp.asarray(np.stack([np.zeros_like(p), np.log(p) - np.log1p(-p)], -1)[None], jnp.float32)


def labels_of(truth):
    return jnp.asarray(np.atleast_2d(truth)[None], jnp.int32)


# name -> (truth, probability of the foreground)
CASES = {
    "T": ([[1, 1], [0, 0]], [[0.9, 0.6], [0.4, 0.1]]),
    "U": ([[1, 1], [0, 0]], [[0.9, 0.6], [0.1, 0.1]]),
    "E1": (np.zeros((4, 4), int), np.full((4, 4), 0.1)),
    "E2": (np.zeros((4, 4), int), np.zeros((4, 4))),
    "F": (np.ones((4, 4), int), np.ones((4, 4))),
}


@functools.cache
def compiled(loss):
    """Value and gradient as one program a shape, which all tests of a loss share."""
    return jax.jit(jax.value_and_grad(lambda logits, labels, valid: loss(logits, labels, valid)))


def value(loss, case):
    truth, probability = CASES[case]
    labels = labels_of(truth)
    return float(compiled(loss)(logits_of(probability), labels, jnp.ones(labels.shape, bool))[0])


def random_case(seed, shape=(2, 6, 7), classes=2, share=0.8):
    """Logits, labels and valid pixels; the last image has no foreground."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(*shape, classes)) * 2
    labels = rng.integers(0, classes, shape)
    labels[-1] = 0
    return logits, labels.astype(np.int32), rng.random(shape) < share
