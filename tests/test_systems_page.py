"""What docs/systems.md says of other systems is true: its links, its numbers, and the presets that it names."""

import json
import re
from statistics import median

import pytest
from config_files import FOLDER, module_of
from counted import multiply_adds, parameters
from documents import ROOT, Document

from jaxseg import models, protocol
from jaxseg.config import validate

PAGE = Document("docs/systems.md")
ROWS = [row for row in PAGE.tables() if "rebuilt" in row]
NAMED = """DenseUNet, U-Net, UNet++, Attention U-Net, H-DenseUNet, Non-local U-Net, R2U-Net, Vessel-Net, Mou, Lyu,
RVSeg-Net, Hu, FocusNetAlpha, DACN, MCC, Illumination, DANet, PSANet, SE, W-Net"""


def test_every_system_has_its_row():
    for row, name in zip(ROWS, re.split(r",\s+", NAMED), strict=True):
        assert row["system"].startswith(name)
        assert row["rebuilt"]


def test_every_file_that_the_page_names_exists():
    assert not PAGE.missing()
    linked = set(re.findall(r"configs/systems/(\w+)\.py", PAGE.text))
    assert linked == {path.stem for path in (FOLDER / "systems").glob("*.py")}


def test_the_page_shows_a_command_of_the_protocol():
    words = re.search(r"protocol/chase\.py:(\S+)", PAGE.text)[1]
    assert validate(protocol.configured(protocol.data("chase"), words)) == models.build("unetpp", width=3)


@pytest.mark.parametrize("counts", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_the_widths_of_the_protocol_are_in_its_table(counts):
    rows = [row for row in PAGE.tables() if "tiny" in row]
    assert [row["name"].split("`")[1] for row in rows] == list(protocol.SYSTEMS)
    for row, (name, system) in zip(rows, protocol.SYSTEMS.items(), strict=True):
        assert system.label in row["name"]
        for budget in protocol.BUDGETS:
            width, numbers = row[budget].split(": ")
            assert width == ", ".join(map(str, system.budgets[budget].values()))
            if not counts:
                continue
            model = validate(protocol.configured(protocol.data("chase"), f"{name}-{budget}"))
            assert numbers == f"{parameters(model):,}, {multiply_adds(model):.2f} G"


COUNTED = [row for row in ROWS if row["parameters"]]


@pytest.mark.slow
@pytest.mark.parametrize("row", COUNTED, ids=lambda row: row["system"])
def test_the_numbers_are_those_of_the_preset(row):
    path = re.search(r"\.\./configs/([\w/]+\.py)", row["here"])[1]
    model = validate(module_of(FOLDER / path).get_config())
    assert parameters(model) == int(row["parameters"].replace(",", ""))
    if row["multiply-adds"]:
        assert f"{multiply_adds(model):.3g} G" == row["multiply-adds"]


def test_the_costs_are_those_that_were_measured():
    path = re.search(r"benchmarks/results/networks_\w[\w-]*\.json", PAGE.text)[0]
    measured = json.loads((ROOT / path).read_text())
    found = {row["system"]: row for row in measured["rows"]}
    rows = [row for row in PAGE.tables() if "`small`: step, ms" in row]
    for row, (name, system) in zip(rows, protocol.SYSTEMS.items(), strict=True):
        assert row["system"] == f"`{name}`{', ' if system.label else ''}{system.label}"
        for budget in ("small", "tiny"):
            one = found[f"{name}-{budget}"]
            cells = [f"{one['multiply_adds'] / 1e9:.2f} G", f"{median(one['step_ms']):.0f}"]
            cells += [f"{one['ratio']:.2f}", f"{median(one['mib']):,.0f}"]
            heads = ("multiply-adds", "step, ms", "over DenseUNet's", "MiB")
            assert [row[f"`{budget}`: {head}"] for head in heads] == cells
    assert measured["others_cores"] <= 0.2  # a busy machine's ratios mean little
