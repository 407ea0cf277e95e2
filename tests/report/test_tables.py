import csv
import dataclasses
import io
import json

import pytest

from jaxseg.metrics import METRICS, Evaluation, Metric, Tally, chosen
from jaxseg.report import tables

FACTS = {"seed": 3, "checkpoint_step": 200}


def _cells(markdown):
    """Return the table's rows as dicts by heading."""
    lines = [line.strip("|").split("|") for line in markdown.splitlines() if line.startswith("|")]
    heads = [cell.strip() for cell in lines[0]]
    return [dict(zip(heads, [cell.strip() for cell in line], strict=True)) for line in lines[2:]]


def test_the_three_files_hold_the_same_scores(evaluation, tmp_path):
    tables.write_scores(tmp_path / "eval", "test", evaluation, FACTS, name="test")
    told = json.loads((tmp_path / "eval" / "test.json").read_text())
    assert {name: told[name] for name in evaluation.summary} == evaluation.summary
    assert told["observer2"] == evaluation.observer2
    assert {
        name: told[name] for name in ("split", "threshold", "scored_at", "image_sd_ddof", "seed", "checkpoint_step")
    } == {
        "split": "test",
        "threshold": 0.5,
        "scored_at": "prepared",
        "image_sd_ddof": 1,
        "seed": 3,
        "checkpoint_step": 200,
    }
    rows = list(csv.DictReader(io.StringIO((tmp_path / "eval" / "test.csv").read_text())))
    assert len(rows) == len(evaluation.rows) == 7  # five images, two of them with a field of view
    for row, wanted in zip(rows, evaluation.rows, strict=True):
        assert list(row) == ["id", "region", *chosen(), "tp", "fp", "fn", "tn"]
        assert (row["id"], row["region"], int(row["tp"])) == (wanted["id"], wanted["region"], wanted["tp"])
        assert float(row["dice"]) == wanted["dice"]  # every digit
    full = told["full"]
    first = _cells((tmp_path / "eval" / "test.md").read_text())[0]
    assert first["Dice"] == f"{full['image_mean']['dice']:.4f} ± {full['image_sd']['dice']:.4f}"


def test_each_row_of_the_table_says_what_it_is(evaluation):
    markdown = tables.to_markdown("val", evaluation, FACTS)
    rows = _cells(markdown)
    assert [tuple(row.values())[:4] for row in rows] == [
        (scored, "val", region, reduction)
        for scored in ("model", "observer 2")
        for region, images in (("full image", 5), ("field of view", 2))
        for reduction in (f"mean ± SD of {images} images", "pooled pixels")
    ]
    assert [row["AUC"] for row in rows[4:]] == ["–"] * 4
    assert rows[1]["AUC"] == f"{evaluation.summary['full']['pooled']['auc']:.4f}"
    assert markdown.splitlines()[0] == "threshold: 0.5; scored at: prepared size; seed: 3; checkpoint step: 200"
    assert "divided by n - 1" in markdown


def test_the_columns_have_their_names_and_order(evaluation):
    assert tables.to_csv(evaluation).splitlines()[0] == (
        "id,region,dice,jaccard,precision,recall,tnr,accuracy,auc,mcc,balanced_accuracy,isic_jaccard,tp,fp,fn,tn"
    )
    assert tables.to_markdown("val", evaluation, FACTS).splitlines()[2] == (
        "| scored | split | region | reduction | Dice | Jaccard | Precision | Recall | TNR | Accuracy | AUC "
        "| MCC | Balanced accuracy | ISIC Jaccard |"
    )


def test_a_metric_is_one_row_of_one_table(records, monkeypatch):
    monkeypatch.setitem(METRICS, "found", Metric("Found", lambda n: n.tp / n.total))
    tally = Tally()
    tally.add("eye", (records[0].image[..., 1] / 255).astype("float32"), records[0].mask == 1)
    evaluation = Evaluation(tally.summary(), tally.rows, None, threshold=0.5, scored_at="prepared")
    (row,) = csv.DictReader(io.StringIO(tables.to_csv(evaluation)))
    share = int(row["tp"]) / (24 * 30)
    assert float(row["found"]) == evaluation.summary["full"]["pooled"]["found"] == share
    mean, pooled = _cells(tables.to_markdown("val", evaluation, FACTS))
    assert mean["Found"] == pooled["Found"] == f"{share:.4f}"


def test_what_was_asked_for_has_columns_and_is_defined_beneath(records):
    tally = Tally(metrics=("hd95", "surface_dice@2"))
    tally.add("eye", (records[0].image[..., 1] / 255).astype("float32"), records[0].mask == 1)
    evaluation = Evaluation(tally.summary(), tally.rows, None, threshold=0.5, scored_at="prepared")
    (row,) = csv.DictReader(io.StringIO(tables.to_csv(evaluation)))
    assert float(row["hd95"]) == evaluation.rows[0]["hd95"]
    markdown = tables.to_markdown("val", evaluation, FACTS)
    mean, pooled = _cells(markdown)
    assert mean["Surface Dice at 2 px"] == f"{evaluation.rows[0]['surface_dice@2']:.4f}"
    assert pooled["HD95 (px)"] == "–"
    assert "HD95 (px): the larger of the two directed 95 % quantiles" in markdown
    assert "ASSD" not in markdown


def test_undefined_scores_are_told(evaluation):
    summary = json.loads(json.dumps(evaluation.summary))
    summary["full"]["undefined"] = {"recall": 2}
    summary["full"]["image_mean"]["recall"] = None
    summary["notes"] = ["pooled auc left out: more than 9 pixels"]
    told = dataclasses.replace(evaluation, summary=summary, observer2=None)
    markdown = tables.to_markdown("test", told, {})
    assert _cells(markdown)[0]["Recall"] == "–"
    assert "Recall (full image) is undefined for 2 images, which its mean leaves out." in markdown
    assert "pooled auc left out" in markdown
    assert "observer" not in markdown.lower()
    assert "observer2" not in tables.to_json("test", told, {})
    empty = [row | {"recall": None} for row in told.rows]
    lines = tables.to_csv(dataclasses.replace(told, rows=empty)).splitlines()
    assert lines[1].split(",")[lines[0].split(",").index("recall")] == ""


@pytest.mark.parametrize(
    ("value", "spread", "wanted"), [(0.5, None, "0.5000"), (0.12345, 0.1, "0.1235 ± 0.1000"), (None, None, "–")]
)
def test_numbers_have_four_digits(evaluation, value, spread, wanted):
    summary = json.loads(json.dumps(evaluation.summary))
    summary["full"]["image_mean"]["dice"], summary["full"]["image_sd"]["dice"] = value, spread
    assert _cells(tables.to_markdown("test", dataclasses.replace(evaluation, summary=summary), {}))[0]["Dice"] == wanted


@pytest.mark.parametrize(("name", "cell"), [("=1+1", "'=1+1"), ("@a", "'@a"), ("-5", "'-5"), ("a=b", "a=b")])
def test_no_name_is_a_formula_of_a_spreadsheet(evaluation, name, cell):
    named = dataclasses.replace(evaluation, rows=[row | {"id": name} for row in evaluation.rows])
    assert {row["id"] for row in csv.DictReader(io.StringIO(tables.to_csv(named)))} == {cell}
