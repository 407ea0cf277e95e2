"""Losses of logits, over the pixels that count; see ``loss.Loss`` for what every one is."""

from __future__ import annotations

import inspect as _inspect
from collections.abc import Callable
from typing import Any

from jaxseg import checks
from jaxseg.losses.boundary import boundary
from jaxseg.losses.cldice import cldice
from jaxseg.losses.contour import Contour
from jaxseg.losses.cross_entropy import BalancedCrossEntropy, CrossEntropy, Focal, ImprovedCrossEntropy
from jaxseg.losses.loss import Loss as Loss
from jaxseg.losses.lovasz import Lovasz
from jaxseg.losses.overlap import FocalTversky, GeneralizedDice, Matthews, Tversky, dice, dice_ce

# A loss is a row: its name, and what makes it of its options, each with a default.
LOSSES: dict[str, Callable[..., Loss]] = {
    "cross_entropy": CrossEntropy,
    "balanced_cross_entropy": BalancedCrossEntropy,
    "improved_cross_entropy": ImprovedCrossEntropy,
    "focal": Focal,
    "dice": dice,
    "dice_ce": dice_ce,
    "generalized_dice": GeneralizedDice,
    "tversky": Tversky,
    "focal_tversky": FocalTversky,
    "mcc": Matthews,
    "lovasz": Lovasz,
    "cldice": cldice,
    "boundary": boundary,
    "dacn": Contour,
}


def build(name: str, **options: Any) -> Loss:
    """Return the loss ``name``.

    ``build("dice_ce")(logits, labels, valid)`` is its value on one device, for logits [batch, height, width, classes],
    labels [batch, height, width] and, where not every pixel counts, valid [batch, height, width].

    Args:
        name: a key of ``LOSSES``.
        options: its own, such as ``smoothing``.

    Raises:
        ValueError: for a name, an option or a value that does not exist.
    """
    checks.one_of("loss", name, LOSSES)
    checks.arguments(f"loss {name!r}", options, list(_inspect.signature(LOSSES[name]).parameters))
    try:
        return LOSSES[name](**options)
    except TypeError as error:
        raise ValueError(f"loss {name!r}: {options} are no values for its options: {error}") from error
