"""What a row implies of its images, and what it is in the other region, against images made for it."""

import numpy as np
import pytest

from jaxseg import published
from jaxseg.published import FOV, FULL, PixelCounts, Row

DRIVE = {row.name: row for row in published.table("drive_supp1").rows}
ISIC = {row.name: row for row in published.table("isic_table1").rows}
# Share of foreground with its range by rounding, and Dice, implied by accuracy, recall and TNR; computed apart.
IMPLIED = {
    "Hu": (0.1286, 0.1282, 0.1291, 0.8107),
    "Alom": (0.1272, 0.1267, 0.1277, 0.8170),
    "Mou": (0.1167, 0.1161, 0.1173, 0.8237),
    "Wu": (0.1270, 0.1264, 0.1276, 0.8287),
    "Lyu": (0.1282, 0.1277, 0.1287, 0.8286),
    "Wang": (0.0944, 0.0938, 0.0949, 0.8275),
    "DenseUNet": (0.0884, 0.0879, 0.0888, 0.8069),
    "DenseUNet-SA": (0.0886, 0.0881, 0.0890, 0.8132),
    "DenseUNet-PWA": (0.0890, 0.0885, 0.0896, 0.8149),
    "DenseUNet-JA": (0.0889, 0.0884, 0.0894, 0.8194),
}


@pytest.mark.parametrize("name", IMPLIED)
def test_a_row_implies_a_share_of_foreground_and_a_dice(name):
    share = published.foreground(DRIVE[name])
    assert share is not None
    assert (*(round(number, 4) for number in share), round(published.implied_dice(DRIVE[name]) or 0, 4)) == IMPLIED[
        name
    ]


@pytest.mark.parametrize(
    ("name", "dice"),
    [
        ("DenseUNet", 0.8632), ("DenseUNet-SA", 0.8698), ("DenseUNet-PWA", 0.8680), ("DenseUNet-JA", 0.8753),
        ("Zhang [16]", 0.8742), ("Kaul", 0.8111),
    ],
)  # fmt: skip
def test_precision_and_recall_imply_a_dice(name, dice):
    assert published.implied_dice(ISIC[name]) == pytest.approx(dice, abs=5e-5)


def test_what_too_few_scores_imply_is_not_known():
    for scores in ("0.8000 0.9000", "0.9000 0.9000 0.9000", "0.9001 0.9000 0.9000", "0.80 0.81 0.81"):
        row = Row("row", dict(zip(("recall", "tnr", "accuracy"), scores.split(), strict=False)), "")
        assert published.foreground(row) is None
        assert published.implied_dice(row) is None


def test_a_share_that_no_image_has_implies_no_dice():
    for scores in ("0.9000 1.0000 1.0000", "0.9000 0.9900 0.9950"):
        row = Row("row", dict(zip(("recall", "tnr", "accuracy"), scores.split(), strict=True)), "")
        share = published.foreground(row)
        assert share is not None
        assert share.value <= 0
        assert published.implied_dice(row) is None


def test_errors_stay_where_they_are_when_the_region_grows():
    """Images whose errors all lie in the field of view, scored there and in the full image."""
    random = np.random.default_rng(1)
    p, n = random.integers(3000, 4000, 10), random.integers(20000, 21000, 10)
    outside = random.integers(9000, 12000, 10)
    pixels = PixelCounts("ten", {FOV: np.stack([p, n], 1), FULL: np.stack([p, n + outside], 1)})
    fn, fp = random.integers(500, 900, 10), random.integers(200, 500, 10)

    def scores(n):
        return {"accuracy": 1 - (fn + fp) / (p + n), "tnr": 1 - fp / n}

    inside, whole = scores(n), scores(n + outside)
    for here, there, before, after in ((inside, whole, FOV, FULL), (whole, inside, FULL, FOV)):
        row = Row("row", {name: f"{score.mean():.4f}" for name, score in here.items()}, "")
        found = published.converted(row, pixels, before, after)
        assert found.keys() == {"accuracy", "tnr"}
        for name, estimate in found.items():
            assert estimate.low < there[name].mean() < estimate.high
            assert estimate.value == pytest.approx(there[name].mean(), abs=2e-3)
            assert estimate.high - estimate.low < 0.02


def test_the_papers_best_accuracy_is_in_the_field_of_view_below_four_others():
    pytest.importorskip("mlscorecheck", reason="the extra 'audit' is not installed")
    found = published.converted(DRIVE["DenseUNet-JA"], published.pixel_counts("drive"), FULL, FOV)
    assert {name: round(estimate.value, 4) for name, estimate in found.items()} == {"accuracy": 0.9549, "tnr": 0.9793}
    better = [
        row.name for row in DRIVE.values() if row.region == FOV and row.value("accuracy") > found["accuracy"].high
    ]
    assert better == ["Alom", "Mou", "Wu", "Lyu"]


def test_nothing_is_converted_without_counts():
    assert published.converted(ISIC["DenseUNet"], published.pixel_counts("isic2017"), FULL, FOV) == {}
