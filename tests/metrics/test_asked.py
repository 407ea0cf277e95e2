"""Metrics that are computed only where they are asked for: their names, and their place in rows and summary."""

import importlib

import numpy as np
import pytest

from jaxseg.metrics import METRICS, Tally, calibration, chosen, curves, metric, surface, topology

ASKED = (
    "average_precision",
    "sensitivity@0.9",
    "ece_positive",
    "ece_predicted",
    "hd95",
    "assd",
    "surface_dice@2",
    "cldice",
)


def picture(seed=0, size=(20, 24)):
    rng = np.random.default_rng(seed)
    truth = np.zeros(size, bool)
    truth[5:15, 6:18] = True
    fov = np.zeros(size, bool)
    fov[2:18, 2:16] = True
    probability = np.clip(0.6 * truth + 0.5 * rng.random(size), 0, 1).astype(np.float32)
    return probability, truth, fov


def test_nothing_that_takes_time_is_computed_unasked():
    assert not {name for name, row in chosen().items() if row.asked}
    assert {row.of for row in chosen().values()} == {"counts", "pixels"}
    assert {name for name, row in METRICS.items() if row.asked} == {name.partition("@")[0] for name in ASKED}


def test_rows_and_summary_hold_the_functions_values():
    probability, truth, fov = picture()
    tally = Tally(metrics=ASKED)
    tally.add("eye", probability, truth, fov)
    tally.add("other", *picture(1))
    assert list(tally.rows[0]) == ["id", "region", *chosen(), *ASKED, "tp", "fp", "fn", "tn"]
    for row, valid in zip(tally.rows[:2], (np.ones_like(fov), fov), strict=True):
        masks = (probability > 0.5) & valid, truth & valid
        pixels = probability[truth & valid], probability[~truth & valid]
        apart = surface.distances(*masks)
        assert {name: row[name] for name in ASKED} == {
            "average_precision": curves.average_precision(*pixels),
            "sensitivity@0.9": curves.sensitivity_at(*pixels, 0.9),
            "ece_positive": calibration.of_positive_class(*pixels).error(),
            "ece_predicted": calibration.of_predicted_class(*pixels).error(),
            "hd95": surface.hd95(apart),
            "assd": surface.assd(apart),
            "surface_dice@2": surface.surface_dice(apart, 2.0),
            "cldice": topology.cldice(*masks),
        }
    summary = tally.summary()
    both = [picture(seed) for seed in (0, 1)]
    together = [np.concatenate([p[t == side] for p, t, _ in both]) for side in (True, False)]
    for region in ("full", "fov"):
        each = [row["hd95"] for row in tally.rows if row["region"] == region]
        assert summary[region]["image_mean"]["hd95"] == pytest.approx(np.mean(each))
        assert [summary[region]["pooled"][name] for name in ASKED[4:]] == [None] * 4
    pooled = summary["full"]["pooled"]
    assert pooled["average_precision"] == curves.average_precision(*together)
    assert pooled["sensitivity@0.9"] == curves.sensitivity_at(*together, 0.9)
    assert pooled["ece_positive"] == pytest.approx(calibration.of_positive_class(*together).error(), abs=1e-12)


def test_empty_masks_and_regions_are_undefined_and_counted():
    probability, truth, _ = picture()
    tally = Tally(metrics=ASKED)
    tally.add("nothing there", probability, np.zeros_like(truth))
    tally.add("nothing found", np.zeros_like(probability), truth)
    tally.add("no region", probability, truth, np.zeros_like(truth))
    summary = tally.summary()
    assert [row["hd95"] for row in tally.rows] == [None, None, pytest.approx(0), None]
    assert summary["full"]["undefined"] == {
        "recall": 1, "auc": 1, "mcc": 2, "balanced_accuracy": 1, "average_precision": 1, "sensitivity@0.9": 1,
        "hd95": 2, "assd": 2, "surface_dice@2": 2, "cldice": 2,
    }  # fmt: skip
    assert all(tally.rows[-1][name] is None for name in tally.rows[-1] if name in chosen(ASKED))


