"""Comparisons of runs whose files are made by hand, against the statistics of their tables."""

import csv
import json
import re

import numpy as np
import pytest
from scored_runs import IDS, scored_run

from jaxseg import statistics
from jaxseg.jobs.compare import compare
from jaxseg.runs.scored import read_scored


def column(*runs, metric="dice"):
    """The scores of runs from their tables, [runs, images]."""
    tables = [csv.DictReader((run / "eval" / "test.csv").read_text().splitlines()) for run in runs]
    return np.array([[float(row[metric]) for row in table if row["region"] == "full"] for table in tables])


def column_of_text(run, metric):
    """A score as the table of a run has it, "" where it is undefined."""
    rows = csv.DictReader((run / "eval" / "test.csv").read_text().splitlines())
    return [row[metric] for row in rows if row["region"] == "full"]


@pytest.fixture
def runs(tmp_path):
    """Two models of two and three seeds, and a third of one."""
    plain = [scored_run(tmp_path / f"none{seed}", seed=seed, noise=0.4) for seed in (0, 1)]
    better = [scored_run(tmp_path / f"ja9_{seed}", seed=seed, noise=0.3, model__attention="ja9") for seed in (0, 1, 2)]
    return [*plain, *better, scored_run(tmp_path / "sa", noise=0.35, model__attention="sa")]


def test_models_are_runs_that_differ_by_their_seed_alone(runs, tmp_path, capsys):
    found = compare(runs[::-1], output=tmp_path / "out")
    assert [row["model"] for row in found["models"]] == ["sa", "ja9", "none"]
    assert [row["seeds"] for row in found["models"]] == [[0], [0, 1, 2], [0, 1]]
    people = [name[:2] for name in IDS]
    first, ja9, plain = column(runs[5]), column(*runs[2:5]), column(*runs[:2])
    for row, scores in zip(found["models"], (first, ja9, plain), strict=True):
        wanted = statistics.mean(scores, people)
        assert (row["mean"], row["image_sd"], row["seed_sd"]) == (wanted.mean, wanted.image_sd, wanted.seed_sd)
        assert (row["low"], row["high"], row["covers"]) == wanted.interval
        told = {name: row[name] for name in ("split", "region", "reduction", "threshold", "num_images", "num_groups")}
        assert told == {
            "split": "test", "region": "full", "reduction": "image_mean", "threshold": 0.5, "num_images": 12,
            "num_groups": 6,
        }  # fmt: skip
    wanted = [statistics.over_images(first, scores, people) for scores in (ja9, plain)]
    assert [row["p"] for row in found["over_images"]] == [one.p for one in wanted]
    assert [row["holm_p"] for row in found["over_images"]] == statistics.holm([one.p for one in wanted])
    assert [row["num_seeds"] for row in found["over_seeds"]] == [(1, 1), (1, 1)]
    (rest,) = found["among_others"]
    wanted = statistics.over_images(ja9, plain, people)
    assert (rest["model"], rest["to"], rest["p"], rest["mean"]) == ("none", "ja9", wanted.p, wanted.mean)
    ranks = statistics.ranks(np.array([scores.mean(axis=0) for scores in (first, ja9, plain)]), people)
    assert ranks is not None
    assert found["ranks"]["mean_ranks"] == ranks.mean_ranks
    told = capsys.readouterr().out
    assert told == (tmp_path / "out" / "comparison.md").read_text()
    assert told.startswith("Dice, full image, mean over images; test, 12 images in 6 groups; threshold 0.5, prepared")
    for words in (
        "Images grouped as in data.json; each group is one unit of the statistics.",
        "Holm p: corrected for 2 comparisons with sa.",
        "Holm p among the other models: corrected for 1 comparison of their own, apart from those with sa.",
        "coverage is about 87 %",
        "No test over seeds",
        "Models differ in model.attention: sa (sa); ja9 (ja9); none (none)",
    ):
        assert words in told
    assert json.loads((tmp_path / "out" / "comparison.json").read_text()) == json.loads(json.dumps(found))
    assert (tmp_path / "out" / "ranks.png").stat().st_size > 5000
    table = list(csv.DictReader((tmp_path / "out" / "comparison.csv").read_text().splitlines()))
    assert [float(row["mean"]) for row in table] == [row["mean"] for row in found["models"]]
    assert [row["over_images_mean"] for row in table] == ["", *(str(row["mean"]) for row in found["over_images"])]


