"""A page as data: sections of sentences, tables and pictures. ``page_files`` writes it (HTML, Markdown, LaTeX, CSV)."""

from __future__ import annotations

from typing import NamedTuple

UNDEFINED = "–"


class Measured(NamedTuple):
    """A mean with what surrounds it; None is undefined.

    Attributes:
        mean: the number.
        spread: its standard deviation; None shows none.
        low: lower end of its interval; None shows none.
        high: the upper end.
    """

    mean: float | None
    spread: float | None = None
    low: float | None = None
    high: float | None = None


Cell = str | int | float | Measured | None


class Column(NamedTuple):
    """A column of a table.

    Attributes:
        name: of its cells in a row, and of its column in the CSV file.
        heading: its title.
        digits: decimals of a number; None for a column of words.
        sign: whether a positive number has its sign.
        p: whether the numbers are p values.
    """

    name: str
    heading: str
    digits: int | None = None
    sign: bool = False
    p: bool = False


class Table(NamedTuple):
    """A table.

    Attributes:
        name: of its files, without a suffix.
        title: what it shows.
        columns: from left to right; the first names the row.
        rows: cells by the name of their column; one that is not there is empty.
        notes: sentences beneath it.
        quoted: the rows that are not measured here but published elsewhere.
    """

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: list[dict[str, Cell]]
    notes: tuple[str, ...] = ()
    quoted: frozenset[int] = frozenset()


class Picture(NamedTuple):
    """A picture.

    Attributes:
        path: of its PNG file, from the page's folder.
        alt: what it shows, for those who do not see it.
        caption: the line beneath it.
        photographs: whether it holds photographs, whose colours stay as they are on a dark page.
    """

    path: str
    alt: str
    caption: str
    photographs: bool = False


class Code(NamedTuple):
    """Text that is shown as it is, such as a command."""

    text: str


class Section(NamedTuple):
    """A section: its title, and paragraphs, tables, pictures and commands from top to bottom."""

    title: str
    blocks: list[str | Table | Picture | Code]


class Page(NamedTuple):
    """A page.

    Attributes:
        kind: what it is a page of, a word or two above the title.
        title: its title.
        lead: the sentence beneath the title.
        facts: what was done, by name.
        sections: from top to bottom.
    """

    kind: str
    title: str
    lead: str
    facts: list[tuple[str, str]]
    sections: list[Section]

    def tables(self) -> list[Table]:
        """Return all tables, from top to bottom."""
        return [block for section in self.sections for block in section.blocks if isinstance(block, Table)]


def number(value: Cell, column: Column) -> str:
    """Return a number as the page shows it: what is undefined as a dash, what is quoted as it was printed."""
    if value is None:
        return UNDEFINED
    if isinstance(value, str | int):
        return str(value)
    if isinstance(value, Measured):
        value = value.mean
        if value is None:
            return UNDEFINED
    if column.p:
        return "< 0.0001" if value < 1e-4 else f"{value:.4f}"
    return f"{value:{'+' if column.sign else ''}.{column.digits or 0}f}"


def spread(value: Cell, column: Column) -> str:
    """Return the standard deviation of a cell, "" where it has none."""
    return "" if not isinstance(value, Measured) or value.spread is None else f"± {value.spread:.{column.digits}f}"


def interval(value: Cell, column: Column) -> str:
    """Return the interval of a cell, "" where it has none."""
    if not isinstance(value, Measured) or value.low is None or value.high is None:
        return ""
    form = f"{'+' if column.sign else ''}.{column.digits}f"
    return f"[{value.low:{form}}, {value.high:{form}}]"


def undefined(value: Cell) -> bool:
    """Return whether a cell holds no number that is defined."""
    return value is None or (isinstance(value, Measured) and value.mean is None)


def sort_key(value: Cell) -> str:
    """Return the number by which a cell is sorted, "" where there is none, or its words."""
    if isinstance(value, Measured):
        value = value.mean
    return "" if value is None else str(value)
