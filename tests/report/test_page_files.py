"""A page as HTML, Markdown, CSV and LaTeX: the same numbers, and no mark of a format is taken for one."""

import csv
import io

import pytest

from jaxseg.report import write_page
from jaxseg.report.document import Code, Column, Measured, Page, Picture, Section, Table
from jaxseg.report.page_files import to_csv, to_latex, to_markdown

COLUMNS = (Column("model", "Model_name"), Column("dice", "Dice %", 3), Column("p", "p", p=True, digits=4))
ROWS = [
    {"model": "a|b & <i>", "dice": Measured(0.81234567, 0.1, 0.7, 0.9), "p": 0.00001},
    {"model": "quoted", "dice": "0.80", "p": None},
    {"model": "undefined", "dice": Measured(None)},
]
TABLE = Table("scores", "Scores_of 50 %", COLUMNS, ROWS, ("A note & more",), frozenset({1}))


def page(*blocks):
    return Page("Study", "Title <b>", "Lead", [("Split", "test *")], [Section("First section!", list(blocks))])


def test_csv_has_all_digits_and_the_interval_in_columns():
    first, quoted, undefined = csv.DictReader(io.StringIO(to_csv(TABLE)))
    assert list(first) == ["model", "dice", "dice_spread", "dice_low", "dice_high", "p"]
    assert (first["dice"], first["dice_low"], first["p"]) == ("0.81234567", "0.7", "1e-05")
    assert (quoted["dice"], quoted["dice_low"]) == ("0.80", "")
    assert (undefined["dice"], undefined["p"]) == ("", "")
    assert to_csv(TABLE._replace(rows=[])) == "model,dice,p\n"
    assert to_csv(TABLE._replace(rows=[{"dice": Measured(0.5)}])) == "model,dice,p\n,0.5,\n"


def test_latex_escapes_its_marks():
    lines = to_latex(TABLE).splitlines()
    assert lines[:4] == ["% Scores_of 50 %", "% A note & more", r"\begin{tabular}{lrr}", r"\toprule"]
    assert lines[4] == r"Model\_name & Dice \% & p \\"
    assert lines[6] == r"a|b \& $<$i$>$ & 0.812 $\pm$ 0.100 {\scriptsize [0.700, 0.900]} & $<$ 0.0001 \\"
    assert lines[7] == r"quoted & 0.80 & -- \\"


def test_markdown_keeps_cells_apart_and_words_as_they_are():
    text = to_markdown(page(TABLE, Picture("figures/a b.png", "alt", "below"), Code("a * b")))
    assert r"# Title \<b\>" in text
    assert r"- Split: test \*" in text
    assert r"| a\|b & \<i\> | 0.812 ± 0.100 [0.700, 0.900] | < 0.0001 |" in text
    assert "![alt](figures/a%20b.png)" in text
    assert "```\na * b\n```" in text


def test_the_folder_holds_page_and_tables_and_html_escapes(tmp_path):
    path = write_page(tmp_path, page(TABLE, "One <sentence>."))
    assert {file.relative_to(tmp_path).as_posix() for file in tmp_path.rglob("*.*")} == {
        "report.html", "report.md", "tables/scores.csv", "tables/scores.tex"
    }  # fmt: skip
    html = path.read_text()
    assert "a|b &amp; &lt;i&gt;" in html
    assert "One &lt;sentence&gt;." in html
    assert 'id="first-section"' in html
    assert "<i>" not in html
    assert html.count('class="quoted"') == 1


def test_a_picture_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"gone\.png"):
        write_page(tmp_path, page(Picture("gone.png", "alt", "below")))
