"""The tables and charts of a study on one split: scores beside published ones, and differences to the first model."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxseg import report, statistics
from jaxseg.data.layout import OWN
from jaxseg.metrics import REGIONS, metric
from jaxseg.pages.comparison import Model, comparison, grouped, models_of
from jaxseg.pages.study_runs import metrics_of
from jaxseg.published import Table as Published
from jaxseg.report import Line, Measured, Picture, Section
from jaxseg.runs.scored import Scored

FIGURES = "figures"


class Split(NamedTuple):
    """The runs of one split, by model, and what they are compared by.

    Attributes:
        name: of the split.
        runs: of each model, one for each seed.
        select: the metric that selected the checkpoints of all models, by which they are compared.
    """

    name: str
    runs: Mapping[str, Sequence[Scored]]
    select: str

    @property
    def first(self) -> Scored:
        """The first run of the first model."""
        return next(iter(self.runs.values()))[0]

    @property
    def regions(self) -> list[str]:
        """The regions in which the images are scored."""
        return [region for region in REGIONS if region in self.first.facts]

    @property
    def classes(self) -> list[str]:
        """The names of the classes; [""] where there is one foreground."""
        return ["", *self.first.facts.get("classes", {})]

    @property
    def metrics(self) -> list[str]:
        """The scores that some model has in all its runs, ``select`` first."""
        return list(dict.fromkeys(one for runs in self.runs.values() for one in metrics_of(runs, self.select)))

    def models(self, metric: str, region: str, label: str = "") -> list[Model]:
        """Return the models that are scored by a metric, with their scores of the images that all of them have."""
        scored = {name: runs for name, runs in self.runs.items() if metric in metrics_of(runs, self.select)}
        return models_of(scored, self.first.ids, metric, region, label)

    def compared(self, region: str) -> dict[str, Any]:
        """Return the comparison by the metric that selects, as ``launch/compare.py`` does."""
        groups, about = grouped([run for runs in self.runs.values() for run in runs])
        models = self.models(self.select, region)
        return comparison(models, groups, about, split=self.name, metric=self.select, region=region, label="")


def score_section(split: Split, found: dict[str, Any], published: Published | None, folder: Path) -> Section:
    """Return the section of a split's scores: a table a region of means over images, bars, and pooled pixels.

    Args:
        split: the runs.
        found: their comparison in the full image.
        published: rows to set beside them.
        folder: of the study, into whose ``figures/`` the bars go.
    """
    section = Section(f"Scores on {split.name}", [])
    quoted = list(_quoted(published, split)) if published and _comparable(published, split) else []
    for region in split.regions:
        own = [line for line in quoted if (line.words["region"] == report.REGION_NAMES["fov"]) == (region == "fov")]
        own = quoted if len(split.regions) == 1 else own
        title = f"{split.name}, {report.REGION_NAMES[region]}, means over images"
        notes = [*_score_notes(split, found), *_published_notes(published if own or not quoted else None, split)]
        lines = _beside(list(_lines(split, region)), own)
        section.blocks.append(report.scores_table(f"{split.name}_{region}", title, lines, notes))
        if region == "full":
            section.blocks.append(_bars(split, found, published, folder))
    lines = [line for region in split.regions for line in _pooled(split, region)]
    notes = ["Mean over seeds ± SD over seeds. Pooled scores have no value per image, and so no interval over images."]
    told = [note for runs in split.runs.values() for run in runs for note in run.facts.get("notes", ())]
    notes += [f"Note: {note}." for note in dict.fromkeys(told)]
    section.blocks.append(
        report.scores_table(f"{split.name}_pooled", f"{split.name}, pooled pixels of all images", lines, notes)
    )
    return section


def _lines(split: Split, region: str) -> Iterator[Line]:
    groups, _ = grouped([run for runs in split.runs.values() for run in runs])
    found: dict[tuple[str, str], dict[str, statistics.Mean]] = {}
    for one, label in itertools.product(split.metrics, split.classes):
        for model in split.models(one, region, label):
            found.setdefault((model.name, label), {})[one] = statistics.mean(model.scores, groups)
    for (name, runs), label in itertools.product(split.runs.items(), split.classes):
        means = found[name, label]
        scores: dict[str, Any] = {one: Measured(of.mean, of.seed_sd, *_ends(of)) for one, of in means.items()}
        words = {"class": label or "mean over classes"} if len(split.classes) > 1 else {}
        words |= {"images": max(of.num_images for of in means.values()), "seeds": len(runs)}
        yield Line(name, "this study", scores, words | _protocol(runs[0], region, "mean over images"))


def _ends(found: statistics.Mean) -> tuple[float | None, float | None]:
    return found.interval[:2] if found.interval else (None, None)


def _pooled(split: Split, region: str) -> Iterator[Line]:
    for name, runs in split.runs.items():
        scores: dict[str, Any] = {}
        for one in metrics_of(runs, split.select):
            values = [run.facts[region]["pooled"].get(one) for run in runs]
            known = np.array([[np.nan if value is None else value] for value in values])
            found = statistics.mean(known)
            scores[one] = Measured(found.mean, found.seed_sd)
        words: dict[str, Any] = {"images": len(split.first.ids), "seeds": len(runs)}
        yield Line(name, "this study", scores, words | _protocol(runs[0], region, "pooled"))


def _protocol(run: Scored, region: str, reduction: str) -> dict[str, Any]:
    facts = run.facts
    told = [report.decided(facts), f"{facts['scored_at']} size", facts["prediction"]]
    if checkpoint := facts.get("checkpoint_rule"):
        told.append(f"checkpoint: {checkpoint}")
    return {"region": report.REGION_NAMES[region], "reduction": reduction, "protocol": "; ".join(told)}


def _quoted(published: Published, split: Split) -> Iterator[Line]:
    known = metrics_of([split.first], split.select)
    for row in published.rows:
        scores: dict[str, Any] = {name: row.scores.get(name) for name in known if name in row.scores}
        words: dict[str, Any] = {
            "region": row.region,
            "reduction": row.reduction,
            "protocol": f"{row.protocol}. {row.work}",
        }
        yield Line(row.name, "published", scores, words, quoted=True)


def _beside(ours: list[Line], quoted: list[Line]) -> list[Line]:
    """Return our rows, each with the published row of its name beneath it, and then the other published rows."""
    names = {line.model for line in ours}
    lines: list[Line] = []
    for place, line in enumerate(ours):
        lines.append(line)
        if place + 1 == len(ours) or ours[place + 1].model != line.model:
            lines += [other for other in quoted if other.model == line.model]
    return [*lines, *(line for line in quoted if line.model not in names)]


def _score_notes(split: Split, found: dict[str, Any]) -> Iterator[str]:
    level, drawn = report.level_told(found["level"]), report.drawn(found)
    yield (
        f"Mean over images and seeds ± SD over seeds, with the {level} confidence interval (BCa bootstrap over "
        f"{drawn}), which reflects the sampling of {drawn}, not the variation between seeds."
    )
    yield f"{found['groups'][:1].upper()}{found['groups'][1:]}."
    if len(split.classes) > 1:
        yield "Mean over classes: of each image over the classes for which its score is defined, then over images."
    undefined: dict[tuple[str, str], dict[str, int]] = {}  # by metric, class and model, the most of a run
    for name, runs in split.runs.items():
        some = {one for run in runs for one in run.facts["full"]["image_mean"]}
        if unshared := sorted(some.difference(metrics_of(runs, split.select))):
            names = ", ".join(metric(one).heading for one in unshared)
            yield f"{names} of {name} left out: not every run is scored by it."
        for run in runs:
            for label, of in run.facts.get("classes", {"": run.facts}).items():
                for one, number in of["full"].get("undefined", {}).items():
                    most = undefined.setdefault((one, label), {})
                    most[name] = max(number, most.get(name, 0))
    for (one, label), most in undefined.items():
        told = ", ".join(f"{number} of {name}" for name, number in most.items())
        yield (
            f"{metric(one).heading}{f' of {label}' if label else ''} in the full image is undefined for some images "
            f"({told}, at most, in a run): its means leave these out for all models. A model that fails on them is not "
            "marked down for it."
        )
    for row in map(metric, split.metrics):
        if row.says:
            yield f"{row.heading}: {row.says}."
    yield f"{report.UNDEFINED}: undefined, or not published."


def _published_notes(published: Published | None, split: Split) -> Iterator[str]:
    if published is None:
        return
    if _comparable(published, split):
        yield f"Published: {'. '.join(filter(None, [published.source, published.note])).removesuffix('.')}."
    else:
        whose = f"the {published.num_images} images of the official {published.dataset} test split"
        yield f"{published.source} reports scores on {whose}; this study scores others, so published rows are left out."


def _comparable(published: Published, split: Split) -> bool:
    """Return whether these are the images of the published scores: the test split that the set's owners made."""
    run = split.first
    own = run.data.get("rule", {}).get("test") == OWN
    whole = own and len(run.ids) == published.num_images and not run.folds
    return published.dataset == run.data.get("name") and split.name == "test" and whole


