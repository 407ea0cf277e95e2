"""Numbers of operations and bytes as text, and tables in columns."""

from __future__ import annotations

from collections.abc import Sequence


def operations(number: int) -> str:
    """Return a number of operations with three digits and a decimal prefix, as "51.6 G"."""
    return _scaled(number, 1000, ("", " k", " M", " G", " T", " P"))


def memory(number: int) -> str:
    """Return a number of bytes with three digits and a binary unit, as "238 MiB"."""
    return _scaled(number, 1024, (" B", " KiB", " MiB", " GiB", " TiB", " PiB"))


def aligned(rows: Sequence[Sequence[str]], *, text: int = 1) -> str:
    """Return rows of equal length as lines: the first ``text`` columns flush left, the others, numbers, flush right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        "  ".join(cell.ljust(width) if place < text else cell.rjust(width) for place, (cell, width) in enumerate(cells))
        for cells in (zip(row, widths, strict=True) for row in rows)
    )
    return "\n".join(line.rstrip() for line in lines)


def _scaled(number: int, step: int, units: Sequence[str]) -> str:
    if number < step:
        return f"{number}{units[0]}"
    scaled, place = float(number), 0
    while scaled >= 999.5 and place < len(units) - 1:
        scaled, place = scaled / step, place + 1
    return f"{scaled:#.3g}".rstrip(".") + units[place]
