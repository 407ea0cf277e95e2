"""What the README shows is true: its Python runs, its commands and links exist."""

import re

from documents import Document

from jaxseg.losses import LOSSES
from jaxseg.metrics import METRICS

README = Document("README.md")


def test_the_first_two_sh_blocks_make_the_demo_and_the_tests():
    demo, tests = README.blocks("sh")[:2]
    assert "configs/demo_ja9.py" in demo
    assert demo.splitlines()[-1] == "python launch/evaluate.py --workdir=runs/demo --split=test --curves"
    assert tests.splitlines()[-1] == "python -m pytest"
    assert all("python3 -m venv" in block and "pip install -e" in block for block in (demo, tests))


def test_the_python_runs():
    names: dict = {}
    for block in README.blocks("python"):
        exec(block, names)
    assert names["y"].shape == names["x"].shape
    assert names["rows"].composed.shape[-2:] == names["x"].shape[1:3]


def test_every_metric_that_is_asked_for_by_name_is_listed():
    assert not [name for name, row in METRICS.items() if row.asked and f"`{name}" not in README.text]


def test_every_file_that_it_names_exists():
    assert not README.missing()


def test_its_losses_are_those_of_the_table():
    """In one paragraph, each name by itself between backticks but the one that the setting shows."""
    (paragraph,) = (block for block in README.text.split("\n\n") if block.startswith("The **loss** is"))
    names = re.findall(r"config\.loss\.name=(\w+)`", paragraph) + re.findall(r"`(\w+)`", paragraph.partition(";")[0])
    assert sorted(names) == sorted(LOSSES)
