"""The audit as a command: its lines, and what it refuses. ``tests/published`` has the verdicts."""

import pytest

from jaxseg import published
from jaxseg.jobs.audit import audit

JA = dict(accuracy="0.9690", sensitivity="0.7907", specificity="0.9864", dice="0.8164")


@pytest.fixture
def checked():
    pytest.importorskip("mlscorecheck", reason="the extra 'audit' is not installed")


@pytest.mark.usefixtures("checked")
def test_without_a_row_every_row_of_the_papers_tables_gets_a_line():
    lines = audit().splitlines()
    for name in ("drive_supp1", "isic_table1"):
        for row in published.table(name).rows:
            found = [line for line in lines if line.startswith(f"{row.name}  ")]
            assert any(line.split("  ", 1)[1].split()[:2] == row.region.split()[:2] for line in found), row
            assert any(row.reduction in line for line in found), row
    ja = next(line for line in lines if line.startswith("DenseUNet-JA"))
    for part in ("full image  ", "mean over images", "0.0889 [0.0884, 0.0894]", "0.8164", "0.8194", "0.9549, 0.9793"):
        assert part in ja


@pytest.mark.usefixtures("checked")
def test_a_row_is_told_what_is_possible():
    told = audit("drive", JA)
    for line in (
        "region                           full image",
        "reduction                        mean over images",
        "full image, mean over images     possible",
        "field of view, pooled            contradicted",
        "Accuracy in the field of view    0.9549 [0.9543, 0.9552]",
    ):
        assert line in told.splitlines()
    assert audit("drive", JA | {"accuracy": "0.969"}, 4) == told


def test_lesions_need_no_counts(monkeypatch):
    monkeypatch.setattr("jaxseg.published.checker.find_spec", lambda name: None)
    told = audit("isic2017", dict(dice="0.8404", precision="0.8002", recall="0.8222"))
    assert "another protocol" in told


def test_without_mlscorecheck_the_command_that_installs_it_is_told(monkeypatch):
    monkeypatch.setattr("jaxseg.published.checker.find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"not installed; pip install 'jaxseg\[audit\]'"):
        audit()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((None, JA), "--dataset is missing: name the images, one of drive, isic2017"),
        ((None, None, 4), "--dataset is missing"),
        (("isic2017",), "no score on isic2017 can come from any protocol; give all of dice, precision, recall"),
        (("isic2017", dict(dice="0.84", recall="0.8")), "--recall is '0.8'; want .* last zeros left out"),
        (("isic2017", dict(recall="84.21")), "--recall is '84.21'; want a number from 0 to 1 with the digits"),
        (("isic2017", dict(recall="1.21")), "--recall is '1.21'; want a number from 0 to 1"),
        (("isic2017", dict(recall="nan")), "--recall is 'nan'; want a number from 0 to 1"),
        (("isic2017", dict(recall="0.82", sensitivity="0.82")), "--recall and --sensitivity are the same score"),
        (("isic2017", dict(recall="0.8222"), 3), "--recall is '0.8222'; want 3 digits, as --decimals says"),
    ],
)
def test_a_row_that_says_nothing_is_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        audit(*arguments)
