"""Several classes from photograph to scores and pictures: the answers follow from each pixel's colour."""

import dataclasses

import numpy as np
import pytest
from fakes import COLOURS, NAMES, PLAIN, Pixels, colour_probability
from PIL import Image
from sklearn.metrics import f1_score

from jaxseg import inference
from jaxseg.data import palette
from jaxseg.data.images import read_image, write_png
from jaxseg.data.records import IGNORE, Record
from jaxseg.inference import Predictor, predict_folder, score


@pytest.mark.parametrize("options", [{}, {"flips": True}, {"tile": (16, 16), "overlap": 0.5}])
def test_every_class_has_a_probability_at_the_images_own_size(make_image, options):
    image = make_image(40, 27)
    found = Predictor(Pixels(3), COLOURS, PLAIN, classes=NAMES, threshold=(), **options)(image)
    assert found.shape == (40, 27, 3)
    np.testing.assert_allclose(found, colour_probability(image), atol=1e-6)


def test_a_resized_model_gives_probabilities_that_add_up(make_image):
    image = make_image(2, 2).repeat(12, 0).repeat(15, 1)
    small = dataclasses.replace(PLAIN, image_size=(12, 15))
    found = Predictor(Pixels(3), COLOURS, small, classes=NAMES, threshold=())(image)
    np.testing.assert_allclose(found[:10, :13], colour_probability(image)[:10, :13], atol=1e-6)
    np.testing.assert_allclose(found.sum(-1), 1, atol=1e-5)


def test_a_threshold_that_does_not_fit_is_refused_when_the_predictor_is_made():
    with pytest.raises(ValueError, match="threshold is 0.5; want a tuple of numbers 0 to 1 for red, green"):
        Predictor(Pixels(3), COLOURS, PLAIN, classes=NAMES)


def record(image, seed):
    mask = np.random.default_rng(seed).integers(0, 3, image.shape[:2]).astype(np.uint8)
    mask[:2] = IGNORE
    return Record(f"image{seed}", image, mask, None, None, "")


@pytest.mark.parametrize("threshold", [(), (0.2, 0.7)])
def test_an_evaluation_of_classes_agrees_with_scikit_learn(colours, make_image, threshold):
    colours.threshold = threshold
    records = [record(make_image(seed=k), k) for k in range(2)]
    found = score(colours, records, progress=False)
    for k, name in enumerate(NAMES, 1):
        dice = []
        for one in records:
            probability, truth = colour_probability(one.image)[2:], one.mask[2:]
            above = np.where(probability[..., 1:] > (threshold or 0), probability[..., 1:], 0)
            predicted = np.where(above.any(-1), 1 + above.argmax(-1), 0) if threshold else probability.argmax(-1)
            dice.append(f1_score((truth == k).ravel(), (predicted == k).ravel()))
        assert found.summary["classes"][name]["full"]["image_mean"]["dice"] == pytest.approx(np.mean(dice), abs=1e-9)
    assert found.threshold == threshold


def test_a_mask_of_other_values_is_refused_with_the_images_name(colours, make_image):
    wrong = record(make_image(), 0)
    wrong.mask[5, 5] = 7
    with pytest.raises(ValueError, match="image image0: its mask holds 7, .*; want 0 to 2, or 255"):
        score(colours, [wrong], progress=False)


def test_pictures_show_the_class_of_every_pixel(colours, make_image, tmp_path):
    image = make_image(33, 120)
    write_png(tmp_path / "a.png", image)
    (mask,) = predict_folder(colours, tmp_path / "a.png", tmp_path / "out", progress=False)
    assert sorted(path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.png")) == [
        "masks/a.png", "overlays/a.png", "probabilities/green/a.png", "probabilities/red/a.png"
    ]  # fmt: skip
    probability = colour_probability(image)
    predicted = probability.argmax(-1)
    np.testing.assert_array_equal(np.asarray(Image.open(mask)), predicted)
    for k, name in enumerate(NAMES, 1):
        stored = np.asarray(Image.open(tmp_path / "out" / "probabilities" / name / "a.png"))
        np.testing.assert_allclose(stored / 65535, probability[..., k], atol=1e-5)
    shown = read_image(tmp_path / "out" / "overlays" / "a.png")
    assert shown.shape[0] > 33
    np.testing.assert_array_equal(shown[:33][predicted == 0], image[predicted == 0])
    for k, colour in enumerate(palette.colours(2), 1):
        assert (shown[:33] == colour)[predicted == k].all(-1).mean() > 0.5  # in this noise most pixels are an edge


def test_a_second_observer_of_classes_is_scored_where_both_know_the_class(colours, make_image):
    one = record(make_image(), 0)
    second = np.roll(one.mask, 1, axis=1)
    second[2, :5] = IGNORE
    found = score(colours, [one._replace(observer2=second)], progress=False)
    known = (one.mask != IGNORE) & (second != IGNORE)
    for k, name in enumerate(NAMES, 1):
        dice = f1_score(one.mask[known] == k, second[known] == k)
        scores = found.observer2["classes"][name]["full"]["image_mean"]
        assert (scores["dice"], scores["auc"]) == (pytest.approx(dice), None)


@pytest.mark.parametrize(("classes", "threshold"), [({}, 0.4), ({"red": 1, "green": 2}, (0.3, 0.6))])
def test_a_run_says_how_its_probabilities_become_classes(classes, threshold):
    prediction = {
        "tile": [],
        "overlap": 0.5,
        "flips": False,
        "threshold": 0.4,
        "thresholds": [0.3, 0.6],
        "reconnect": {},
    }
    found = inference.options({"eval": prediction, "data": {"classes": classes}, "model": {"name": "unet"}})
    assert (found["classes"], found["threshold"]) == (tuple(classes), threshold)
    assert found["made_of"] == [{"name": "unet"}, tuple(classes)]
