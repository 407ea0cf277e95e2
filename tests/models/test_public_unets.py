"""U-Net, Attention U-Net and R2U-Net answer as the public code does, and their gradients too, in both modes."""

import jax
import jax.numpy as jnp
import pytest
from filling import shapes
from recorded import agree, recorded, variables

from jaxseg.layers import Numerics
from jaxseg.models import MODELS

DOWN, UP = range(5), range(4)  # levels
PAIR = {"cbr1/conv": 0, "cbr1/norm": 1, "cbr2/conv": 3, "cbr2/norm": 4}  # places in their sequence


def pairs(ours, theirs):
    """Return the layers of two convolutions with their normalisations."""
    return {f"{ours}/{layer}": f"{theirs}.{place}" for layer, place in PAIR.items()}


def unet():
    layers = {"head/conv": "outc.conv", **pairs("down0", "inc.double_conv")}
    for level in range(1, 5):
        ours = f"down{level}" if level < 4 else "bottom"
        layers |= pairs(ours, f"down{level}.maxpool_conv.1.double_conv")
    for level in UP:
        layers |= pairs(f"up{level}", f"up{4 - level}.conv.double_conv") | {f"upconv{level}": f"up{4 - level}.up"}
    return layers


def doubled():
    """Return what the two networks of LeeJunHyun share."""
    layers = {"head/conv": "Conv_1x1"}
    for level in UP:
        layers |= {f"double{level}/cbr/conv": f"Up{level + 2}.up.1", f"double{level}/cbr/norm": f"Up{level + 2}.up.2"}
    return layers


def attention_unet():
    layers = doubled()
    for level in DOWN:
        layers |= pairs(f"down{level}", f"Conv{level + 1}.conv")
    for level in UP:
        layers |= pairs(f"up{level}", f"Up_conv{level + 2}.conv")
        for ours, theirs in (("theta", "W_x"), ("phi", "W_g"), ("psi", "psi")):
            gate, there = f"attention{level}/factors/{ours}", f"Att{level + 2}.{theirs}"
            layers |= {gate: f"{there}.0", f"{gate}_norm": f"{there}.1"}
    return layers


def r2unet():
    layers = doubled()
    for ours, theirs in [(f"down{n}", f"RRCNN{n + 1}") for n in DOWN] + [(f"up{n}", f"Up_RRCNN{n + 2}") for n in UP]:
        layers[f"{ours}/project"] = f"{theirs}.Conv_1x1"
        for layer in (1, 2):
            for place, part in enumerate(("conv", "norm")):
                layers[f"{ours}/recurrent{layer}/cbr0/{part}"] = f"{theirs}.RCNN.{layer - 1}.conv.{place}"
    return layers


@pytest.mark.parametrize("layers", [unet, attention_unet, pytest.param(r2unet, marks=pytest.mark.slow)])
def test_the_public_code_agrees(layers):
    ref = recorded(layers.__name__)
    model = MODELS[layers.__name__](width=2, numerics=Numerics(jnp.float64))

    def apply(weights, x, *, train):
        return model.apply(weights, x, train=train, mutable=["batch_stats"])[0]

    with jax.enable_x64(True):
        agree(ref, variables(shapes(model), ref, layers(), [f"upconv{level}" for level in UP]), apply)
