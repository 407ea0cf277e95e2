"""The table of mechanisms: a name for each constructor, and ``build``."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import cache
from typing import Any

import flax.linen as nn

from jaxseg import checks
from jaxseg.attention.mechanisms.axial import axial
from jaxseg.attention.mechanisms.context import danet, key_only
from jaxseg.attention.mechanisms.convolution import average_pool, conv1x1, conv3x3, depthwise_conv, dilated_conv
from jaxseg.attention.mechanisms.cross import criss_cross
from jaxseg.attention.mechanisms.deformable import deformable_conv
from jaxseg.attention.mechanisms.dynamic import dynamic_conv, involution
from jaxseg.attention.mechanisms.gates import attention_gate, bam, cbam
from jaxseg.attention.mechanisms.generalized import generalized
from jaxseg.attention.mechanisms.joint import STRUCTURES, joint
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
from jaxseg.attention.mechanisms.signatures import options as known_options
from jaxseg.attention.module import Part, none
from jaxseg.layers import Numerics

MECHANISMS: dict[str, Callable[..., Part]] = {
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
    **{structure.__name__: joint(structure) for structure in STRUCTURES},
}


def build(
    mechanism: str, /, *, name: str | None = None, dtype: Any = None, axis_name: str | None = None, **options: Any
) -> Part:
    """Return a mechanism: ``module.apply(variables, x, train=False)``, [batch, *spatial, channels] -> the same shape.

    In the code of a network, the module belongs to that network, as modules of Flax do.

    Args:
        mechanism: a key of ``MECHANISMS``.
        name: of the module; None: the network calls it by its mechanism, ``cbam_0``, or by the attribute that holds it.
        dtype: what it computes in; None is the common type of x and the parameters. Gates (``pwa``, ``cbam``, ``bam``),
            ``average_pool`` and ``none`` return the type of x whatever it is.
        axis_name: the mapped axis that shares a batch, over which batch statistics are averaged.
        options: arguments of its constructor; ``help(MECHANISMS[mechanism])`` lists them.

    Raises:
        ValueError: for a mechanism, an option or an option's value that does not exist.
    """
    checks.one_of("attention", mechanism, MECHANISMS)
    constructor = MECHANISMS[mechanism]
    checks.arguments(f"attention {mechanism!r}", options, known_options(constructor))
    made = constructor(**options)
    own = {field.name: getattr(made, field.name) for field in dataclasses.fields(made) if field.init}
    del own["parent"]
    return _called(mechanism, type(made))(**own | {"numerics": Numerics(dtype, axis_name), "name": name})


@cache
def _called(mechanism: str, kind: type[Part]) -> type[Part]:
    """Return a ``kind`` that Flax names after its mechanism, and that joins the network in whose code it is made.

    The same class for the same arguments, so that two builds with the same options are equal: jit takes modules as
    static arguments.
    """
    own = {"__doc__": kind.__doc__, "__module__": kind.__module__, "__post_init__": nn.Module.__post_init__}
    return type(mechanism, (kind,), own)
