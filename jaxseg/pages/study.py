"""The page of a study: ``report.html`` and ``report.md`` with tables, statistics and pictures of its runs."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jaxseg import files, published, report
from jaxseg.metrics import metric
from jaxseg.pages.facts import Made, facts
from jaxseg.pages.images import image_section
from jaxseg.pages.scores import FIGURES, Split, difference_section, score_section, splits_section
from jaxseg.pages.study_runs import Study, read_study
from jaxseg.progress import clock
from jaxseg.report import Code, Column, Page, Picture, Section, Table
from jaxseg.runs.differing import differing, environment


def write_page(workdir: str | Path) -> Path:
    """Write the page of a study into its folder; return the path of ``report.html``.

    ``report.html`` holds all that it shows; ``report.md`` shows the same with the pictures of ``figures/``; ``tables/``
    has every table as CSV, with all digits, and as LaTeX. Runs that are not scored yet are told, and left out. A page
    that is there is replaced.

    Args:
        workdir: the study's folder, with ``study.json`` and its runs.

    Raises:
        FileNotFoundError: the folder holds no study.
        ValueError: a file is damaged, no run is scored, or the runs are scored on different images.
    """
    study = read_study(workdir)
    beside = published.table(study.published) if study.published else None
    (study.workdir / FIGURES).mkdir(exist_ok=True)
    made = [Made.read(run.workdir) for _, run in study.scored]
    select = made[0].config["eval"]["select"]
    splits = [Split(name, runs, select) for name, runs in study.runs.items()]
    found = [split.compared("full") for split in splits]
    sections: list[Section] = []
    for split, one in zip(splits, found, strict=True):
        sections.append(score_section(split, one, beside, study.workdir))
        if len(split.runs) > 1 and study.models[0] in split.runs:  # else they would be to another model
            sections.append(difference_section(split, one, study.workdir))
    if len(splits) > 1:
        sections.append(splits_section(splits, found))
    for split in splits:
        sections += filter(None, [_curves(split, study.workdir), image_section(split, study.workdir, study.data_dir)])
    sections += filter(None, [_learning(study, made, select), _runs(study, made, found[0]["settings"])])
    lead = f"{len(study.models)} models, {len(made)} runs; compared by {metric(select).heading}."
    lead += f" {study.note}" if study.note else ""
    told = list(facts(made))
    told += [("Not scored yet", ", ".join(study.missing))] if study.missing else []
    return report.write_page(study.workdir, Page("Study", study.title, lead, told, sections))


def _learning(study: Study, made: Sequence[Made], select: str) -> Section | None:
    logs: dict[str, list[Any]] = {}
    for (model, _), one in zip(study.scored, made, strict=True):
        logs.setdefault(model, []).append(one.log)
    path = f"{FIGURES}/learning.png"
    if not report.draw_learning(logs, study.workdir / path, select=select):
        return None
    alt = f"Training loss and {metric(select).heading} on val against the step, a line a run: {', '.join(logs)}."
    caption = "A line a run. The loss is shown as means of neighbouring steps; val selects the checkpoint, test never."
    return Section("Learning curves", [Picture(path, alt, caption)])


def _curves(split: Split, folder: Path) -> Section | None:
    """Return ROC, precision-recall and calibration curves of each model's first run that has some."""
    heading = f"Curves on {split.name}"
    if split.first.folds:
        return Section(heading, ["None: each fold has its own network, and their probabilities share no scale."])
    found: dict[str, dict[str, Any]] = {}
    seeds: dict[str, int] = {}
    for name, runs in split.runs.items():
        paths = {run.config["seed"]: run.workdir / "eval" / "curves" / f"{split.name}.json" for run in runs}
        seed = next((seed for seed, path in paths.items() if path.is_file()), None)
        if seed is None:
            continue
        seeds[name] = seed
        curves = files.read_json(paths[seed], "the evaluation", "score the run again", lambda told: told["curves"])
        for one in curves:
            if one["region"] == "full":
                found[f"{name}, {one['class']}" if "class" in one else name] = one
    if not found:
        return None
    path = f"{FIGURES}/{split.name}_curves.png"
    title = f"{split.name}: pooled pixels of {len(split.first.ids)} images, full image"
    report.draw_model_curves(found, folder / path, title=title)
    columns = (
        Column("model", "Model"),
        Column("auc", "AUC", 4),
        Column("average_precision", "Average precision", 4),
        Column("ece_positive", "ECE", 4),
        Column("prevalence", "Foreground", 4),
    )
    rows = [{"model": name} | {one.name: curve[one.name] for one in columns[1:]} for name, curve in found.items()]
    alt = f"ROC, precision-recall and calibration curves, a line a model: {', '.join(found)}."
    told = ", ".join(f"{name} {seed}" for name, seed in seeds.items())
    caption = f"One run of each model (seed: {told}). Dots: the threshold in use."
    note = "ECE: expected calibration error of the foreground's probability. Foreground: its fraction of the pixels."
    table = Table(f"{split.name}_curves", title, columns, rows, (note,))
    return Section(heading, [Picture(path, alt, caption), table])


def _runs(study: Study, made: Sequence[Made], settings: dict[str, Any]) -> Section:
    """Return the section of the runs: their folders and checkpoints, how one is repeated, and what differs."""
    columns = (
        Column("model", "Model"),
        Column("seed", "Seed", 0),
        Column("step", "Checkpoint step", 0),
        Column("rule", "Checkpoint"),
        Column("seconds", "Time"),
        Column("folder", "Folder"),
    )
    rows = []
    for (model, run), one in zip(study.scored, made, strict=True):
        cells = {"model": model, "seed": run.config["seed"], "step": run.facts.get("checkpoint_step")}
        cells |= {"rule": run.facts.get("checkpoint_rule", ""), "folder": str(run.workdir.relative_to(study.workdir))}
        rows.append(cells | {"seconds": "" if one.seconds is None else clock(one.seconds)})
    blocks: list[Any] = [Table("runs", "All runs", columns, rows)]
    if command := study.scored[0][1].start.get("command"):
        blocks += ["The first run was made by", Code(shlex.join(command))]
    environments = {str(run.workdir.relative_to(study.workdir)): environment(run) for _, run in study.scored}
    for what, of in (("Models differ in", settings), ("Runs differ in", differing(environments))):
        blocks += [f"{line}." for line in report.differing_lines(what, of)]
    return Section("Runs", blocks)
