"""What published rows can come from: the verdicts on the paper's tables, and rows whose origin is known."""

import numpy as np
import pytest

from jaxseg import published
from jaxseg.published import FOV, FULL, IMAGE_MEAN, POOLED, PixelCounts, Row

ISIC = published.table("isic_table1").rows
DRIVE = published.table("drive_supp1").rows


def printed(**scores):
    return Row("row", {name: f"{score:.4f}" for name, score in scores.items()}, "")


@pytest.fixture(scope="module")
def drive():
    pytest.importorskip("mlscorecheck", reason="the extra 'audit' is not installed")
    return published.pixel_counts("drive")


@pytest.mark.parametrize("row", DRIVE, ids=lambda row: row.name)
def test_rows_of_drive_are_found_where_the_table_says(drive, row):
    found = published.find(row, drive)
    assert (found.region, found.reduction) == (row.region, row.reduction)


@pytest.mark.parametrize("row", ISIC, ids=lambda row: row.name)
def test_rows_of_isic_are_found_where_the_table_says(row):
    found = published.find(row, published.pixel_counts("isic2017"))
    assert (found.region, found.reduction) == (row.region, row.reduction)


def test_the_paper_scores_the_full_image_and_five_of_its_rivals_the_field_of_view():
    """The data that the tests above compare with is that of the supplementary Table 1's audit."""
    regions = {row.name: row.region for row in DRIVE}
    assert [name for name, region in regions.items() if region == FOV] == ["Hu", "Alom", "Mou", "Wu", "Lyu"]
    assert list(regions)[5:] == ["Wang", "DenseUNet", "DenseUNet-SA", "DenseUNet-PWA", "DenseUNet-JA"]
    assert {row.region for row in DRIVE} == {FULL, FOV}
    assert [row.name for row in DRIVE if row.reduction != IMAGE_MEAN] == ["Alom", "Wu", "Lyu"]
    reductions = {row.name: row.reduction for row in ISIC}
    assert [name for name, reduction in reductions.items() if reduction == IMAGE_MEAN] == list(reductions)[3:]
    assert reductions["Kaul"] == "another protocol"


def test_dice_alone_tells_that_the_baseline_is_no_pooled_row(drive):
    row = DRIVE[6]
    without = {name: score for name, score in row.scores.items() if name != "dice"}
    assert published.find(row._replace(scores=without), drive).reduction == "mean over images or pooled"
    assert published.find(row, drive).reduction == IMAGE_MEAN


def scores_of(counts, reduction):
    """Scores of true positives, true negatives, positives, negatives of images, [images, 4]."""
    if reduction == POOLED:
        counts = counts.sum(axis=0, keepdims=True)
    tp, tn, p, n = counts.T
    found = dict(recall=tp / p, tnr=tn / n, accuracy=(tp + tn) / (p + n), dice=2 * tp / (p + tp + n - tn))
    return {name: float(score.mean()) for name, score in found.items()}


@pytest.mark.parametrize("reduction", [IMAGE_MEAN, POOLED])
@pytest.mark.parametrize("region", [FULL, FOV])
def test_a_row_is_never_said_to_be_of_another_origin_than_it_has(drive, region, reduction):
    random = np.random.default_rng(0)
    for _ in range(3):
        p, n = drive.counts[region].T
        right = random.uniform(0.6, 0.9, len(p)), random.uniform(0.96, 0.99, len(p))
        counts = np.stack([(right[0] * p).astype(int), (right[1] * n).astype(int), p, n], axis=1)
        found = published.find(printed(**scores_of(counts, reduction)), drive)
        assert (region, reduction) in found.consistent
        assert found.region == region


def test_the_dice_of_mean_precision_and_recall_bounds_the_mean_dice():
    lesions = PixelCounts("lesions", {FULL: None})
    assert not published.find(printed(dice=0.8, recall=0.8), lesions).tested

    def reduction(dice):
        return published.find(printed(precision=0.9, recall=0.8, dice=dice), lesions).reduction

    assert pytest.approx(0.84706, abs=1e-5) == 2 * 0.9 * 0.8 / 1.7
    assert reduction(0.8471) == "mean over images or pooled"
    assert reduction(0.8466) == IMAGE_MEAN
    assert reduction(0.8475) == "another protocol"


def test_few_digits_contradict_less():
    lesions = published.pixel_counts("isic2017")
    for digits, reduction in ((2, "mean over images or pooled"), (4, "another protocol")):
        scores = {name: f"{score:.{digits}f}" for name, score in dict(precision=0.9, recall=0.8, dice=0.86).items()}
        assert published.find(Row("row", scores, ""), lesions).reduction == reduction


def test_precision_recall_and_dice_do_not_tell_the_region(drive):
    found = published.find(printed(precision=0.85, recall=0.78, dice=0.8), drive)
    assert (found.region, found.reduction) == ("full image or field of view", IMAGE_MEAN)


def test_two_scores_say_nothing(drive):
    found = published.find(printed(accuracy=0.95, recall=0.7), drive)
    assert (found.tested, found.region, found.reduction) == (False, "unknown", "unknown")


def test_scores_that_no_images_give_are_another_protocols(drive):
    found = published.find(printed(accuracy=0.99, recall=0.5, tnr=0.98), drive)
    assert (found.region, found.reduction) == ("another protocol", "another protocol")


def test_an_unknown_data_set_is_told_those_there_are():
    with pytest.raises(ValueError, match="the data set is 'isic2018' .*; choose one of drive, isic2017"):
        published.pixel_counts("isic2018")
