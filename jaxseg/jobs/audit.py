"""Audit published rows: which pixels and which mean they can come from, and what they are in the other region."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal

from jaxseg import metrics, published
from jaxseg.checks import require
from jaxseg.counting import aligned
from jaxseg.published import IMAGE_MEAN, POOLED, Finding, PixelCounts, Row

AUDITED = ("drive_supp1", "isic_table1")
SYNONYMS = {"sensitivity": "recall", "specificity": "tnr"}
_AS_PRINTED = "a number from 0 to 1 with the digits that the table prints, such as 0.9690"
_DIGITS = 2  # fewer contradict next to nothing


def audit(
    dataset: str | None = None, scores: Mapping[str, str | None] | None = None, decimals: int | None = None
) -> str:
    """Return what published scores can come from, as text: of a row, or a line for each row of the paper's tables.

    Args:
        dataset: whose test images the row is of; None, and no scores, for the paper's tables.
        scores: by name, as printed; those that are None are not printed. ``SYNONYMS`` are understood.
        decimals: how many digits the table prints, where the last zeros are left out; None for those that came.

    Raises:
        ValueError: a score is none, there are too few of them, or mlscorecheck is not installed.
    """
    given = {name: text for name, text in (scores or {}).items() if text is not None}
    if dataset is None and not given and decimals is None:
        return "\n\n".join(_table(published.table(name)) for name in AUDITED)
    if dataset is None:
        raise ValueError(f"--dataset is missing: name the images, one of {', '.join(published.COUNTED)}")
    pixels = published.pixel_counts(dataset)
    row = Row("row", _as_printed(given, decimals), "")
    found = published.find(row, pixels)
    if not found.tested:
        fewest = f"{published.LEAST} or more of" if pixels.counted else "all of"
        names = published.SCORES if pixels.counted else published.OVERLAP
        raise ValueError(
            f"{', '.join(given) or 'no score'} on {dataset} can come from any protocol; "
            f"give {fewest} {', '.join(names)}"
        )
    return _verdict(row, pixels, found)


def _as_printed(given: Mapping[str, str], decimals: int | None) -> dict[str, str]:
    """Return the scores by the names of ``jaxseg.metrics``, with the digits that the table prints."""
    found: dict[str, str] = {}
    for name, text in given.items():
        own = SYNONYMS.get(name, name)
        if own in found:
            raise ValueError(f"--{own} and --{name} are the same score; give one of them")
        written = re.fullmatch(r"[01]?\.(\d+)|[01]", text)
        require(written is not None and float(text) <= 1, f"--{name}", text, _AS_PRINTED)
        digits = decimals or len((written and written[1]) or "")
        require(digits >= _DIGITS, f"--{name}", text, f"{_AS_PRINTED}; --decimals tells of last zeros left out")
        found[own] = f"{Decimal(text):.{digits}f}"
        require(Decimal(found[own]) == Decimal(text), f"--{name}", text, f"{digits} digits, as --decimals says")
    return found


def _table(table: published.Table) -> str:
    pixels = published.pixel_counts(table.dataset)
    lines = [("row", "region", "reduction", "foreground", "Dice", "implied", "accuracy and TNR in the other region")]
    for row in table.rows:
        found = published.find(row, pixels)
        share, dice = published.foreground(row), published.implied_dice(row)
        elsewhere = "; ".join(
            f"{region}: {', '.join(f'{estimate.value:.4f}' for estimate in scores.values())}"
            for region, scores in _elsewhere(row, pixels, found).items()
        )
        lines.append((
            row.name, found.region, found.reduction, share.text() if share else "-", row.scores.get("dice", "-"),
            f"{dice:.4f}" if dice else "-", elsewhere or "-",
        ))  # fmt: skip
    about = f"{table.source}: {table.dataset}, {pixels.images}{_shares(pixels)}"
    told = [column for column in zip(*lines, strict=True) if set(column[1:]) != {"-"}]
    return f"{about}\n{aligned(list(zip(*told, strict=True)), text=len(told))}"


def _shares(pixels: PixelCounts) -> str:
    """Return the foreground of the regions whose counts are known, as what follows "20 images"."""
    found = [f"{share:.4f} of the {region}" for region in pixels.counts if (share := pixels.share(region)) is not None]
    return f"; foreground is {', '.join(found)}" if found else ""


def _elsewhere(row: Row, pixels: PixelCounts, found: Finding) -> dict[str, dict[str, published.Estimate]]:
    """Return accuracy and TNR in each region that the row is not of, where it is of one and these can be known."""
    if found.region not in pixels.counts:
        return {}
    others = {region: published.converted(row, pixels, found.region, region) for region in pixels.counts}
    return {region: scores for region, scores in others.items() if scores and region != found.region}


def _verdict(row: Row, pixels: PixelCounts, found: Finding) -> str:
    lines = [("region", found.region), ("reduction", found.reduction)]
    for region in pixels.counts:
        for reduction in (IMAGE_MEAN, POOLED):
            possible = (region, reduction) in found.consistent
            lines.append((f"{region}, {reduction}", "possible" if possible else "contradicted"))
    if share := published.foreground(row):
        lines.append(("foreground implied", f"{share.text()}; {pixels.images}{_shares(pixels)}"))
    if dice := published.implied_dice(row):
        lines.append(("Dice implied", f"{dice:.4f}; {row.scores.get('dice', 'none')} printed"))
    for region, scores in _elsewhere(row, pixels, found).items():
        for name, estimate in scores.items():
            lines.append((f"{metrics.metric(name).heading} in the {region}", estimate.text()))
    return aligned(lines, text=2)
