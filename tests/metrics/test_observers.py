"""The metrics against published figures: the second observer of CHASE_DB1 scored against the first."""

import os
from pathlib import Path

import numpy as np
import pytest

from jaxseg.data.images import read_mask
from jaxseg.metrics import Tally

METRICS = ("recall", "tnr", "dice", "accuracy")

# Means over images on the full frame, measured apart from this library on the published masks.
ALL_28 = (0.7677, 0.9852, 0.7765, 0.9695)
LAST_8 = (0.8326, 0.9828, 0.7977, 0.9733)


@pytest.fixture(scope="module")
def rows():
    folder = Path(os.environ.get("JAXSEG_DATA", "")) / "chase_db1"
    if "JAXSEG_DATA" not in os.environ or not folder.is_dir():
        pytest.skip("needs the folder chase_db1 inside $JAXSEG_DATA")
    tally = Tally(ranked=False)
    for first in sorted(folder.glob("*_1stHO.png")):
        second = folder / first.name.replace("1stHO", "2ndHO")
        tally.add(first.stem, (read_mask(second) > 0).astype(np.float32), read_mask(first) > 0)
    return tally.rows


@pytest.mark.parametrize(("chosen", "published"), [(slice(None), ALL_28), (slice(-8, None), LAST_8)])
def test_the_second_observer_of_chase_db1(rows, chosen, published):
    assert len(rows) == 28
    means = [np.mean([row[metric] for row in rows[chosen]]) for metric in METRICS]
    assert means == pytest.approx(published, abs=5.1e-5)  # four printed digits
