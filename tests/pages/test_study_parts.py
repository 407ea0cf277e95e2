"""Studies whose runs are made by hand: what the page does where a part of a study is not there, or differs."""

import csv
import json
import shutil

import pytest
from scored_runs import IDS, scored_run

from jaxseg import files, published
from jaxseg.pages.folds import joined
from jaxseg.pages.study import write_page
from jaxseg.pages.study_runs import read_study
from jaxseg.runs.scored import read_scored
from jaxseg.runs.sealed import seal, unseal

NOISE = {"DenseUNet": 0.4, "DenseUNet-JA": 0.3}


def told(workdir, runs, **changes):
    """Write ``study.json`` of these runs."""
    study = {"title": "Made by hand", "splits": ["test"], "published": "", "folds": 0}
    study["models"] = [{"name": name, "settings": {}} for name in NOISE]
    study["runs"] = [{"model": name, "seed": seed, "fold": None, "workdir": at} for name, seed, at in runs]
    files.write_json(workdir / "study.json", study | changes)


@pytest.fixture
def study(tmp_path):
    """Two models of two seeds; the images of a person are a group; no image, checkpoint or log is there."""
    runs = [(name, seed, f"runs/{name}/{seed}") for seed in (0, 1) for name in NOISE]
    for name, seed, at in runs:
        kind = "ja9" if name == "DenseUNet-JA" else "none"
        scored_run(
            tmp_path / at, seed=seed, noise=NOISE[name], wider=IDS[:1], model__attention=kind, data__name="isic2017"
        )
    told(tmp_path, runs)
    return tmp_path


def text(workdir):
    return write_page(workdir).with_suffix(".md").read_text()


def table(workdir, name):
    with (workdir / "tables" / f"{name}.csv").open() as lines:
        return list(csv.DictReader(lines))


def test_what_is_gone_is_told_and_the_rest_stands(study):
    page = text(study)
    assert "No pictures: " in page
    assert "Learning curves" not in page
    assert "Curves on test" not in page
    assert "BCa bootstrap over groups of images" in page
    assert "Images grouped as in data.json; each group is one unit of the statistics." in page
    assert {path.name for path in (study / "figures").iterdir()} == {"test_bars.png", "test_differences.png"}


def test_an_undefined_score_is_shown_as_such(study):
    page = text(study)
    told = "Recall in the full image is undefined for some images (1 of DenseUNet, 1 of DenseUNet-JA, at most, in a run"
    assert told in page
    for run in study.glob("runs/*/*/eval/test.csv"):
        rows = list(csv.DictReader(run.read_text().splitlines()))
        with run.open("w") as lines:
            writer = csv.DictWriter(lines, rows[0])
            writer.writeheader()
            writer.writerows(row | {"recall": ""} for row in rows)
    page = text(study)
    assert [row["recall"] for row in table(study, "test_full")] == ["", ""]
    html = (study / "report.html").read_text()
    assert html.count('data-sort="" title="undefined">–</td>') >= 2
    assert "nan" not in page.lower().split()


def test_means_of_models_are_over_the_same_images(study):
    """Matthews's coefficient is undefined where nothing is predicted: a model's failures leave no mean but all."""
    run = study / "runs" / "DenseUNet-JA" / "1"
    shutil.rmtree(run)
    scored_run(run, seed=1, noise=0.3, wider=IDS[:1], missed=IDS[4:6], model__attention="ja9", data__name="isic2017")
    page = text(study)
    assert "MCC in the full image is undefined for some images (1 of DenseUNet, 3 of DenseUNet-JA, at most" in page
    means = {}
    for name in NOISE:
        found = []
        for seed in (0, 1):
            with (study / "runs" / name / str(seed) / "eval" / "test.csv").open() as lines:
                rows = {row["id"]: row for row in csv.DictReader(lines)}
            found += [float(rows[image]["mcc"]) for image in (*IDS[1:4], *IDS[6:])]
            means[name] = sum(found) / len(found)
    for row in table(study, "test_full"):
        assert float(row["mcc"]) == pytest.approx(means[row["model"]])
    assert "means leave these out for all models. A model that fails on them is not marked down for it." in page
    assert "ISIC Jaccard: the Jaccard of an image where it is 0.65 or more, else 0 (ISIC 2018)." in page


def test_runs_that_are_not_scored_yet_are_told_and_left_out(study):
    shutil.rmtree(study / "runs" / "DenseUNet-JA" / "1")
    page = text(study)
    assert "Not scored yet: runs/DenseUNet-JA/1 on test" in page
    assert [row["seeds"] for row in table(study, "test_full")] == ["2", "1"]
    assert "differences to DenseUNet over seeds" not in page


def test_a_study_of_one_model_has_no_differences(study):
    shutil.rmtree(study / "runs" / "DenseUNet-JA")
    assert "Differences" not in text(study)
    assert len(table(study, "test_full")) == 1