def test_seeds_that_both_have_are_tested(runs, capsys):
    found = compare(runs[:5])
    wanted = statistics.over_seeds(column(*runs[:2]).mean(axis=1), column(*runs[2:4]).mean(axis=1))
    (row,) = found["over_seeds"]
    assert row["mean"] == pytest.approx(wanted.mean)
    assert row["p"] == pytest.approx(wanted.p)
    assert "shared seeds" in capsys.readouterr().out


def test_another_metric_region_and_class(tmp_path, capsys):
    runs = [
        scored_run(tmp_path / name, classes=("disc", "cup"), noise=noise, model__attention=name)
        for name, noise in (("none", 0.3), ("sa", 0.4))
    ]
    with_mean, with_cup = compare(runs, metric="jaccard"), compare(runs, metric="jaccard", label="cup")
    rows = list(csv.DictReader((runs[0] / "eval" / "test.csv").read_text().splitlines()))
    cup = [float(row["jaccard"]) for row in rows if row["class"] == "cup"]
    assert with_cup["models"][0]["mean"] == pytest.approx(np.mean(cup))
    assert with_mean["models"][0]["mean"] == pytest.approx(np.mean([float(row["jaccard"]) for row in rows]))
    told = capsys.readouterr().out
    assert "Jaccard, full image" in told
    assert "Jaccard of class cup, full image" in told
    for wrong, words in (
        ({"metric": "dise"}, "metric is 'dise' (did you mean 'dice'?)"),
        ({"region": "fov"}, "region is 'fov'; choose one of full"),
        ({"label": "cap"}, "class is 'cap' (did you mean 'cup'?)"),
    ):
        with pytest.raises(ValueError, match=re.escape(words)):
            compare(runs, **wrong)


def test_undefined_scores_are_left_out_and_told(tmp_path, capsys):
    runs = [scored_run(tmp_path / name, wider=IDS[:2], model__attention=name) for name in ("none", "sa")]
    found = compare(runs, metric="recall")
    assert [(row["num_images"], row["left_out"]) for row in found["models"]] == [(10, 2)] * 2
    told = (
        "2 images are left out of all numbers, since their score is undefined in at least one run (2 of none, 2 of sa)"
    )
    assert told in capsys.readouterr().out


def test_all_means_are_over_the_images_that_every_model_has(tmp_path, capsys):
    runs = [
        scored_run(tmp_path / name, missed=missed, model__attention=name)
        for name, missed in (("none", IDS[:1]), ("sa", ()), ("ja9", IDS[2:4]))
    ]
    found = compare(runs, metric="mcc", group_pattern="(.*)")
    for row, run in zip(found["models"], runs, strict=True):
        scores = dict(zip(IDS, column_of_text(run, "mcc"), strict=True))
        kept = [float(scores[name]) for name in (IDS[1], *IDS[4:])]
        assert (row["num_images"], row["left_out"]) == (9, 3)
        assert row["mean"] == pytest.approx(np.mean(kept))
    for row, model in zip(found["over_images"], found["models"][1:], strict=True):
        assert row["mean"] == pytest.approx(model["mean"] - found["models"][0]["mean"])
    assert [row["undefined"] for row in found["models"]] == [1, 0, 2]
    assert "3 images are left out of all numbers" in capsys.readouterr().out


def test_runs_of_other_images_are_refused(runs, tmp_path):
    fewer = scored_run(tmp_path / "fewer", ids=IDS[1:])
    with pytest.raises(ValueError, match=f"{IDS[0]} is an image of .*none0 and none of .*fewer: scores of other test"):
        compare([runs[0], fewer])
    masks = scored_run(tmp_path / "masks", digests={IDS[3]: {"image": f"i{IDS[3]}", "mask": "redrawn"}})
    with pytest.raises(ValueError, match=f"the mask of {IDS[3]} is another file in .*masks than in .*none0"):
        compare([runs[0], masks])


