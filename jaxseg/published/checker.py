"""mlscorecheck, which is an extra of this package, and which logs every step of its checks to the screen."""

from __future__ import annotations

import logging
from importlib import import_module
from importlib.util import find_spec
from typing import Any


def load(name: str) -> Any:
    """Return a module of mlscorecheck, such as ``check.binary``, silent.

    Raises:
        ValueError: mlscorecheck is not installed.
    """
    if find_spec("mlscorecheck") is None:
        raise ValueError("checking a row takes mlscorecheck, which is not installed; pip install 'jaxseg[audit]'")
    found = import_module(f"mlscorecheck.{name}")
    logging.getLogger("mlscorecheck").setLevel(logging.WARNING)  # its import sets another
    return found
