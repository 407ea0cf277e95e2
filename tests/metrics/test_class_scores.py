"""Scores of several classes: each against the rest, their mean, and pixels that nobody knows."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score, jaccard_score, roc_auc_score

from jaxseg.metrics import Evaluation, Tally, chosen, flatten

NAMES = ("vessel", "disc", "lesion")


def images(seed, number, size=(8, 9)):
    """Random images with every class inside and outside the field of view, tied probabilities, and unknown pixels."""
    rng = np.random.default_rng(seed)
    for index in range(number):
        truth = rng.integers(0, 4, size).astype(np.uint8)
        truth[0, :4] = truth[-1, :4] = range(4)
        fov = rng.random(size) < 0.7
        fov[0], fov[-1] = True, False
        known = rng.random(size) < 0.9
        known[0] = known[-1] = True
        logits = np.round(2 * np.eye(4)[truth] * rng.random(size)[..., None] + rng.random((*size, 4)), 1)
        probability = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
        yield f"image{index}", probability.astype(np.float32), np.where(known, truth, 255).astype(np.uint8), fov, known


def tallied(pictures, at=()):
    tally = Tally(at, classes=NAMES)
    for picture in pictures:
        tally.add(*picture)
    return tally


@settings(max_examples=15)
@given(st.integers(0, 10**6), st.integers(2, 3))
def test_each_class_is_scored_against_the_rest_as_scikit_learn_does(seed, number):
    pictures = list(images(seed, number))
    summary = tallied(pictures).summary()
    for region in ("full", "fov"):
        shown = [(p[at], t[at]) for _, p, t, f, k in pictures for at in [k & f if region == "fov" else k]]
        pooled = tuple(map(np.concatenate, zip(*shown, strict=True)))
        for k, name in enumerate(NAMES, 1):
            for metric, oracle in {
                "dice": lambda p, t, k=k: f1_score(t == k, p.argmax(-1) == k, zero_division=1.0),
                "jaccard": lambda p, t, k=k: jaccard_score(t == k, p.argmax(-1) == k, zero_division=1.0),
                "auc": lambda p, t, k=k: roc_auc_score(t == k, p[:, k]),
            }.items():
                each, found = [oracle(*image) for image in shown], summary["classes"][name][region]
                assert found["image_mean"][metric] == pytest.approx(np.mean(each), abs=1e-6)
                assert found["image_sd"][metric] == pytest.approx(np.std(each, ddof=1), abs=1e-6)
                assert found["pooled"][metric] == pytest.approx(oracle(*pooled), abs=1e-6)
        for reduction, scores in summary[region].items():
            for metric, score in scores.items():
                each = [summary["classes"][name][region][reduction][metric] for name in NAMES]
                if chosen()[metric].pooled or reduction != "pooled":
                    assert score == pytest.approx(np.mean(each), abs=1e-12)
                else:
                    assert [score, *each] == [None] * 4


def test_the_shape_of_rows_summary_and_logged_scores():
    tally = tallied(images(0, 3))
    assert [(row["region"], row["class"]) for row in tally.rows[:6]] == [
        (region, name) for name in NAMES for region in ("full", "fov")
    ]
    assert list(tally.rows[0]) == ["id", "region", "class", *chosen(), "tp", "fp", "fn", "tn"]
    summary = tally.summary()
    assert list(summary) == ["num_images", "full", "fov", "classes"]
    assert list(summary["classes"]) == list(NAMES)
    assert json.loads(json.dumps(summary)) == summary
    flat = flatten(summary, "val")
    assert len(flat) == (1 + len(NAMES)) * 2 * (3 * len(chosen()) - 1)  # of ISIC's Jaccard there is no pooled one
    assert flat["val/classes/disc/fov/pooled/auc"] == summary["classes"]["disc"]["fov"]["pooled"]["auc"]


def test_unknown_pixels_change_nothing_whatever_was_predicted_there():
    pictures = list(images(1, 2))
    for _, probability, _, _, known in (others := [tuple(map(np.copy, picture)) for picture in pictures]):
        probability[~known] = [0.0, 0.0, 0.1, 0.9]
    named = [(pictures[k][0], *others[k][1:]) for k in range(2)]
    assert tallied(named).summary() == tallied(pictures).summary()
    rows = tallied(pictures).rows
    assert {sum(row[count] for count in ("tp", "fp", "fn", "tn")) for row in rows[:1]} == {int(pictures[0][4].sum())}


def test_a_class_that_is_nowhere_leaves_the_mean_where_it_is_undefined():
    """Recall and AUC of a class without a pixel are undefined; its Dice is 1 where nothing of it is predicted."""
    tally = Tally((), classes=("here", "nowhere"))
    truth = np.array([[1, 0], [0, 1]], np.uint8)
    tally.add(
        "one", np.array([[[0.2, 0.8, 0.0], [0.9, 0.1, 0.0]], [[0.7, 0.3, 0.0], [0.6, 0.4, 0.0]]], np.float32), truth
    )
    summary = tally.summary()
    assert summary["classes"]["nowhere"]["full"]["image_mean"]["recall"] is None
    assert summary["full"]["undefined"] == {"recall": 1, "auc": 1, "mcc": 1, "balanced_accuracy": 1}
    assert summary["full"]["image_mean"]["recall"] == summary["classes"]["here"]["full"]["image_mean"]["recall"] == 0.5
    assert summary["full"]["image_mean"]["dice"] == pytest.approx((2 / 3 + 1) / 2)


def test_images_rank_by_the_mean_over_classes():
    tally = tallied(images(2, 4))
    evaluation = Evaluation(tally.summary(), tally.rows, None, (), "prepared")
    means = {
        name: np.mean([row["dice"] for row in tally.rows if (row["id"], row["region"]) == (name, "full")])
        for name in evaluation.ids
    }
    ranked = evaluation.ranked("dice")
    assert [row["id"] for row in ranked] == sorted(means, key=lambda name: means[name])
    assert [row["dice"] for row in ranked] == pytest.approx(sorted(means.values()))
    assert evaluation.decision() == "the most probable class"


def test_the_pixels_kept_for_the_pooled_auc_are_shared_by_the_classes():
    (picture,) = images(0, 1)
    limit = 3 * int(picture[4].sum()) - 1
    tally = Tally((), classes=NAMES, pool_limit=limit)
    tally.add(*picture)
    assert tally.summary()["notes"] == [f"pooled auc left out: more than {limit // 3} pixels a class"]
    assert tally.summary()["full"]["pooled"]["auc"] is None
