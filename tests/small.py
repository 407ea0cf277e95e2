"""The smallest of every network, and one of three layers that has all that a network may have."""

from types import MappingProxyType
from typing import ClassVar

import flax.linen as nn
from flax.linen import initializers

from jaxseg.layers import BatchNorm, Conv, Dropout
from jaxseg.models import Network, build

SMALLEST = {
    "denseunet": {"size": "micro"},
    "unet": {"width": 2},
    "unetpp": {"width": 2},
    "attention_unet": {"width": 2},
    "r2unet": {"width": 2},
    "hdenseunet": {"size": "micro"},
    "nonlocal_unet": {"width": 2},
    "vesselnet": {"width": 2},
    "focusnet": {"scale": 0.2},  # groups of two channels: a 1x1 kernel of one has no gradient before normalisation
    "dacn": {"size": "micro", "branch": 4},
    "wnet": {"width": 2},
}


def smallest(name, **options):
    """Return the smallest network of a name."""
    return build(name, **SMALLEST[name], **options)


def at_both_ends(name, **options):
    """Return the smallest network with attention at its first and its last skip."""
    last = len(smallest(name).skip_strides) - 1
    return smallest(name, levels=(0, last), **options)


class Deep(Network):
    """A network of three layers with attention, dropout and auxiliary logits.

    One skip is at full resolution; the head reads what dropout leaves, the auxiliary head what it was.
    """

    stride: ClassVar = 4
    skip_strides: ClassVar = (1,)
    auxiliary_weights: ClassVar = MappingProxyType({"side": 0.25})

    rate: float = 0.5

    def features(self, x, attend, *, train):
        init = initializers.glorot_uniform()
        x = nn.relu(BatchNorm(self.numerics, name="norm")(Conv(8, kernel_init=init, name="conv")(x), train=train))
        side = attend(0, x, gate=x)
        return Dropout(self.rate, self.numerics, name="dropout")(side, train=train), {"side": side}


def deep(*, rate: float = 0.5, **shared) -> Deep:
    """Return the network as a row of the table of networks would."""
    return Deep(rate=rate, **shared)
