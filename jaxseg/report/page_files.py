"""A page written into a folder: ``report.html``, ``report.md``, and each table as CSV and LaTeX."""

from __future__ import annotations

import base64
import csv
import io
import re
from pathlib import Path
from typing import Any

import jinja2

from jaxseg import files
from jaxseg.report import document
from jaxseg.report.document import Cell, Code, Column, Measured, Page, Picture, Table

TABLES = "tables"
_LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "±": r"$\pm$", "–": "--", "<": r"$<$", ">": r"$>$",
}  # fmt: skip


def write_page(folder: Path, page: Page) -> Path:
    """Write ``report.html``, ``report.md``, ``tables/<name>.csv`` and ``.tex``; return the path of ``report.html``.

    The HTML file holds styles, script and pictures, and needs no other file. The Markdown file links to the pictures.

    Args:
        folder: the place, in which the pictures lie already.
        page: what to write.

    Raises:
        FileNotFoundError: a picture is not there.
    """
    tables = folder / TABLES
    for table in page.tables():
        tables.mkdir(exist_ok=True)
        files.write(tables / f"{table.name}.csv", to_csv(table).encode())
        files.write(tables / f"{table.name}.tex", to_latex(table).encode())
    files.write(folder / "report.md", to_markdown(page).encode())
    path = folder / "report.html"
    files.write(path, to_html(folder, page).encode(errors="replace"))
    return path


def template(name: str, **functions: Any) -> jinja2.Template:
    """Return a template of this room; what it is given is escaped, and what it lacks is an error."""
    room = jinja2.Environment(
        loader=jinja2.PackageLoader("jaxseg.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    room.globals.update(functions)
    return room.get_template(name)


def inline(png: bytes) -> str:
    """Return a PNG file as an address that a page holds within."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def to_html(folder: Path, page: Page) -> str:
    """Return a page as HTML, with the pictures of its folder within."""

    def kind(block: str | Table | Picture | Code) -> str:
        return type(block).__name__

    def embedded(picture: Picture) -> str:
        return inline((folder / picture.path).read_bytes())

    return template(
        "page.html",
        kind=kind,
        embedded=embedded,
        anchor=anchor,
        number=document.number,
        spread=document.spread,
        interval=document.interval,
        undefined=document.undefined,
        sort_key=document.sort_key,
        tables=TABLES,
    ).render(page=page)


def anchor(title: str) -> str:
    """Return a section's title as the name of a place in the page."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


def to_markdown(page: Page) -> str:
    """Return a page as Markdown."""
    lines = [f"# {_words(page.title)}", "", _words(page.lead), ""]
    lines += [*(f"- {_words(name)}: {_words(told)}" for name, told in page.facts), ""]
    for section in page.sections:
        lines += [f"## {_words(section.title)}", ""]
        for block in section.blocks:
            lines += [*_markdown(block), ""]
    return "\n".join(lines).rstrip() + "\n"


def _markdown(block: str | Table | Picture | Code) -> list[str]:
    if isinstance(block, str):
        return [_words(block)]
    if isinstance(block, Code):
        return ["```", block.text, "```"]
    if isinstance(block, Picture):
        return [f"![{_words(block.alt)}]({block.path.replace(' ', '%20')})", "", _words(block.caption)]
    bars = ["---" if column.digits is None else "---:" for column in block.columns]
    lines = [f"**{_words(block.title)}**", "", _row([column.heading for column in block.columns]), _row(bars)]
    lines += [_row([_together(row.get(column.name, ""), column) for column in block.columns]) for row in block.rows]
    files_of = f"[CSV]({TABLES}/{block.name}.csv), [LaTeX]({TABLES}/{block.name}.tex)"
    return [*lines, "", *(f"{_words(note)}  " for note in block.notes), files_of]


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _words(text: str) -> str:
    """Return a text whose characters are no marks of Markdown."""
    return re.sub(r"([\\`*\[\]<>])", r"\\\1", text)


def _together(cell: Cell, column: Column) -> str:
    if isinstance(cell, str):
        return _words(cell)
    parts = document.number(cell, column), document.spread(cell, column), document.interval(cell, column)
    return " ".join(filter(None, parts))


def to_csv(table: Table) -> str:
    """Return a table as CSV with all digits: of a mean, columns for SD and interval follow; undefined is empty."""
    lines: list[dict[str, Any]] = []
    for row in table.rows:
        line: dict[str, Any] = {}
        for column in table.columns:
            cell = row.get(column.name)
            if any(isinstance(other.get(column.name), Measured) for other in table.rows):
                measured = cell if isinstance(cell, Measured) else Measured(None)
                line[column.name] = measured.mean if isinstance(cell, Measured) else cell
                line |= {f"{column.name}_{part}": getattr(measured, part) for part in Measured._fields[1:]}
            else:
                line[column.name] = cell
        lines.append(line)
    names = list(dict.fromkeys(name for line in lines for name in line)) or [column.name for column in table.columns]
    names = [name for name in names if not _empty_part(name, lines)]
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue()


def _empty_part(name: str, lines: list[dict[str, Any]]) -> bool:
    """Return whether a column is a part of means that none of them has."""
    return name.endswith(tuple(f"_{part}" for part in Measured._fields[1:])) and all(
        line.get(name) is None for line in lines
    )


def to_latex(table: Table) -> str:
    """Return a table as LaTeX for the package booktabs: a ``tabular`` below a comment that says what it shows."""
    align = "".join("l" if column.digits is None else "r" for column in table.columns)
    lines = [f"% {table.title}", *(f"% {note}" for note in table.notes), rf"\begin{{tabular}}{{{align}}}", r"\toprule"]
    lines += [_latex_row([_latex(column.heading) for column in table.columns]), r"\midrule"]
    for row in table.rows:
        lines.append(_latex_row([_latex_cell(row.get(column.name, ""), column) for column in table.columns]))
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"]) + "\n"


def _latex_row(cells: list[str]) -> str:
    return f"{' & '.join(cells)} \\\\"


def _latex_cell(cell: Cell, column: Column) -> str:
    parts = [document.number(cell, column), document.spread(cell, column)]
    told = _latex(" ".join(filter(None, parts)))
    if around := document.interval(cell, column):
        told += rf" {{\scriptsize {around}}}"
    return told


def _latex(text: str) -> str:
    return "".join(_LATEX.get(sign, sign) for sign in text)
