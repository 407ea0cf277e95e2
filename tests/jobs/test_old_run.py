"""A run of version 0.1 as it was before networks had a table: it loads, predicts, scores and is known as its own run.

``run_0_1.zip`` was trained and evaluated by that version (12 steps of a micro network on generated images), and holds
what it predicted. Another processor rounds otherwise, so numbers are compared to 1e-5.
"""

import json
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from ml_collections import ConfigDict

from jaxseg import inference
from jaxseg.config import defaults
from jaxseg.jobs.evaluate import evaluate
from jaxseg.jobs.train import train

NEW = {"mcc": "MCC", "balanced_accuracy": "Balanced accuracy", "isic_jaccard": "ISIC Jaccard"}  # columns since then
NUMBER = r"(?<![\w.])\d+(?:\.\d+)?(?:e-?\d+)?"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("old") / "run"
    with zipfile.ZipFile(Path(__file__).with_name("run_0_1.zip")) as archive:
        archive.extractall(workdir)
    expected = workdir.with_name("expected")
    (workdir / "expected").rename(expected)
    config = json.loads((workdir / "config.json").read_text())
    assert "options" not in config["model"]
    assert "select" not in config["eval"]
    config["data"]["cache_dir"] = str(workdir.with_name("cache"))
    (workdir / "config.json").write_text(json.dumps(config))
    return workdir, expected


def test_it_predicts_and_shows_what_it_did(run):
    workdir, expected = run
    image = np.random.default_rng(0).integers(0, 256, (53, 70, 3), np.uint8)
    with np.load(expected / "probabilities.npz") as stored:
        wanted = dict(stored)
    best = inference.load(workdir, "best")
    assert best.step == 12
    np.testing.assert_allclose(best(image), wanted["best"], atol=1e-5)
    for level, skip in best.skips(image).items():
        np.testing.assert_allclose(skip.rows([(50, 3), (20, 69)]).composed.values, wanted[f"rows{level}"], atol=1e-5)
    latest = inference.load(workdir, "latest", tile=(32, 32), flips=True)
    np.testing.assert_allclose(latest(image), wanted["latest"], atol=1e-5)


def as_then(table):
    """Return a table of scores, ``.csv`` or ``.md``, without what later versions add to it."""
    lines, new = [], []
    for line in table.splitlines():
        if line.startswith(tuple(f"{heading}:" for heading in NEW.values())):
            continue  # its definition
        between = "|" if line.startswith("|") else ","
        cells = [cell.strip() for cell in line.split(between)]
        new = [place for place, cell in enumerate(cells) if cell in {*NEW, *NEW.values()}] or new
        table_line = len(cells) > len(NEW) and (between == "|" or table.startswith("id,"))
        lines.append(between.join(cell for place, cell in enumerate(cells) if place not in new) if table_line else line)
    return "\n".join(lines)


def test_it_is_scored_as_it_was(run):
    workdir, expected = run
    evaluate(workdir, "test")
    found, wanted = (json.loads(path.read_text()) for path in (workdir / "eval" / "test.json", expected / "test.json"))
    assert found.keys() == wanted.keys()
    for region in ("full", "fov"):
        for reduction, scores in wanted[region].items():
            known = {name: score for name, score in found[region][reduction].items() if name not in NEW}
            assert known == pytest.approx(scores, abs=1e-3)  # one pixel of 1600 is 6e-4
    told = ("checkpoint_step", "checkpoint_rule", "prediction", "threshold", "scored_at", "seed", "num_images")
    assert [found[name] for name in told] == [wanted[name] for name in told]
    for name in ("test.csv", "test.md"):  # one foreground has the files that it had before there were classes
        texts = [as_then((folder / name).read_text()) for folder in (workdir / "eval", expected)]
        assert re.sub(NUMBER, "#", texts[0]) == re.sub(NUMBER, "#", texts[1])
        numbers = [[float(number) for number in re.findall(NUMBER, text)] for text in texts]
        for ours, theirs in zip(*numbers, strict=True):  # two pixels of 2304 at most, in scores and in counts of them
            assert ours == pytest.approx(theirs, rel=0, abs=2 if theirs > 1 else 0.01)


def as_settings(stored):
    """Return stored settings as a config has them: tuples for lists."""
    if isinstance(stored, dict):
        return {name: as_settings(value) for name, value in stored.items()}
    return tuple(stored) if isinstance(stored, list) else stored


def test_it_is_taken_up_under_todays_settings(run, capsys):
    workdir, _ = run
    config, old = defaults(), json.loads((workdir / "config.json").read_text())
    assert "colour" not in old["data"]["augment"]
    with config.unlocked():
        config.update(as_settings(old))
    assert isinstance(config.model, ConfigDict)
    train(config, workdir)
    assert "resuming from step 12" in capsys.readouterr().out
    assert json.loads((workdir / "config.json").read_text())["eval"]["select"] == "dice"
