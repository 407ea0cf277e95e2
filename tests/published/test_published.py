"""Published tables are data that a page can print and an audit can compute with."""

import pytest

from jaxseg import metrics, published

REGIONS = {"full image", "field of view", "unknown"}
REDUCTIONS = {"mean over images", "pooled", "mean over images or pooled", "unknown"}


@pytest.mark.parametrize("table", published.TABLES.values(), ids=lambda table: table.name)
def test_rows_say_whose_they_are_and_how_they_were_scored(table):
    assert published.table(table.name) is table
    assert len({row.name for row in table.rows}) == len(table.rows)
    for row in table.rows:
        assert all((row.scores, row.work, row.protocol)), row
        assert row.region in REGIONS, row
        assert row.reduction in REDUCTIONS, row


@pytest.mark.parametrize("name", ["isic_table1", "isic_fig3", "drive_supp1"])
def test_scores_are_metrics_as_printed(name):
    for row in published.table(name).rows:
        for metric in row.scores:
            assert metrics.metric(metric)
            assert row.decimals(metric) == 4
            assert 0.7 < (row.value(metric) or 0) < 1


def test_digits_and_missing_scores_are_kept():
    hu, *_, ja = published.table("drive_supp1").rows
    assert (hu.name, ja.name) == ("Hu", "DenseUNet-JA")
    assert hu.value("dice") is None
    assert ja.scores["accuracy"] == "0.9690"  # the last digit is printed, and says how exact the number is
    assert published.table("system_sizes").rows[0].value("parameters") == 31030658


def test_an_unknown_table_is_told_the_names():
    with pytest.raises(ValueError, match=r"did you mean 'isic_table1'\?\); choose one of isic_table1, isic_fig3"):
        published.table("isic_table")
