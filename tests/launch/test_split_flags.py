"""Commands that take a split take every split that there is."""

import re
from pathlib import Path

import pytest

from jaxseg.data.layout import SHIFTED, SPLITS

LAUNCH = Path(__file__).parents[2] / "launch"


@pytest.mark.parametrize("command", ["evaluate.py", "compare.py"])
def test_every_split_can_be_named(command):
    listed = re.search(r'"split",\s*"test",\s*\[(.*?)\]', (LAUNCH / command).read_text())
    assert listed
    assert re.findall(r'"(\w+)"', listed[1]) == [*SPLITS, *SHIFTED]
