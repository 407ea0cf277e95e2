import numpy as np
import pytest
from scored_runs import IDS, scored_run

from jaxseg.jobs.compare import compare
from jaxseg.pages.folds import joined
from jaxseg.runs.scored import read_scored

FOLDS = [IDS[:4], IDS[4:8], IDS[8:]]  # two persons each


def folds(home, *, numbers=(0, 1, 2), **changes):
    return [scored_run(home / f"fold{k}", ids=FOLDS[k], data__folds=3, data__fold=k, **changes) for k in numbers]


def read(paths, split="test"):
    return [read_scored(path, split) for path in paths]


def test_the_folds_are_one_run_over_all_images(tmp_path):
    paths = folds(tmp_path)
    (one,) = joined(read(paths[::-1]))
    assert one.ids == IDS
    assert [part.workdir for part in one.parts] == paths
    assert one.groups == {name: name[:2] for name in IDS}
    (earlier,) = joined(read(folds(tmp_path / "earlier", groups=None)))
    assert earlier.groups is None
    # as a single run with these images and predictions is scored
    whole = read_scored(scored_run(tmp_path / "whole"), "test")
    assert one.scores("dice", "full") == whole.scores("dice", "full")
    for reduction in ("image_mean", "image_sd"):
        assert one.facts["full"][reduction] == whole.facts["full"][reduction]
    pooled = {name: value for name, value in whole.facts["full"]["pooled"].items() if name != "auc"}
    assert one.facts["full"]["pooled"] == pooled | {"auc": None}
    assert one.facts["notes"] == ["pooled auc left out: every fold has a model of its own"]
    assert (one.facts["num_images"], one.facts["threshold"], one.facts["split"]) == (12, 0.5, "test")


def test_classes_have_their_own_sums(tmp_path):
    classes = ("disc", "cup")
    changes = {"classes": classes, "data__classes": {"disc": 1, "cup": 2}}
    (one,) = joined(read(folds(tmp_path, **changes)))
    whole = read_scored(scored_run(tmp_path / "whole", **changes), "test")
    for name in classes:
        assert one.facts["classes"][name]["full"]["image_mean"] == whole.facts["classes"][name]["full"]["image_mean"]


def test_models_of_folds_are_compared_over_all_images(tmp_path, capsys):
    paths = [
        *folds(tmp_path / "none"),
        *folds(tmp_path / "none1", seed=1),
        *folds(tmp_path / "sa", model__attention="sa"),
    ]
    found = compare(paths)
    assert [(row["model"], row["folds"], row["seeds"], row["num_images"]) for row in found["models"]] == [
        ("none", 3, [0, 1], 12), ("sa", 3, [0], 12)
    ]  # fmt: skip
    assert found["models"][1]["runs"] == [str(path) for path in paths[6:]]
    assert found["models"][1]["mean"] == pytest.approx(
        np.mean([value for run in read(paths[6:]) for value in run.scores("dice", "full").values()])
    )
    assert "sa: 3 folds; each image is scored by the one that was not trained on it." in capsys.readouterr().out


def test_missing_and_doubled_folds_and_other_splits_are_refused(tmp_path):
    paths = folds(tmp_path)
    with pytest.raises(ValueError, match=r"fold0 is one of 3 folds, and data\.fold=1 of the same settings and seed is"):
        joined(read([paths[0], paths[2]]))
    again = scored_run(tmp_path / "again", ids=FOLDS[1], data__folds=3, data__fold=1)
    with pytest.raises(ValueError, match=r"fold1 and .*again are one model with data\.fold=1; name one of them"):
        joined(read([*paths, again]))
    other = scored_run(tmp_path / "other", ids=FOLDS[1], data__folds=3, data__fold=2)
    with pytest.raises(ValueError, match=f"{IDS[4]} is in two folds"):
        joined(read([*paths[:2], other]))
    on_val = read(paths)[0]
    on_val.facts["split"] = "val"
    with pytest.raises(ValueError, match="fold0 is a fold, scored on val; folds can only be combined on test"):
        joined([on_val])


def test_a_threshold_that_val_chose_may_differ_between_folds(tmp_path):
    runs = read(folds(tmp_path))
    for run, at in zip(runs, (0.4, 0.5, 0.6), strict=True):
        run.facts.update(threshold=at, threshold_rule="dice")
    (one,) = joined(runs)
    assert "threshold" not in one.facts
    assert one.facts["threshold_rule"] == "dice"
