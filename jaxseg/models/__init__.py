"""Segmentation networks: images [batch, height, width, channels] in, logits [batch, height, width, classes] out."""

from __future__ import annotations

import inspect as _inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax.numpy as jnp

from jaxseg import checks
from jaxseg.layers import Numerics
from jaxseg.models.attention_unet import attention_unet
from jaxseg.models.dacn import dacn
from jaxseg.models.denseunet import denseunet
from jaxseg.models.focusnet import focusnet
from jaxseg.models.hdenseunet import hdenseunet
from jaxseg.models.initial import initial_variables as initial_variables
from jaxseg.models.network import AUXILIARY as AUXILIARY
from jaxseg.models.network import Network as Network
from jaxseg.models.network import training_pass as training_pass
from jaxseg.models.nonlocal_unet import nonlocal_unet
from jaxseg.models.r2unet import r2unet
from jaxseg.models.skips import Map as Map
from jaxseg.models.skips import Skip as Skip
from jaxseg.models.skips import require_on_image as require_on_image
from jaxseg.models.skips import skips as skips
from jaxseg.models.summary import Summary as Summary
from jaxseg.models.summary import summarise as summarise
from jaxseg.models.unet import unet
from jaxseg.models.unetpp import unetpp
from jaxseg.models.vesselnet import vesselnet
from jaxseg.models.wnet import wnet

DTYPES = ("float32", "bfloat16")

# A network is a row: its name, and a function that makes it, of its own options, each with a default, and of the fields
# of ``Network``.
MODELS: dict[str, Callable[..., Network]] = {
    "denseunet": denseunet,
    "unet": unet,
    "unetpp": unetpp,
    "attention_unet": attention_unet,
    "r2unet": r2unet,
    "hdenseunet": hdenseunet,
    "nonlocal_unet": nonlocal_unet,
    "vesselnet": vesselnet,
    "focusnet": focusnet,
    "dacn": dacn,
    "wnet": wnet,
}


def build(
    name: str,
    *,
    attention: str = "none",
    attention_options: Mapping[str, Any] | None = None,
    levels: Sequence[int] | None = None,
    num_classes: int = 2,
    dtype: str = "float32",
    axis_name: str | None = None,
    remat: bool = False,
    **own: Any,
) -> Network:
    """Return the network ``name``, its parameters not yet made.

    ``build("denseunet", size="tiny", attention="ja9").apply(variables, images, train=False)`` gives float32 logits
    [batch, height, width, num_classes] for images of any height and width.

    Args:
        name: a key of ``MODELS``.
        attention: what acts on the skips, a key of ``jaxseg.attention.MECHANISMS``; "none" leaves them alone.
        attention_options: its arguments.
        levels: the skips that carry attention, places in the network's ``skip_strides``; None: all of them.
        num_classes: channels of the logits, at least 2.
        dtype: "float32", or "bfloat16" for the features; parameters, statistics and logits are float32.
        axis_name: mapped axis (of ``pmap`` or ``vmap``) that shares a batch.
        remat: whether training computes each block again in the backward pass, instead of keeping what lies in it.
        own: the network's own options; ``own_options(name)`` lists them.

    Raises:
        ValueError: for a name, an option or a value that does not exist.
    """
    checks.one_of("model", name, MODELS)
    checks.arguments(f"model {name!r}", own, own_options(name))
    checks.one_of("dtype", dtype, DTYPES)
    try:
        return MODELS[name](
            **own,
            attention=attention,
            attention_options=attention_options or {},
            levels=None if levels is None else tuple(levels),
            num_classes=num_classes,
            numerics=Numerics(jnp.dtype(dtype), axis_name),
            remat=remat,
        )
    except TypeError as error:
        if not own:
            raise
        raise ValueError(f"model {name!r}: {own} are no values for its options: {error}") from error


def own_options(name: str) -> dict[str, Any]:
    """Return the options that the network ``name`` has beside those of every network, with their defaults."""
    parameters = _inspect.signature(MODELS[name]).parameters.values()
    return {own.name: own.default for own in parameters if own.kind is not own.VAR_KEYWORD}


def arguments(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of ``build`` that the settings ``config.model`` (as a plain dict) stand for.

    Own options stand in ``options``. ``size`` and ``head`` are settings by themselves, left out where the network has
    no such option: see ``unused``.

    Raises:
        ValueError: for a name that does not exist, or an option that stands in both places.
    """
    skipped = unused(settings)
    given = {setting: value for setting, value in settings.items() if setting not in (*skipped, "options")}
    own = dict(settings.get("options", {}))
    checks.arguments(f"model.options of {settings['name']!r}", own, own_options(settings["name"]))
    if twice := sorted(own.keys() & given.keys()):
        raise ValueError(f"model.options holds {twice[0]!r}, which is a setting by itself; give it as model.{twice[0]}")
    return given | own


def unused(settings: Mapping[str, Any]) -> list[str]:
    """Return which of the settings ``config.model`` are own options of other networks than the one that is named."""
    checks.one_of("model.name", settings["name"], MODELS)
    known = own_options(settings["name"])
    others = {option for name in MODELS for option in own_options(name)} - known.keys()
    return [setting for setting in settings if setting in others]


def describe(settings: Mapping[str, Any]) -> str:
    """Return a network in words, such as "denseunet tiny": name, size, and options that are not the default.

    ``settings`` is ``config.model`` as a plain dict.
    """
    given, known = arguments(settings), own_options(settings["name"])
    own = {option: given.get(option, default) for option, default in known.items()}
    told = [f"{option} {value}" for option, value in own.items() if option != "size" and value != known[option]]
    size = [str(own["size"])] if "size" in own else []
    return " ".join([settings["name"], *size, *filter(None, [", ".join(told)])])