@pytest.mark.parametrize(
    ("rule", "images", "beside"),
    [("the set's own", 12, True), ("the set's own", 600, False), ("drawn at random, data.split_seed=0", 12, False)],
)
def test_published_scores_stand_beside_the_owners_whole_test_split_alone(study, monkeypatch, rule, images, beside):
    whole = published.table("isic_table1")
    assert whole.num_images == 600
    monkeypatch.setattr(published, "table", lambda name: whole._replace(num_images=images))
    told(study, [(name, 0, f"runs/{name}/0") for name in NOISE], published="isic_table1")
    for run in study.glob("runs/*/0"):
        found = unseal(json.loads((run / "data.json").read_text()))
        files.write_json(run / "data.json", seal(found | {"name": "isic2017", "rule": {"test": rule}}))
    page = text(study)
    others = f"on the {images} images of the official isic2017 test split; this study scores others"
    assert (others in page) != beside
    if not beside:
        assert len(table(study, "test_full")) == 2
        return
    assert (study / "report.html").read_text().count('<tr class="quoted">') == 8
    rows = table(study, "test_full")
    assert [(row["model"], row["source"]) for row in rows[:4]] == [
        (name, source) for name in NOISE for source in ("this study", "published")
    ]
    assert [row["dice"] for row in rows if row["source"] == "published"][:2] == ["0.8363", "0.8500"]
    assert len(rows) == 2 + 8


def test_without_the_first_model_there_are_no_differences_to_another(study):
    shutil.rmtree(study / "runs" / "DenseUNet")
    assert "Differences" not in text(study)


def test_runs_of_a_model_that_are_scored_differently_are_no_mean(study):
    path = study / "runs" / "DenseUNet" / "1" / "eval" / "test.json"
    files.write_json(path, json.loads(path.read_text()) | {"threshold": 0.3})
    with pytest.raises(ValueError, match=r"the runs of DenseUNet differ in eval/threshold \(.*0: 0.5, .*1: 0.3\)"):
        write_page(study)


def test_two_splits_stand_side_by_side(study, tmp_path):
    for run in study.glob("runs/*/*"):
        harder = scored_run(tmp_path / "harder" / run.parent.name / run.name, noise=0.6)
        for kind in ("json", "csv"):
            shutil.copy(harder / "eval" / f"test.{kind}", run / "eval" / f"shifted_test.{kind}")
        found = unseal(json.loads((run / "data.json").read_text()))
        for part in ("splits", "groups"):
            found[part]["shifted_test"] = found[part]["test"]
        files.write_json(run / "data.json", seal(found))
    runs = [(name, seed, f"runs/{name}/{seed}") for seed in (0, 1) for name in NOISE]
    told(study, runs, splits=["test", "shifted_test"])
    page = text(study)
    assert "## Scores on shifted_test" in page
    rows = {row["model"]: row for row in table(study, "splits")}
    for name, row in rows.items():
        (clean,), (shifted,) = (
            [float(line["dice"]) for line in table(study, f"{split}_full") if line["model"] == name]
            for split in ("test", "shifted_test")
        )
        assert (float(row["test"]), float(row["shifted_test"])) == (clean, shifted)
        assert float(row["shifted_test_less"]) == pytest.approx(shifted - clean)
        assert shifted < clean


def test_runs_of_other_images_are_refused(study):
    shutil.rmtree(study / "runs" / "DenseUNet-JA" / "1")
    scored_run(study / "runs" / "DenseUNet-JA" / "1", ids=IDS[1:])
    with pytest.raises(ValueError, match=f"{IDS[0]} is an image of .* cannot stand in one table; score the runs again"):
        write_page(study)


def test_mistakes_are_told(tmp_path, study):
    with pytest.raises(FileNotFoundError, match="holds no study .*; name the --workdir of launch/reproduce.py"):
        read_study(tmp_path / "nothing")
    told(study, [("DenseUNet", 0, "runs/other/0")])
    with pytest.raises(ValueError, match="no run is scored on test yet; run launch/reproduce.py to resume"):
        read_study(study)
    (study / "study.json").write_text("{}")
    with pytest.raises(ValueError, match="study.json: not what launch/reproduce.py wrote"):
        read_study(study)


def add_metric(run, name="hd95", value="1.5"):
    """Score a run by one metric more, as a later evaluation of it alone would."""
    path = run / "eval" / "test.json"
    told = json.loads(path.read_text())
    told["full"]["image_mean"][name] = told["full"]["pooled"][name] = float(value)
    files.write_json(path, told)
    with path.with_suffix(".csv").open() as lines:
        rows = list(csv.DictReader(lines))
    with path.with_suffix(".csv").open("w") as lines:
        writer = csv.DictWriter(lines, [*rows[0], name])
        writer.writeheader()
        writer.writerows(row | {name: value} for row in rows)


