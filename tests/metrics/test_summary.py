import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score, recall_score, roc_auc_score

from jaxseg.metrics import METRICS, SCORES, Tally, chosen, flatten


def _images(seed, number, size=(6, 7)):
    """Random images with both classes inside and outside the field of view, and tied probabilities."""
    rng = np.random.default_rng(seed)
    for index in range(number):
        truth = rng.random(size) < 0.3
        truth[0, :2] = truth[-1, :2] = [True, False]
        fov = rng.random(size) < 0.7
        fov[0], fov[-1] = True, False
        probability = np.round(np.clip(0.5 * truth + 0.7 * rng.random(size), 0, 1), 1).astype(np.float32)
        yield f"image{index}", probability, truth, fov


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.integers(2, 4))
def test_all_four_protocols_agree_with_scikit_learn(seed, number):
    images, tally = list(_images(seed, number)), Tally()
    for image in images:
        tally.add(*image)
    summary = tally.summary()
    assert summary["num_images"] == number
    for region in ("full", "fov"):
        pixels = [(p[f], t[f]) if region == "fov" else (p.ravel(), t.ravel()) for _, p, t, f in images]
        pooled = tuple(map(np.concatenate, zip(*pixels, strict=True)))
        for metric, oracle in {
            "dice": lambda p, t: f1_score(t, p > 0.5),
            "recall": lambda p, t: recall_score(t, p > 0.5),
            "auc": lambda p, t: roc_auc_score(t, p),
        }.items():
            each = [oracle(*image) for image in pixels]
            assert summary[region]["image_mean"][metric] == pytest.approx(np.mean(each), abs=1e-6)
            assert summary[region]["image_sd"][metric] == pytest.approx(np.std(each, ddof=1), abs=1e-6)
            assert summary[region]["pooled"][metric] == pytest.approx(oracle(*pooled), abs=1e-6)


def test_the_shape_of_a_summary():
    tally = Tally()
    for name, probability, truth, fov in _images(0, 3):
        tally.add(name, probability, truth, fov)
    summary = tally.summary()
    assert list(summary) == ["num_images", "full", "fov"]
    for region in ("full", "fov"):
        assert list(summary[region]) == ["image_mean", "image_sd", "pooled"]
        assert all(list(scores) == list(chosen()) for scores in summary[region].values())
    assert json.loads(json.dumps(summary)) == summary
    flat = flatten(summary, "val")
    assert len(flat) == 2 * (3 * len(chosen()) - 1)  # of ISIC's Jaccard there is no pooled one
    assert flat["val/fov/pooled/auc"] == summary["fov"]["pooled"]["auc"]


def test_undefined_scores_are_left_out_and_counted():
    probability = np.array([[0.9, 0.1], [0.2, 0.3]], np.float32)
    empty, one = np.zeros((2, 2), bool), np.array([[True, False], [False, False]])
    tally = Tally()
    tally.add("empty", probability, empty)
    tally.add("one", probability, one)
    full = tally.summary()["full"]
    assert full["undefined"] == {"recall": 1, "auc": 1, "mcc": 1, "balanced_accuracy": 1}
    assert full["image_mean"]["recall"] == full["image_mean"]["auc"] == 1.0  # of the other image alone
    assert full["image_sd"]["recall"] is None
    assert full["image_mean"]["dice"] == 0.5
    assert "fov" not in tally.summary()


def test_images_without_a_field_of_view_count_in_full_only():
    tally, with_fov = Tally(), Tally()
    (a, b) = _images(3, 2)
    tally.add(*a)
    tally.add(*b[:3])
    with_fov.add(*a)
    summary = tally.summary()
    assert summary["num_images"] == 2
    assert summary["fov"]["num_images"] == 1
    assert summary["fov"]["pooled"] == with_fov.summary()["fov"]["pooled"]
    pixels = np.concatenate([a[1].ravel(), b[1].ravel()]), np.concatenate([a[2].ravel(), b[2].ravel()])
    assert summary["full"]["pooled"]["auc"] == pytest.approx(roc_auc_score(pixels[1], pixels[0]), abs=1e-12)


def test_a_binary_mask_has_scores_but_no_auc():
    tally = Tally(ranked=False)
    for name, probability, truth, fov in _images(0, 2):
        tally.add(name, (probability > 0.5).astype(np.float32), truth, fov)
    full = tally.summary()["full"]
    assert full["image_mean"]["auc"] is None
    assert full["pooled"]["auc"] is None
    assert "undefined" not in full
    assert all(full["pooled"][score] is not None for score in SCORES if METRICS[score].pooled)


def test_beyond_the_pool_limit_only_the_pooled_auc_is_left_out():
    small, large = Tally(pool_limit=50), Tally()
    for image in _images(0, 2):  # 42 pixels each
        small.add(*image)
        large.add(*image)
    got, wanted = small.summary(), large.summary()
    assert got.pop("notes") == ["pooled auc left out: more than 50 pixels"]
    for region in ("full", "fov"):
        assert wanted[region]["pooled"].pop("auc") is not None
        assert got[region]["pooled"].pop("auc") is None
    assert got == wanted
