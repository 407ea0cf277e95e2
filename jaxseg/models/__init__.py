"""Segmentation networks: images [batch, height, width, channels] in, logits [batch, height, width, classes] out."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from typing import Any

from flax.linen import Module

from jaxseg.models import denseunet
from jaxseg.models.denseunet import STRIDE as STRIDE
from jaxseg.models.denseunet import DenseUNet as DenseUNet
from jaxseg.models.skips import Map as Map
from jaxseg.models.skips import Skip as Skip
from jaxseg.models.skips import skips as skips
from jaxseg.models.summary import Summary as Summary
from jaxseg.models.summary import summarise as summarise

MODELS: dict[str, Callable[..., Module]] = {"denseunet": denseunet.denseunet}


def build(name: str, *, size: str, **options: Any) -> Module:
    """Return the network ``name`` at ``size``; ``options`` are its constructor's: attention, num_classes, levels, ...

    ``build("denseunet", size="161", attention="ja9").apply(variables, images, train=False)`` gives float32 logits.

    Raises:
        ValueError: for a name or size that does not exist, and for what the constructor refuses.
    """
    if name not in MODELS:
        near = get_close_matches(name, MODELS, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else "."
        raise ValueError(f"unknown model {name!r}; the models are {', '.join(sorted(MODELS))}{hint}")
    return MODELS[name](size=size, **options)
