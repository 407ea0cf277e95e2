"""Spatial attention as one operator: every mechanism is a declaration of support, score, norm and value (Eq. 1)."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from typing import Any

import flax.linen as nn

from jaxseg.attention import joint as _joint
from jaxseg.attention.channel import ChannelAttention as ChannelAttention
from jaxseg.attention.channel import ChannelGate as ChannelGate
from jaxseg.attention.channel import SqueezeExcite as SqueezeExcite
from jaxseg.attention.cost import Cost as Cost
from jaxseg.attention.cost import cost as cost
from jaxseg.attention.form import Dense as Dense
from jaxseg.attention.form import Form as Form
from jaxseg.attention.joint import Parts as Parts
from jaxseg.attention.lowerings import aggregate as aggregate
from jaxseg.attention.lowerings import lowering as lowering
from jaxseg.attention.maps import dense as dense
from jaxseg.attention.maps import gates as gates
from jaxseg.attention.maps import rows as rows
from jaxseg.attention.mechanisms.attention import Attention as Attention
from jaxseg.attention.mechanisms.attention import flat as flat
from jaxseg.attention.mechanisms.attention import flat_mask as flat_mask
from jaxseg.attention.mechanisms.attention import none
from jaxseg.attention.mechanisms.axial import axial
from jaxseg.attention.mechanisms.context import danet, key_only
from jaxseg.attention.mechanisms.convolution import average_pool, conv1x1, conv3x3, depthwise_conv, dilated_conv
from jaxseg.attention.mechanisms.cross import criss_cross
from jaxseg.attention.mechanisms.deformable import deformable_conv
from jaxseg.attention.mechanisms.dynamic import dynamic_conv, involution
from jaxseg.attention.mechanisms.gates import attention_gate, bam, cbam
from jaxseg.attention.mechanisms.generalized import generalized
from jaxseg.attention.mechanisms.local import neighborhood, swin
from jaxseg.attention.mechanisms.multi_head import efficient_attention, linear_attention, multi_head
from jaxseg.attention.mechanisms.pointwise import pwa, pwa_linear
from jaxseg.attention.mechanisms.psa import psa_collect, psa_distribute
from jaxseg.attention.mechanisms.self_attention import (
    nonlocal_concat,
    nonlocal_dot,
    nonlocal_embedded,
    nonlocal_gaussian,
    sa,
)
from jaxseg.attention.norms import mean as mean
from jaxseg.attention.norms import plain as plain
from jaxseg.attention.norms import softmax as softmax
from jaxseg.attention.norms import total as total
from jaxseg.attention.options import options as _options
from jaxseg.attention.scores import Concat as Concat
from jaxseg.attention.scores import Dot as Dot
from jaxseg.attention.scores import Indicator as Indicator
from jaxseg.attention.scores import OfKey as OfKey
from jaxseg.attention.scores import Pairwise as Pairwise
from jaxseg.attention.scores import Relative as Relative
from jaxseg.attention.scores import Sum as Sum
from jaxseg.attention.scores import Taps as Taps
from jaxseg.attention.scores import Uniform as Uniform
from jaxseg.attention.sequence import Passes as Passes
from jaxseg.attention.sequence import Sequence as Sequence
from jaxseg.attention.supports import Box as Box
from jaxseg.attention.supports import Cross as Cross
from jaxseg.attention.supports import Everywhere as Everywhere
from jaxseg.attention.supports import Itself as Itself
from jaxseg.attention.supports import Neighborhood as Neighborhood
from jaxseg.attention.supports import Points as Points
from jaxseg.attention.supports import Tiles as Tiles
from jaxseg.attention.supports import Window as Window
from jaxseg.attention.values import Projected as Projected
from jaxseg.attention.values import Scaled as Scaled

MECHANISMS: dict[str, Callable[..., nn.Module]] = {
    "none": none,
    "pwa": pwa,
    "pwa_linear": pwa_linear,
    "cbam": cbam,
    "bam": bam,
    "attention_gate": attention_gate,
    "sa": sa,
    "nonlocal_gaussian": nonlocal_gaussian,
    "nonlocal_embedded": nonlocal_embedded,
    "nonlocal_dot": nonlocal_dot,
    "nonlocal_concat": nonlocal_concat,
    "conv1x1": conv1x1,
    "conv3x3": conv3x3,
    "dilated_conv": dilated_conv,
    "depthwise_conv": depthwise_conv,
    "average_pool": average_pool,
    "deformable_conv": deformable_conv,
    "involution": involution,
    "dynamic_conv": dynamic_conv,
    "multi_head": multi_head,
    "linear_attention": linear_attention,
    "efficient_attention": efficient_attention,
    "danet": danet,
    "criss_cross": criss_cross,
    "axial": axial,
    "swin": swin,
    "neighborhood": neighborhood,
    "key_only": key_only,
    "generalized": generalized,
    "psa_collect": psa_collect,
    "psa_distribute": psa_distribute,
    **{structure.__name__: _joint.joint(structure) for structure in _joint.STRUCTURES},
}


def build(name: str, **options: Any) -> nn.Module:
    """Return the mechanism ``name``: ``module.apply(variables, x, train=False)``, [batch, *spatial, channels] -> same.

    ``options`` are its constructor's arguments, ``help(MECHANISMS[name])`` lists them.

    Raises:
        ValueError: for a name, an option or an option's value that does not exist.
    """
    if name not in MECHANISMS:
        raise ValueError(f"unknown attention {name!r}{_near(name, MECHANISMS)}; the names are {', '.join(MECHANISMS)}.")
    known = _options(MECHANISMS[name])
    for option in options:
        if option not in known:
            names = ", ".join(known)
            raise ValueError(f"attention {name!r} has no option {option!r}{_near(option, known)}; it takes {names}.")
    # Constructors make modules of no network; the copy joins the one, if any, that is being built around this call.
    return MECHANISMS[name](**options).copy()


def _near(name: str, among: Any) -> str:
    near = get_close_matches(name, among, n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""
