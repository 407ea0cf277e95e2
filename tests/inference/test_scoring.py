import dataclasses

import numpy as np
import pytest
from fakes import green_probability
from sklearn.metrics import f1_score, roc_auc_score

from jaxseg.data.images import read_image, write_png
from jaxseg.data.records import Record
from jaxseg.inference import predict_folder, score
from jaxseg.metrics import Walk


def _record(make_image, name, seed, fov=None):
    image = make_image(seed=seed)
    rng = np.random.default_rng(seed)
    mask = (image[..., 1] + rng.integers(0, 100, image.shape[:2]) > 170).astype(np.uint8)
    return Record(name, image, mask, fov, observer2=None, group=name)


def test_an_evaluation_agrees_with_scikit_learn(green, make_image):
    fov = np.ones((20, 27), np.uint8)
    fov[:5] = 0
    records = [_record(make_image, "a", 1, fov=fov), _record(make_image, "b", 2, fov=1 - fov)]
    found = score(green, records)
    assert [(row["id"], row["region"]) for row in found.rows] == [(i, r) for i in "ab" for r in ("full", "fov")]
    for row in found.rows:
        record = records["ab".index(row["id"])]
        valid = record.fov == 1 if row["region"] == "fov" else np.ones((20, 27), bool)
        probability, truth = green_probability(record.image)[valid], record.mask[valid]
        assert row["dice"] == pytest.approx(f1_score(truth, probability > 0.5), abs=1e-6)
        assert row["auc"] == pytest.approx(roc_auc_score(truth, probability), abs=1e-6)
        assert row["tp"] + row["fp"] + row["fn"] + row["tn"] == valid.sum()
    assert found.summary["full"]["image_mean"]["dice"] == pytest.approx(
        (found.rows[0]["dice"] + found.rows[2]["dice"]) / 2
    )
    assert found.observer2 is None


def test_the_second_observer_is_scored_against_the_first(green, make_image):
    first = _record(make_image, "a", 1)
    second = _record(make_image, "b", 2)
    records = [first._replace(observer2=second.mask), second]
    found = score(green, records)
    assert found.observer2["num_images"] == 1
    assert found.observer2["full"]["image_mean"]["auc"] is None
    assert found.observer2["full"]["image_mean"]["dice"] == pytest.approx(
        f1_score(first.mask.ravel(), second.mask.ravel()), abs=1e-6
    )


def test_the_threshold_and_the_size_of_scoring_are_used_and_told(green, make_image):
    record = _record(make_image, "a", 1)
    green.threshold = 0.0
    everything = score(green, [record], prepared=False)
    assert everything.summary["full"]["pooled"]["recall"] == 1.0
    assert (everything.threshold, everything.scored_at) == (0.0, "original")
    green.threshold = 1.0
    nothing = score(green, [record])
    assert nothing.summary["full"]["pooled"]["recall"] == 0.0
    assert (nothing.threshold, nothing.scored_at) == (1.0, "prepared")


def test_prepared_records_are_not_prepared_again(green, make_image):
    green.preprocess = dataclasses.replace(green.preprocess, clahe="rgb")
    record = _record(make_image, "a", 1)
    raw, prepared = (score(green, [record], prepared=prepared).summary["full"] for prepared in (False, True))
    assert prepared["pooled"]["auc"] == pytest.approx(
        roc_auc_score(record.mask.ravel(), green_probability(record.image).ravel()), abs=1e-6
    )
    assert raw["pooled"]["auc"] == pytest.approx(
        roc_auc_score(record.mask.ravel(), green_probability(green.preprocess.prepare(record.image)).ravel()), abs=1e-6
    )
    assert raw["pooled"]["auc"] != prepared["pooled"]["auc"]


def test_rows_rank_from_worst_to_best(green, make_image):
    found = score(green, [_record(make_image, name, seed) for seed, name in enumerate("abc")])
    dice = [row["dice"] for row in found.ranked("dice", "full")]
    assert dice == sorted(dice)
    assert len(dice) == 3
    assert found.ranked("dice", "fov") == []


def test_no_images_are_refused(green):
    with pytest.raises(ValueError, match="no images to evaluate"):
        score(green, [])


@pytest.mark.parametrize("field", ["mask", "fov", "observer2"])
def test_a_broken_mask_is_refused_by_the_images_name(green, make_image, field):
    record = _record(make_image, "patient7", 1)
    with pytest.raises(ValueError, match=rf"image patient7: {field} holds 1 values from 255 to 255; want only 0 and 1"):
        score(green, [record._replace(**{field: np.full((20, 27), 255, np.uint8)})])
    with pytest.raises(
        ValueError, match=rf"image patient7: its {field} is \[3, 3\]; want the image's size, \[20, 27\]"
    ):
        score(green, [record._replace(**{field: np.ones((3, 3), np.uint8)})])


@pytest.mark.parametrize("foreground", [True, False])
def test_a_model_that_answers_nan_is_named_with_the_image(green, make_image, monkeypatch, foreground):
    monkeypatch.setattr(green, "prepared", lambda image: np.full(image.shape[:2], np.nan, np.float32))
    record = _record(make_image, "a", 1)
    record = record if foreground else record._replace(mask=np.zeros_like(record.mask))
    with pytest.raises(ValueError, match="image a: probabilities hold NaN"):
        score(green, [record])


def test_the_walk_acts_in_scores_saved_masks_and_a_folders_masks_alike(green, tmp_path):
    image = np.zeros((20, 27, 3), np.uint8)
    image[10, :, 1], image[10, 12:15, 1] = 255, 110  # a line, and a gap of probability .34
    record = Record("a", image, (image[..., 1] > 0).astype(np.uint8), None, None, "a")
    write_png(tmp_path / "a.png", image)
    broken = score(green, [record])
    green.reconnect = Walk(reach=6.0)
    found = score(green, [record], save_to=tmp_path / "saved")
    assert [one.rows[0]["fn"] for one in (broken, found)] == [3, 0]
    assert [one.rows[0]["auc"] for one in (broken, found)] == [1.0, 1.0]  # of the probabilities, which stay
    assert (found.reconnect, found.decision()) == (green.reconnect, f"threshold 0.5, {green.reconnect.describe()}")
    (mask,) = predict_folder(green, tmp_path / "a.png", tmp_path / "out", progress=False)
    for path in (mask, tmp_path / "saved" / "masks" / "a.png"):
        np.testing.assert_array_equal(read_image(path)[..., 0], 255 * record.mask)
