"""The doctor's page: a data set's findings with pictures, in one HTML file that needs nothing else."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path

import jinja2

from jaxseg.data.findings import Finding

SHOWN = 12  # pictures of a finding, at most

_PAGE = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }}</title>
<style>
  body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem; color: #1c2430; }
  h1 { font-size: 1.4rem; } h2 { font-size: 1.05rem; margin: 0 0 .3rem; }
  section { border-left: .35rem solid #8a97a8; padding: .6rem 1rem; margin: 1rem 0; background: #f6f8fa; }
  section.error { border-color: #c62828; } section.warning { border-color: #e69100; }
  figure { display: inline-block; margin: .3rem .5rem .3rem 0; vertical-align: top; width: 9rem; }
  img { display: block; max-width: 9rem; image-rendering: auto; }
  figcaption { font-size: .75rem; overflow-wrap: anywhere; color: #556; }
  code { overflow-wrap: anywhere; } ul { margin: .3rem 0; padding-left: 1.2rem; }
</style>
<h1>{{ title }}</h1>
<ul>{% for line in about %}<li>{{ line }}</li>{% endfor %}</ul>
<p>{{ counts }}. Exit code {{ code }}.</p>
{% for one in findings %}
<section class="{{ one.severity }}">
  <h2>{{ one.severity }}: {{ one.rule }}</h2>
  <p>{{ one.text }}</p>
  {% for file in one.files[:shown] %}{% if file in pictures %}
  <figure><img src="{{ pictures[file] }}" alt=""><figcaption>{{ names[file] }}</figcaption></figure>
  {% endif %}{% endfor %}
  {% if one.files %}<details><summary>{{ one.files | length }} files</summary>
  <ul>{% for file in one.files %}<li><code>{{ file }}</code></li>{% endfor %}</ul></details>{% endif %}
</section>
{% endfor %}
<h2>A few of the images, with their masks outlined</h2>
{% for name, picture in overview.items() %}
<figure><img src="{{ picture }}" alt=""><figcaption>{{ name }}</figcaption></figure>
{% endfor %}
</html>
"""


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
    page = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined).from_string(_PAGE)
    return page.render(
        title=title,
        about=about,
        findings=findings,
        counts=counted(findings),
        code=code,
        shown=SHOWN,
        pictures={file: _inline(png) for file, png in pictures.items()},
        names={file: Path(file).name for file in pictures},
        overview={name: _inline(png) for name, png in overview.items()},
    )


def counted(findings: Sequence[Finding]) -> str:
    """Return how many findings there are of each severity, in words."""
    numbers = {name: sum(one.severity == name for one in findings) for name in ("error", "warning", "note")}
    return ", ".join(f"{number} {name}{'' if number == 1 else 's'}" for name, number in numbers.items())


def _inline(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"
