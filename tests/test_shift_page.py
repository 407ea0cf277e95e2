"""What docs/shift.md says of data.shift is true: the sets, their rules, the counts, and its arithmetic."""

import re

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


def test_gaps_are_the_differences_of_the_scores_beside_them():
    assert len(DIVISIONS) > 3
    for row in DIVISIONS:
        own, other, gap = (float(re.findall(r"\.\d+", row[name])[0]) for name in ("own side", "other side", "gap"))
        assert abs(own - other - gap) < 0.0015