def _bars(split: Split, found: dict[str, Any], published: Published | None, folder: Path) -> Picture:
    quoted: dict[str, float] = {}
    for row in published.rows if published and _comparable(published, split) else ():
        value = row.value(split.select)
        if row.name in split.runs and value is not None and row.region == report.REGION_NAMES["full"]:
            quoted[row.name] = value
    heading = metric(split.select).heading
    path = f"{FIGURES}/{split.name}_bars.png"
    title = f"{split.name}: {heading}, full image"
    report.draw_bars(found, folder / path, title=title, quoted=quoted)
    told = "; ".join(
        f"{row['model']} {report.UNDEFINED if row['mean'] is None else format(row['mean'], '.4f')}"
        for row in found["models"]
    )
    right = f" Right: paired differences to {found['models'][0]['model']}, on a scale of their own."
    caption = f"{heading} on {split.name}, full image. Bars start at 0.{right if found['over_images'] else ''}"
    return Picture(path, f"Bars of {heading} with intervals: {told}.", caption)


def difference_section(split: Split, found: dict[str, Any], folder: Path) -> Section:
    """Return the section of the differences to the first model: over images, over seeds, ranks, image by image."""
    first, heading = found["models"][0]["model"], metric(split.select).heading
    title = f"{heading} on {split.name}, full image: differences to {first} over {report.drawn(found)}"
    blocks: list[Any] = [report.images_table(f"{split.name}_differences", title, found, report.comparison_notes(found))]
    if rest := found["among_others"]:
        title = f"{heading} on {split.name}, full image: differences among the other models over {report.drawn(found)}"
        notes = [f"{report.corrected(rest[0])} of this table alone."]
        blocks.append(report.pairs_table(f"{split.name}_pairs", title, found, notes))
    if any(row["num_seeds"][0] > 1 for row in found["over_seeds"]):
        title = f"{heading} on {split.name}, full image: differences to {first} over seeds"
        notes = [
            "Paired t test and t interval of the runs with the same seeds, each the mean over its images. "
            f"{report.corrected(found['over_seeds'][0])}."
        ]
        blocks.append(report.seeds_table(f"{split.name}_seeds", title, found, notes))
    if found["ranks"] is not None and len(found["models"]) > 2:
        path = f"{FIGURES}/{split.name}_ranks.png"
        report.draw_critical_difference(found["ranks"], folder / path, title=f"{heading} on {split.name}")
        alt = "Critical difference diagram: mean ranks of the models; bars join those that do not differ significantly."
        caption = "Mean ranks (1 = best). Models joined by a bar do not differ significantly (Nemenyi's test)."
        blocks.append(Picture(path, alt, caption))
    models = split.models(split.select, "full")
    means = {model.name: model.scores.mean(axis=0) for model in models}
    differences = {name: scores - means[first] for name, scores in means.items() if name != first}
    path = f"{FIGURES}/{split.name}_differences.png"
    title = f"{split.name}: {heading} of every image, minus that of {first}"
    report.draw_differences(differences, folder / path, first=first, score=heading, title=title)
    alt = f"Bars of the differences of every image to {first}, a panel for each of {', '.join(differences)}."
    caption = f"Image by image: the score of each model, mean over its seeds, minus that of {first}."
    blocks.append(Picture(path, alt, caption))
    return Section(f"Differences on {split.name}", blocks)


def splits_section(splits: Sequence[Split], found: Sequence[dict[str, Any]]) -> Section:
    """Return the section that sets several splits side by side."""
    heading = metric(splits[0].select).heading
    by_split = {
        split.name: {row["model"]: report.around(row) for row in one["models"]}
        for split, one in zip(splits, found, strict=True)
    }
    title = f"{heading}, full image, means over images: {' and '.join(by_split)} side by side"
    notes = ["The splits hold different images: the differences are between unpaired means and are not tested."]
    return Section("Splits side by side", [report.splits_table("splits", title, by_split, notes)])
