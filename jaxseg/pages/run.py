"""The page of a run: ``report.html`` and ``report.md`` with its scores on every split, its pictures and its command."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from jaxseg import files, models, report, statistics
from jaxseg.data.layout import EVERY
from jaxseg.metrics import metric
from jaxseg.pages.comparison import grouped, of_runs
from jaxseg.pages.facts import Made, facts
from jaxseg.report import Code, Page, Picture, Section
from jaxseg.runs.scored import read_scored

_PICTURES = {
    "examples": "The worst, the median and the best image: the photograph, the truth, the prediction, and its errors.",
    "ranking": "The score of every image, from the worst to the best.",
    "curves": "ROC, precision-recall and calibration curves of the pooled pixels.",
}


def write_page(workdir: str | Path) -> Path:
    """Write the page of a run into its folder, with every evaluation so far; return the path of ``report.html``.

    ``report.html`` holds all that it shows; ``report.md`` shows the same with the pictures of ``figures/``; ``tables/``
    has every table as CSV, with all digits, and as LaTeX. A page that is there is replaced.

    Args:
        workdir: the run's folder.

    Raises:
        FileNotFoundError: the folder holds no run.
        ValueError: a file is damaged.
    """
    workdir = Path(workdir)
    made = Made.read(workdir)
    config = made.config
    select = config["eval"]["select"]
    sections = [_scores(workdir, name, select) for name in _evaluations(workdir)]
    path = Path("figures", report.LEARNING_CURVES)
    if (workdir / path).exists():
        caption = f"Training loss and scores on val against the step. By {metric(select).heading} of the full image on "
        caption += "val the best checkpoint is chosen."
        sections.append(Section("Learning curves", [Picture(str(path), "Learning curves.", caption)]))
    if made.starts and not made.members:
        files_of = "All settings: config.json; software and devices of each start: environment.json; which images are "
        files_of += "in which split: data.json."
        sections.append(Section("How it was made", [Code(shlex.join(made.starts[-1]["command"])), files_of]))
    loss = report.loss_told(config["loss"])
    attention = models.build(**models.arguments(config["model"])).attention  # "none" may stand for a network's own
    lead = (
        f"{models.describe(config['model'])} with attention {attention}, trained on {config['data']['name']} by {loss}."
    )
    if made.members:
        seeds = ", ".join(map(str, dict.fromkeys(made.seeds)))
        lead += f" It is an ensemble, seeds {seeds}: the mean of {len(made.members)} networks."
    page = Page("Run", _name(workdir), lead, list(facts([made])), sections)
    return report.write_page(workdir, page)


def _name(workdir: Path) -> str:
    """Return the name of a run's folder; that of a seed or a fold says nothing without the folder around it."""
    *around, name = workdir.resolve().parts
    while around and re.fullmatch(r"(fold)?\d+( .*)?", name):
        name = f"{around.pop()} {name}"
    return name


def _evaluations(workdir: Path) -> list[str]:
    """Return the names of a run's evaluations by split, that of the run's own protocol first."""
    names = sorted(path.stem for path in (workdir / "eval").glob("*.md") if path.with_suffix(".json").exists())
    return [name for split in EVERY for name in names if name == split or name.startswith(f"{split}_")]


def _scores(workdir: Path, name: str, select: str) -> Section:
    told = files.read_json(workdir / "eval" / f"{name}.json", "the evaluation", "score the run again", files.an_object)
    split = told["split"]
    protocol = name.removeprefix(split).removeprefix("_").replace("_", ", ")
    title = f"Scores on {split}" + (f", not as configured: {protocol}" if protocol else "")
    intervals, about = _intervals(workdir, name, split, select)
    notes = [report.conditions(told), *about, *report.evaluation_notes(told), f"Image by image: eval/{name}.csv."]
    table = report.evaluation_table(name, f"{split}, {told['num_images']} images", told, intervals, select, notes)
    section = Section(title, [table])
    for kind, caption in _PICTURES.items():
        path = f"figures/{name}_{kind}.png"
        if (workdir / path).exists():
            section.blocks.append(Picture(path, f"{kind} of {name}", caption, photographs=kind == "examples"))
    return section


def _intervals(workdir: Path, name: str, split: str, select: str) -> tuple[dict[str, tuple[float, float]], list[str]]:
    """Return the interval of the mean of the metric that selects, by region, and what is to be said of it."""
    try:
        run = read_scored(workdir, split, name)
        groups, about = grouped([run])
        regions = [region for region in ("full", "fov") if region in run.facts]
        means = {
            region: statistics.mean(of_runs(name, [run], run.ids, select, region).scores, groups) for region in regions
        }
    except (OSError, ValueError) as error:
        return {}, [f"No interval: {error}."]
    # The mean over classes of images is another number where a class is undefined in some, and has no interval here.
    own = {region: run.facts[region]["image_mean"][select] for region in regions}
    found = {
        region: one.interval[:2]
        for region, one in means.items()
        if one.interval and math.isclose(one.mean or 0.0, own[region] or 0.0, abs_tol=1e-9)
    }
    notes = [note for region in list(found)[:1] for note in _told(select, about, means[region])]
    if len(found) < sum(one.interval is not None for one in means.values()):
        notes.append("No interval of a mean over classes of which some are undefined in some images")
    return found, notes


def _told(select: str, about: str, found: statistics.Mean) -> Iterator[str]:
    if found.interval is not None:
        level = report.level_told(statistics.LEVEL)
        drawn = found.method.partition("; ")[2]
        what = f"{metric(select).heading}: the interval is the {level} confidence interval of the mean"
        yield f"{what} ({drawn}). {about[:1].upper()}{about[1:]}."