def test_the_order_of_images_does_not_matter(runs, tmp_path):
    turned = scored_run(tmp_path / "turned", ids=IDS[::-1], noise=0.4, model__attention="sa")
    (row,) = compare([runs[0], turned])["over_images"]
    assert (row["mean"], row["zeros"], row["p"]) == (0, 6, 1)  # its scores are those of the first


def test_two_evaluations_of_a_run_are_compared(tmp_path):
    run = scored_run(tmp_path / "run")
    for suffix in (".json", ".csv"):
        (run / "eval" / f"test_flips{suffix}").write_bytes((run / "eval" / f"test{suffix}").read_bytes())
    path = run / "eval" / "test_flips.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"prediction": "mean over four flips"}))
    found = compare([run, f"{run}:test_flips"])
    assert [row["model"] for row in found["models"]] == ["whole images", "mean over four flips"]
    assert found["over_images"][0]["mean"] == 0
    with pytest.raises(FileNotFoundError, match=r"eval/test_latest.json: no such file; .* are: test, test_flips$"):
        compare([run, f"{run}:test_latest"])
    for suffix in (".json", ".csv"):
        (run / "eval" / f"test_latest{suffix}").write_bytes((run / "eval" / f"test{suffix}").read_bytes())
    assert [row["model"] for row in compare([run, f"{run}:test_latest"])["models"]] == ["best", "latest"]


def test_counts_are_no_metrics(runs):
    with pytest.raises(ValueError, match="metric is 'tp'.*dice") as told:
        compare(runs, metric="tp")
    assert "fn" not in str(told.value)


def test_where_runs_differ_is_told(tmp_path, capsys):
    first = scored_run(tmp_path / "first", jax="0.10")
    other = scored_run(tmp_path / "other", jax="0.11", eval__threshold=0.4, train__steps=7, model__attention="sa")
    compare([first, other])
    told = capsys.readouterr().out
    assert "thresholds differ, prepared size" in told
    for words in ("eval.threshold: 0.5 ", "eval/threshold: 0.5 ", "train.steps: ", "model.attention: none "):
        assert f"Models differ in {words}" in told
    assert f"Runs differ in packages.jax: 0.10 ({first}); 0.11 ({other})" in told
    assert f"| {first} " in told  # more settings differ than name a model


def test_two_settings_name_a_model(tmp_path):
    first = scored_run(tmp_path / "first")
    other = scored_run(tmp_path / "other", model__attention="sa", train__batch_size=3)
    names = [row["model"] for row in compare([first, other])["models"]]
    assert names == ["attention=none, batch_size=4", "attention=sa, batch_size=3"]


def test_groups_by_a_pattern_by_the_runs_or_none(tmp_path, capsys):
    runs = [scored_run(tmp_path / f"{name}-", groups=None, model__attention=name) for name in ("none", "sa")]
    assert compare(runs)["models"][0]["num_groups"] is None
    assert "treated as independent: no groups (patients) are recorded" in capsys.readouterr().out
    assert compare(runs, group_pattern=r"(\d+)[LR]")["models"][0]["num_groups"] == 6
    alone = [scored_run(tmp_path / name, groups=False, model__attention=name) for name in ("none", "sa")]
    assert compare(alone)["models"][0]["num_groups"] is None
    grouped = scored_run(tmp_path / "grouped", model__attention="pwa")
    assert compare([runs[0], grouped])["models"][0]["num_groups"] == 6  # an earlier run tells none
    with pytest.raises(ValueError, match="into different groups; launch/compare.py takes --group_pattern"):
        compare([alone[0], grouped])
    with pytest.raises(ValueError, match=re.escape("--group_pattern '(' is no regular expression")):
        compare(runs, group_pattern="(")
    with pytest.raises(ValueError, match="--group_pattern 'p' finds nothing in the names, such as 00L"):
        compare(runs, group_pattern="p")


def test_a_run_is_named_once(runs, tmp_path):
    copy = scored_run(tmp_path / "copy", seed=1, noise=0.4)
    with pytest.raises(ValueError, match="none1 and .*copy are one model with seed 1; name one of them"):
        compare([*runs, copy])
    with pytest.raises(ValueError, match="compare takes two runs or more, and 1 came"):
        compare(runs[:1])


