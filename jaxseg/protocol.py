"""One protocol for every system: the same data, crops, steps, optimiser, loss and scores, and widths of equal cost.

The files in ``configs/protocol/`` name the data; the words behind a file name the system and its budget, as in
``--config=configs/protocol/chase.py:unetpp-tiny``. Three seeds, ``--config.seed=0`` to 2, make a row of a table.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from jaxseg import presets
from jaxseg.checks import one_of
from jaxseg.config import Settings, defaults

# What a budget holds equal, and its anchor: multiply-adds that predict an image of 256 x 256 (DenseUNet "small" has
# 2.145 thousand millions, "tiny" 0.339), or parameters (DenseUNet "small" has 570,262).
BUDGETS = ("small", "tiny", "parameters")


class System(NamedTuple):
    """A network of the protocol: settings of ``config.model``, and those that each budget adds.

    A setting that ``config.model`` does not have is the network's own, and stands in ``options``.
    """

    model: Mapping[str, Any]
    budgets: Mapping[str, Mapping[str, Any]]
    label: str = ""  # what a table has to say beside its name


def _of(option: str, small: Any, tiny: Any, parameters: Any, label: str = "", **model: Any) -> System:
    """Return a system whose budgets set one option."""
    values = zip(BUDGETS, (small, tiny, parameters), strict=True)
    return System(model, {budget: {option: value} for budget, value in values}, label)


def _dense(**model: Any) -> System:
    """Return a DenseUNet; what attention costs comes on top of its budget."""
    return _of("size", "small", "tiny", "small", **model)


# For each budget the width whose cost is nearest to the anchor by ratio. Of budget "small" U-Net, Attention U-Net,
# Non-local U-Net, Vessel-Net and DACN have the next larger one, whose cost is 7 to 15 % above DenseUNet's: what they
# lose by is then not their budget. Widths are whole numbers, so costs lie within 16 % of the anchor at "small" and 28 %
# at "tiny", and parameters within 13 %: tests/test_protocol.py counts them all.
SYSTEMS: dict[str, System] = {
    "denseunet": _dense(),
    "denseunet_sa": _dense(attention="sa"),
    "denseunet_pwa": _dense(attention="pwa"),
    "denseunet_ja9": _dense(attention="ja9"),
    "hdenseunet": _of("size", "small", "tiny", "small", name="hdenseunet"),
    "unet": _of("width", 14, 5, 9, name="unet"),
    "unetpp": _of("width", 9, 3, 8, name="unetpp"),
    "attention_unet": _of("width", 12, 5, 8, name="attention_unet"),
    "r2unet": _of("width", 8, 3, 8, name="r2unet"),
    "nonlocal_unet": _of("width", 14, 5, 7, name="nonlocal_unet", depth=5),
    "vesselnet": _of("width", 12, 4, 21, "after public re-implementations", name="vesselnet"),
    "focusnet": _of("scale", 0.3, 0.1, 0.27, name="focusnet"),
    "dacn": System(
        {"name": "dacn"},
        {
            "small": {"size": "small", "branch": 16},
            "tiny": {"size": "tiny", "branch": 4},
            "parameters": {"size": "small", "branch": 16},
        },
    ),
    "wnet": _of("width", 12, 5, 23, name="wnet"),
}


DATA = {"chase": presets.chase, "drive": presets.drive, "isic": presets.isic}


def data(name: str) -> Settings:
    """Return the data, steps and optimiser of the protocol, ``presets.reduced``, for a key of ``DATA``.

    Raises:
        ValueError: there is no such key.
    """
    one_of("the data", name, DATA)
    return presets.reduced(DATA[name]("none"))


def configured(config: Settings, system: str) -> Settings:
    """Return ``config`` with the network that the words ``system`` name: a key of ``SYSTEMS``, "-", one of ``BUDGETS``.

    Raises:
        ValueError: for words that name none.
    """
    name, _, budget = system.partition("-")
    one_of("the system", name, SYSTEMS)
    config.update(models(budget)[name])
    return config


def models(budget: str) -> dict[str, dict[str, Any]]:
    """Return of every system what it changes in a config.

    Raises:
        ValueError: there is no such budget.
    """
    one_of("the budget", budget, BUDGETS)
    known = defaults().model
    found = {}
    for name, row in SYSTEMS.items():
        settings = {**row.model, **row.budgets[budget]}
        own = {key: value for key, value in settings.items() if key in known}
        options = {key: value for key, value in settings.items() if key not in known}
        found[name] = {"model": own | ({"options": options} if options else {})}
    return found