def test_each_class_has_its_own_and_the_mean_is_over_classes():
    rng = np.random.default_rng(0)
    truth = np.zeros((20, 24), np.uint8)
    truth[3:9, 3:20], truth[12:18, 5:15] = 1, 2
    logits = 3 * np.eye(3)[truth] + rng.random((20, 24, 3))
    probability = (np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)).astype(np.float32)
    predicted = np.where(rng.random(truth.shape) < 0.05, 1, truth)
    probability[predicted != truth] = [0.1, 0.8, 0.1]
    known = np.ones(truth.shape, bool)
    known[:, :4] = False  # what nobody knows is in no mask
    tally = Tally((), classes=("vessel", "disc"), metrics=ASKED)
    tally.add("eye", probability, truth, None, known)
    found = tally.summary()
    decided = probability.argmax(-1)
    for k, name in enumerate(("vessel", "disc"), 1):
        apart = surface.distances((decided == k) & known, (truth == k) & known)
        assert found["classes"][name]["full"]["image_mean"]["assd"] == surface.assd(apart)
    for name in ASKED:
        each = [found["classes"][label]["full"]["image_mean"][name] for label in ("vessel", "disc")]
        assert found["full"]["image_mean"][name] == pytest.approx(np.mean(each))


def test_of_a_second_observers_mask_only_probabilities_are_not_asked():
    probability, truth, fov = picture()
    tally = Tally(ranked=False, metrics=ASKED)
    tally.add("eye", (probability > 0.5).astype(np.float32), truth, fov)
    assert [tally.rows[0][name] for name in ASKED[:4]] == [None] * 4
    assert all(tally.rows[0][name] is not None for name in ASKED[4:])
    assert "undefined" not in tally.summary()["full"]


def test_beyond_the_pool_limit_what_is_left_out_is_named():
    tally = Tally(metrics=("average_precision", "hd95"), pool_limit=50)
    tally.add("eye", *picture())
    assert tally.summary()["notes"] == ["pooled auc, average_precision left out: more than 50 pixels"]
    assert tally.summary()["full"]["pooled"]["average_precision"] is None


def test_a_name_without_its_number_gets_the_default():
    asked = ("surface_dice", "sensitivity", "surface_dice@2.50", "dice")
    assert list(chosen(asked)) == [*chosen(), "surface_dice@1", "sensitivity@0.95", "surface_dice@2.5"]
    assert metric("sensitivity@0.9").heading == "Sensitivity at specificity 0.9"
    assert metric("dice").heading == "Dice"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("hd59", r"eval.metrics is 'hd59' \(did you mean 'hd95'\?\); want one of dice, .*cldice"),
        ("hd95@3", "eval.metrics is 'hd95@3'; want 'hd95', which takes no number"),
        (
            "surface_dice@-1",
            "eval.metrics is 'surface_dice@-1'; want surface_dice@ and a tolerance in pixels, 0 or more",
        ),
        ("surface_dice@", "want surface_dice@ and a tolerance in pixels, 0 or more"),
        ("surface_dice@inf", "want surface_dice@ and a tolerance"),
        ("sensitivity@95", "eval.metrics is 'sensitivity@95'; want sensitivity@ and a specificity, 0 to 1"),
        ("sensitivity@nan", "want sensitivity@ and a specificity, 0 to 1"),
    ],
)
def test_a_name_that_is_none_is_refused(name, said):
    with pytest.raises(ValueError, match=said):
        chosen((name,))


def test_a_missing_package_is_named_before_anything_is_scored(monkeypatch):
    monkeypatch.setattr(importlib.import_module("jaxseg.metrics.scores"), "find_spec", lambda name: None)
    with pytest.raises(
        ValueError, match=r"--metrics has 'cldice', which takes skimage; pip install 'jaxseg\[topology\]'"
    ):
        chosen(("cldice",), "--metrics")


def test_the_heading_of_a_score_needs_no_package_that_computes_it(monkeypatch):
    monkeypatch.setattr(importlib.import_module("jaxseg.metrics.scores"), "find_spec", lambda name: None)
    assert metric("cldice").heading == "clDice"
