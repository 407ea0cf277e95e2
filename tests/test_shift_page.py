"""What docs/shift.md says of data.shift is true: the sets, their rules, the counts, and its arithmetic."""

import csv
import re
from pathlib import Path

from documents import Document

from jaxseg.data import DATASETS
from jaxseg.data.isic import LATE

PAGE = Document("docs/shift.md")
SETS = [row for row in PAGE.tables() if "`data.shift`" in row]
DIVISIONS = [row for row in PAGE.tables() if "division" in row]


def test_every_set_stands_there_with_its_rules():
    told = {name: row["`data.shift`"] for row in SETS for name in re.findall(r"`(\w+)`", row["`data.name`"])}
    assert told.keys() == DATASETS.keys()
    for name, builder in DATASETS.items():
        assert tuple(re.findall(r"`(\w+)`", told[name])) == builder.SHIFTS
    assert f"ISIC_{LATE:07d}" in PAGE.text


def test_every_file_that_the_page_names_exists():
    assert not PAGE.missing()


def test_statistics_are_those_of_the_script():
    with (Path(__file__).parents[1] / "results" / "isic_sources.csv").open(newline="") as lines:
        measured = {row["division"]: row for row in csv.DictReader(lines)}
    by_name = {"ids below": "early and late ids", "the same, in reverse": "early and late ids"}
    by_name |= {"bright corners": "dark corners", "little hair": "hair"}
    for row in DIVISIONS:
        name = next((name for start, name in by_name.items() if row["division"].startswith(start)), row["division"])
        assert float(row["statistics"]) == float(measured[name]["auc"]), name
        told = sorted(int(re.match(r"\d+", row[side])[0]) for side in ("own side", "other side"))
        assert told == sorted(int(measured[name][side]) for side in ("own", "other"))
    shares = [f"{measured['dark corners'][of]} and {measured['hair'][of]} %" for of in ("first", "third", "last")]
    words = " ".join(PAGE.text.split())
    assert "{} of the first block, {} of the third, {} of the last".format(*shares) in words


def test_gaps_are_the_differences_of_the_scores_beside_them():
    assert len(DIVISIONS) > 3
    for row in DIVISIONS:
        own, other, gap = (float(re.findall(r"\.\d+", row[name])[0]) for name in ("own side", "other side", "gap"))
        assert abs(own - other - gap) < 0.0015
