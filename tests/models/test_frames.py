"""On any canvas an image has the logits of its own frame: convolutions, pools, upsampling and attention end there."""

import itertools
from functools import partial
from types import SimpleNamespace

import jax
import numpy as np
import pytest
from filling import fill, shapes

from jaxseg import attention, models
from jaxseg.models import network

NETWORKS = {"denseunet": {"size": "micro"}, "unet": {"width": 4}}

# One of each way to know of a border: gates, windows, tiles, everywhere; lines, sampled, offsets, joint.
FAMILIES = [
    ("denseunet", ("attention_gate", "neighborhood", "swin", "sa")),
    ("unet", ("criss_cross", "deformable_conv", "psa_collect", "ja9")),
]
OPTIONS = [
    ("attention_gate", {"sub_sample": 3}),
    ("neighborhood", {"window": 4}),
    ("swin", {"window": 3}),
    ("sa", {"pool": "pre", "pool_size": 3}),
    ("sa", {"pool": "post", "pool_size": 5}),
    ("cbam", {"channel": True}),
    ("bam", {"channel": "sum"}),
    ("generalized", {"kv_stride": 3}),
    ("generalized", {"spatial_range": 2}),
    ("dynamic_conv", {"renormalise": True}),
    ("criss_cross", {"recurrence": 2}),
]


@pytest.mark.parametrize(("name", "mechanisms"), FAMILIES)
def test_logits_are_those_of_the_own_frame(name, mechanisms, monkeypatch):
    """Compiling is what costs: one network, whose skips carry a mechanism each."""
    built = itertools.cycle(mechanisms)
    model = models.build(name, **NETWORKS[name])

    def build(_, **like):  # without options it only checks the name
        return attention.build(next(built), **like) if like else None

    monkeypatch.setattr(network, "attention", SimpleNamespace(build=build))
    compare(model)


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize(("mechanism", "options"), [*((name, {}) for name in attention.MECHANISMS), *OPTIONS])
def test_logits_of_every_mechanism_are_those_of_the_own_frame(name, mechanism, options):
    model = models.build(name, **NETWORKS[name], attention=mechanism, attention_options=options)
    assert model.any_canvas
    compare(model)


def compare(model, seed=0):
    """Put images of two frames onto a larger canvas at once, with noise around them, and each into its own frame."""
    rng, stride = np.random.default_rng(seed), model.stride
    variables = fill(shapes(model))
    frames = rng.permutation([[stride, 2 * stride], [2 * stride, stride]])
    sizes = frames - rng.integers(0, stride, (2, 2))
    canvas = frames.max(0) + stride * rng.integers(1, 3, 2)
    images = rng.normal(size=(2, *canvas, 3)).astype(np.float32)
    for image, size, end in zip(images, sizes, frames, strict=True):
        image[size[0] : end[0], : end[1]] = image[: end[0], size[1] : end[1]] = 0

    @partial(jax.jit, static_argnames="snug")
    def run(images, sizes, snug=False):
        return model.apply(variables, images, train=False, sizes=sizes, snug=snug)

    found = run(images, sizes)
    for k, (size, end) in enumerate(zip(sizes, frames, strict=True)):
        rows, columns = size
        alone = run(images[k : k + 1, : end[0], : end[1]], sizes[k : k + 1], snug=True)[0, :rows, :columns]
        np.testing.assert_allclose(found[k, :rows, :columns], alone, atol=1e-5 * np.abs(alone).max())