def test_seeds_of_one_model_have_a_mean_and_nothing_to_compare(runs, tmp_path):
    found = compare(runs[:2], output=tmp_path / "out")
    assert (len(found["models"]), found["over_images"], found["ranks"]) == (1, [], None)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "comparison.csv", "comparison.json", "comparison.md"
    }  # fmt: skip


def test_one_image_has_a_mean_alone(tmp_path, capsys):
    runs = [scored_run(tmp_path / name, ids=IDS[:1], model__attention=name) for name in ("none", "sa")]
    found = compare(runs)
    assert (found["models"][0]["low"], found["over_images"][0]["p"], found["ranks"]) == (None, None, None)
    assert "the signed-rank test cannot reach p < 0.05" in capsys.readouterr().out


def test_nothing_is_overwritten(runs, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "comparison.md").write_text("mine")
    with pytest.raises(FileExistsError, match="comparison.md is there already; choose another --output"):
        compare(runs, output=tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["comparison.md"]
    assert (tmp_path / "out" / "comparison.md").read_text() == "mine"


def test_damaged_scores_are_told(runs):
    table = runs[0] / "eval" / "test.csv"
    lines = table.read_text().splitlines()
    table.write_text("\n".join(lines[:-1]))
    with pytest.raises(ValueError, match=f"are of other images: {IDS[-1]} is in one alone; score the run again"):
        read_scored(runs[0], "test")
    table.write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match=r"test.json: not what the evaluation wrote \(KeyError\('id'\)\)"):
        read_scored(runs[0], "test")
    table.unlink()
    with pytest.raises(FileNotFoundError, match="--split=test scores the run"):
        read_scored(runs[0], "test")


def test_names_that_a_spreadsheet_would_compute_are_those_of_the_run(tmp_path):
    runs = [scored_run(tmp_path / name, ids=("=a", "b"), model__attention=name) for name in ("none", "sa")]
    assert list(read_scored(runs[0], "test").scores("dice", "full")) == ["=a", "b"]
    assert compare(runs)["models"][0]["num_images"] == 2


def test_a_metric_that_is_better_when_lower_ranks_the_other_way_round(runs):
    for run in runs:
        table = run / "eval" / "test.csv"
        rows = list(csv.DictReader(table.read_text().splitlines()))
        with table.open("w") as file:
            writer = csv.DictWriter(file, [*rows[0], "assd"])
            writer.writeheader()
            writer.writerows({**row, "assd": 1 - float(row["dice"])} for row in rows)
    dice, assd = (compare(runs, metric=metric)["ranks"]["mean_ranks"] for metric in ("dice", "assd"))
    assert dice == assd


def test_an_ensemble_is_of_the_seeds_of_its_members_and_paired_with_no_single_run(tmp_path):
    def combined(name, seeds, **changes):
        run = scored_run(tmp_path / name, seed=seeds[0], **changes)
        path = run / "eval" / "test.json"
        told = json.loads(path.read_text())
        members = [{"run": "r", "seed": seed, "checkpoint": "best", "step": 1} for seed in seeds]
        path.write_text(json.dumps(told | {"members": members}))
        return run

    single = [scored_run(tmp_path / f"single{seed}", seed=seed) for seed in (0, 1)]
    both = [combined("two", (0, 1)), combined("other", (0, 2))]
    found = compare([*single, *both])
    assert [row["seeds"] for row in found["models"]] == [[0, 1], [[0, 1], [0, 2]]]
    assert found["over_seeds"][0]["num_seeds"] == (0, 0)
    with pytest.raises(ValueError, match="are one model with seed 0 and 1; name one of them"):
        compare([both[0], combined("again", (1, 0))])


def test_a_model_that_is_undefined_everywhere_leaves_the_others_their_numbers(tmp_path):
    runs = [
        scored_run(tmp_path / name, missed=missed, model__attention=name)
        for name, missed in (("none", ()), ("sa", IDS[:2]), ("ja9", IDS))
    ]
    found = compare(runs, metric="mcc")
    assert [row["num_images"] for row in found["models"]] == [10, 10, 0]
    assert [row["mean"] is None for row in found["over_images"]] == [False, True]
