"""What lies in results/: tables follow from the scores beside them, and pages show what table.py prints."""

import csv
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from jaxseg import statistics

ROOT = Path(__file__).parents[1]
KINDS = ("full", "fov", "pooled")
FOLDERS = sorted(path.parent for path in (ROOT / "results").glob("*/study.json"))


def rows(path):
    with path.open(newline="") as lines:
        return list(csv.DictReader(lines))


def scores(folder, split):
    """Return of each model its scores, float [seeds, images], and the groups of the images, None for none."""
    found: dict[str, list[list[float]]] = {}
    table = rows(folder / f"scores_{split}.csv")
    for column in list(table[0])[2:]:
        found.setdefault(column.rsplit("/", 1)[0], []).append([float(row[column]) for row in table])
    groups = [row["group"] for row in table]
    return {name: np.array(values) for name, values in found.items()}, groups if len({*groups}) < len(table) else None


def numbers(row, *names):
    return [float(row[name]) for name in names]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_means_and_differences_are_those_of_the_scores(folder):
    for split in json.loads((folder / "study.json").read_text())["splits"]:
        models, groups = scores(folder, split)
        first = next(iter(models.values()))
        for row in rows(folder / "tables" / f"{split}_full.csv"):
            if row["source"] == "this study":
                found = statistics.mean(models[row["model"]], groups)
                assert numbers(row, "dice", "dice_low", "dice_high", "seeds") == pytest.approx(
                    [found.mean, *found.interval[:2], found.num_seeds], abs=1e-4
                )
        differences = [row for row in rows(folder / "tables" / f"{split}_differences.csv") if row["mean"]]
        assert differences
        over_images = [statistics.over_images(first, models[row["model"]], groups) for row in differences]
        for row, found, holm in zip(
            differences, over_images, statistics.holm([one.p for one in over_images]), strict=True
        ):
            assert numbers(row, "mean", "mean_low", "mean_high") == pytest.approx(
                [found.mean, *found.interval[:2]], abs=1e-4
            )
            assert numbers(row, "p", "holm_p") == pytest.approx([found.p, holm], rel=0.01, abs=1e-6)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_differences_over_seeds_are_those_of_the_scores(folder):
    for path in (folder / "tables").glob("*_seeds.csv"):
        models, _ = scores(folder, path.stem.removesuffix("_seeds"))
        first, *_ = (values.mean(axis=1) for values in models.values())
        for row in rows(path):
            if row["p"]:
                seeds = int(row["num_seeds"])
                found = statistics.over_seeds(first[:seeds], models[row["model"]].mean(axis=1)[:seeds])
                assert numbers(row, "mean", "mean_low", "mean_high", "p", "smallest") == pytest.approx(
                    [found.mean, *found.interval[:2], found.p, found.smallest], rel=1e-3, abs=1e-5
                )


def test_there_are_results():
    assert FOLDERS


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_no_folder_of_the_machine_is_named(folder):
    for path in folder.rglob("*.json"):
        assert not re.findall(r"[\"= ]/[\w.]+/", path.read_text()), path


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_page_shows_the_table(folder):
    command = [sys.executable, ROOT / "results" / "table.py", folder.name]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    pages = [(ROOT / page).read_text() for page in ("README.md", "docs/shift.md", "docs/systems.md")]
    first, *quality = printed.split("\n\n| split |")
    assert any(first in page for page in pages)
    assert len(quality) == (folder.name == "isic_chosen")
    assert all(f"| split |{table}" in pages[0] for table in quality)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_all_tables_of_scores_are_those_of_the_evaluations(folder):
    evaluations = json.loads((folder / "evaluations.json").read_text())
    assert list(evaluations) == json.loads((folder / "study.json").read_text())["splits"]
    regions = {"full image": "full", "field of view": "fov"}
    for split, runs in evaluations.items():
        models: dict[str, list] = {}
        for name, facts in runs.items():
            models.setdefault(name.rsplit("/", 1)[0], []).append(facts)
        tables = [path for path in (folder / "tables").glob(f"{split}_*.csv") if path.stem.split("_")[-1] in KINDS]
        assert len(tables) >= 2
        for path in tables:
            for row in rows(path):
                if row["source"] != "this study":
                    continue
                kind = "pooled" if row["reduction"] == "pooled" else "image_mean"
                own = [facts[regions[row["region"]]] for facts in models[row["model"]]]
                undefined = {
                    name for facts in runs.values() for name in facts[regions[row["region"]]].get("undefined", {})
                }
                for name in own[0][kind]:
                    values = [facts[kind][name] for facts in own]
                    if None in values:
                        assert row[name] == ""
                    elif kind == "pooled" or name not in undefined:
                        assert float(row[name]) == pytest.approx(np.mean(values), abs=1e-9), (path, name)
