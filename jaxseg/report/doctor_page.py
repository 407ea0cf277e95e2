"""The doctor's page: a data set's findings with pictures, in one HTML file that needs nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from jaxseg.data.findings import Finding
from jaxseg.report.page_files import inline, template

SHOWN = 12  # pictures of a finding, at most


def doctor_page(
    title: str,
    about: Sequence[str],
    findings: Sequence[Finding],
    code: int,
    pictures: Mapping[str, bytes],
    overview: Mapping[str, bytes],
) -> str:
    """Return the page as HTML; names and texts are escaped.

    Args:
        title: what was examined.
        about: lines on the set as a whole.
        findings: errors first.
        code: the exit code.
        pictures: PNG files by the file that a finding names.
        overview: PNG files by the name under them.
    """
    return template("doctor.html").render(
        title=title,
        about=about,
        findings=findings,
        counts=counted(findings),
        code=code,
        shown=SHOWN,
        pictures={file: inline(png) for file, png in pictures.items()},
        names={file: Path(file).name for file in pictures},
        overview={name: inline(png) for name, png in overview.items()},
    )


def counted(findings: Sequence[Finding]) -> str:
    """Return how many findings there are of each severity, in words."""
    numbers = {name: sum(one.severity == name for one in findings) for name in ("error", "warning", "note")}
    return ", ".join(f"{number} {name}{'' if number == 1 else 's'}" for name, number in numbers.items())
