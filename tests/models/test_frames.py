"""On any canvas an image has the logits of its own frame: convolutions, pools, upsampling and attention end there."""

import itertools
from types import SimpleNamespace
from typing import ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from filling import shapes
from framed import compare
from small import Deep, smallest

from jaxseg import attention, models
from jaxseg.layers import Conv, Numerics, avg_pool, frame, max_pool, max_pool2, upsample2
from jaxseg.models import network
from jaxseg.models.blocks import CBR, UpConv
from jaxseg.models.equipped import BLOCKS, BOTTOMS, Equipped

NETWORKS = {"denseunet": {"size": "micro"}, "unet": {"width": 4}}

# One of each way to know of a border: gates, windows, tiles, everywhere; lines, sampled, offsets, joint.
FAMILIES = [
    ("denseunet", ("attention_gate", "neighborhood", "swin", "sa")),
    pytest.param("unet", ("criss_cross", "deformable_conv", "psa_collect", "ja9"), marks=pytest.mark.slow),
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


@pytest.mark.slow
@pytest.mark.parametrize("name", models.MODELS)
@pytest.mark.parametrize("mechanism", ["none", "ja9"])
def test_logits_of_every_network_are_those_of_the_own_frame(name, mechanism):
    """In float64: a contour's logit near u = 1 has the roundings of u many times over."""
    model = smallest(name, attention=mechanism).clone(numerics=Numerics(jnp.float64))
    assert model.any_canvas
    with jax.enable_x64(True):
        compare(model, tolerance=1e-10)


class Pyramid(Equipped):
    """Of layers of the house, some of them in blocks that JAX traces by themselves; with blocks and heads, too."""

    stride: ClassVar = 8
    skip_strides: ClassVar = (2,)
    framed: ClassVar = True

    def features(self, x, attend, *, train):
        skip = Conv(4, (5, 5), strides=2, name="down")(x)
        x = CBR(4, 3, self.numerics, name="block")(nn.remat(Conv)(4, name="again")(max_pool2(skip)), train=train)
        x = self.inside("encoder", "block", x, attend, train=train)
        x, auxiliary = self.at_bottom(Conv(4, (3, 3), strides=2, name="deep")(x), attend, train=train)
        x = upsample2(x)
        x = avg_pool(upsample2(Conv(4, dilation=2, name="wide")(x)))
        x = jnp.concatenate([x, max_pool(skip)], axis=-1)
        x = UpConv(4, self.numerics, name="up")(x)
        return UpConv(4, self.numerics, name="last")(x + attend(0, skip, gate=x)), auxiliary


def test_a_network_of_the_houses_layers_needs_no_more_than_a_word():
    compare(Pyramid(attention="sa"))


EQUIPPED = [*({"block": block} for block in BLOCKS), *({"bottom": bottom} for bottom in BOTTOMS)]


@pytest.mark.parametrize("own", EQUIPPED)
def test_blocks_and_heads_end_where_an_image_ends(own):
    compare(Pyramid(**own))


@pytest.mark.slow
@pytest.mark.parametrize("own", EQUIPPED)
@pytest.mark.parametrize("name", NETWORKS)
def test_logits_of_an_equipped_network_are_those_of_the_own_frame(name, own):
    compare(models.build(name, **NETWORKS[name], **own))


def test_a_function_that_jax_traced_without_frames_is_traced_again_with_them():
    helper = jax.jit(upsample2)
    x = jnp.arange(8.0).reshape(1, 4, 2, 1)
    whole, part = helper(x), upsample2(x[:, :2])
    with frame.inside(jnp.array([[2, 2]]), (4, 2), 2):
        np.testing.assert_allclose(helper(x)[:, :4], part, atol=1e-6)
    np.testing.assert_array_equal(helper(x), whole)


@pytest.mark.parametrize("options", [{"snug": True}, {"train": True, "mutable": ["batch_stats"]}])
def test_own_frames_and_training_have_the_program_that_knows_no_frames(options):
    class Frameless(type(models.build("unet", width=2))):
        framed = False

    assert program(models.build("unet", width=2, attention="ja9"), **options) == program(
        Frameless(width=2, attention="ja9"), **options
    )
    assert program(models.build("unet", width=2)) != program(Frameless(width=2))


def program(model, **options):
    def apply(variables, images, sizes):
        return model.apply(variables, images, sizes=sizes, **options)

    return str(jax.make_jaxpr(apply)(shapes(model), jnp.zeros((1, 16, 32, 3)), jnp.array([[9, 20]])))


def test_a_network_that_declares_too_small_a_stride_is_told_where_frames_end():
    class Hasty(Deep):
        framed = True

        def features(self, x, attend, *, train):
            x, others = super().features(x, attend, train=train)
            for _ in range(3):
                x = max_pool2(x)
            return x.repeat(8, 1).repeat(8, 2), others

    images, sizes = jnp.zeros((1, 16, 16, 3)), jnp.array([[8, 9]])
    with pytest.raises(ValueError, match=r"step 2 on 4 x 4 cells, for a canvas of 16 x 16 pixels with frames in steps"):
        jax.eval_shape(lambda variables: Hasty().apply(variables, images, sizes=sizes), shapes(Hasty()))