@pytest.mark.parametrize("seed", [0, 1])
def test_a_metric_that_not_every_seed_has_is_left_out_and_told(study, seed):
    add_metric(study / "runs" / "DenseUNet" / str(seed))
    page = text(study)
    assert "HD95 (px) of DenseUNet left out: not every run is scored by it." in page
    assert "hd95" not in table(study, "test_full")[0]
    for other in (run for run in study.glob("runs/*/*") if run.parent.name != "DenseUNet" or run.name != str(seed)):
        add_metric(other)
    page = text(study)
    assert "left out: not every run" not in page
    assert {row["hd95"] for row in table(study, "test_full")} == {"1.5"}


def test_tests_that_were_not_made_are_not_corrected_for(study):
    shutil.rmtree(study / "runs" / "DenseUNet-JA" / "1")
    scored_run(study / "runs" / "DenseUNet-SA" / "0", noise=0.5, model__attention="sa", data__name="isic2017")
    scored_run(study / "runs" / "DenseUNet-SA" / "1", seed=1, noise=0.5, model__attention="sa", data__name="isic2017")
    runs = [(name, seed, f"runs/{name}/{seed}") for seed in (0, 1) for name in (*NOISE, "DenseUNet-SA")]
    told(study, runs, models=[{"name": name, "settings": {}} for name in (*NOISE, "DenseUNet-SA")])
    page = text(study)
    assert "with the same seeds, each the mean over its images. Holm p: corrected for 1 comparison." in page
    assert "Holm p: corrected for 2 comparisons with DenseUNet." in page
    assert "DenseUNet over groups of images" in page
    (row,) = table(study, "test_pairs")
    assert (row["model"], row["to"]) == ("DenseUNet-SA", "DenseUNet-JA")
    to_first = {row["model"]: float(row["mean"] or 0) for row in table(study, "test_differences")}
    assert float(row["mean"]) == pytest.approx(to_first["DenseUNet-SA"] - to_first["DenseUNet-JA"])


def test_a_page_tells_of_every_start(study):
    path = study / "runs" / "DenseUNet" / "0" / "environment.json"
    (last,) = (unseal(start) for start in json.loads(path.read_text()))
    files.write_json(path, [seal(last | {"git": "earlier", "devices": ["gpu:H100"]}), seal(last | {"git": "later"})])
    page = text(study)
    assert "Commit: earlier; later" in page
    assert "Devices: 1 x gpu:H100, EPYC; 1 x cpu:cpu, EPYC" in page


@pytest.mark.parametrize("fold", [0, 1])
def test_a_metric_that_not_every_fold_has_is_left_out(tmp_path, fold):
    for number, ids in enumerate((IDS[:6], IDS[6:])):
        scored_run(tmp_path / str(number), ids=ids, data__folds=2, data__fold=number)
    add_metric(tmp_path / str(fold))
    (one,) = joined([read_scored(tmp_path / str(number), "test") for number in (0, 1)])
    assert "hd95" not in one.facts["full"]["image_mean"]
    assert "hd95 left out: not every fold is scored by it" in one.facts["notes"]
    assert one.scores("dice", "full").keys() == set(IDS)


def test_folds_are_one_set_once_all_are_scored(tmp_path):
    runs = []
    for name, noise in NOISE.items():
        for fold, ids in enumerate((IDS[:6], IDS[6:])):
            at = f"runs/{name}/0/fold{fold}"
            kind = "ja9" if name == "DenseUNet-JA" else "none"
            scored_run(tmp_path / at, ids=ids, noise=noise, model__attention=kind, data__folds=2, data__fold=fold)
            runs.append({"model": name, "seed": 0, "fold": fold, "workdir": at})
    told(tmp_path, [])
    study = json.loads((tmp_path / "study.json").read_text())
    files.write_json(tmp_path / "study.json", study | {"runs": runs, "folds": 2})
    page = text(tmp_path)
    assert [(row["images"], row["seeds"]) for row in table(tmp_path, "test_full")] == [("12", "1")] * 2
    assert [row["folder"] for row in table(tmp_path, "runs")] == [run["workdir"] for run in runs]
    scores = []
    for run in runs[:2]:
        with (tmp_path / run["workdir"] / "eval" / "test.csv").open() as lines:
            scores += [float(row["dice"]) for row in csv.DictReader(lines)]
    assert float(table(tmp_path, "test_full")[0]["dice"]) == pytest.approx(sum(scores) / 12)
    assert "DenseUNet: 2 folds; each image is scored by the one that was not trained on it." in page
    assert "Note: pooled auc left out: every fold has a model of its own." in page
    assert "None: each fold has its own network, and their probabilities share no scale." in page
    shutil.rmtree(tmp_path / runs[-1]["workdir"])
    page = text(tmp_path)
    assert "Not scored yet: runs/DenseUNet-JA/0/fold1 on test" in page
    assert len(table(tmp_path, "test_full")) == 1
