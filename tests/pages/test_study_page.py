"""A micro study, trained in a few steps: every number on its page is computed again from predictions and scores."""

import csv
import json
import re
from html.parser import HTMLParser

import cv2
import numpy as np
import pytest
from browser import look
from little import little
from scipy import stats

from jaxseg import data, files, statistics
from jaxseg.jobs.evaluate import evaluate
from jaxseg.jobs.train import train
from jaxseg.pages.study import write_page
from jaxseg.runs.folder import read_config

MODELS, SEEDS = {"UNet": "none", "UNet-PWA": "pwa"}, (0, 1)


def settings(attention, seed, cache):
    config = little(cache, attention=attention, test=6, steps=12, eval_every=6)
    config.seed = seed
    return config


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """The folder of a study of two models and two seeds, whose page is written."""
    workdir = tmp_path_factory.mktemp("study")
    runs = [(model, seed, f"runs/{model}/{seed}") for seed in SEEDS for model in MODELS]
    for model, seed, folder in runs:
        train(settings(MODELS[model], seed, workdir / "cache"), workdir / folder)
        evaluate(workdir / folder, "test", masks=True, curves=True)
    told = {"title": "Two U-Nets", "splits": ["test"], "published": "isic_table1", "folds": 0}
    told["models"] = [{"name": name, "settings": {"model": {"attention": at}}} for name, at in MODELS.items()]
    told["runs"] = [{"model": model, "seed": seed, "fold": None, "workdir": at} for model, seed, at in runs]
    files.write_json(workdir / "study.json", told)
    write_page(workdir)
    return workdir


def table(study, name):
    with (study / "tables" / f"{name}.csv").open() as lines:
        return {row["model"]: row for row in csv.DictReader(lines) if row.get("source") != "published"}


COUNTED = ("dice", "recall", "precision", "jaccard", "tnr", "accuracy")


def from_predictions(study, model, seed, region="full"):
    """The scores ``COUNTED`` of every image, from the saved masks and the truth: [images, scores]."""
    run = study / "runs" / model / str(seed)
    found = []
    for record in data.load(read_config(run)["data"]).test:
        path = run / "eval" / "test_predictions" / "masks" / f"{record.id}.png"
        inside = record.fov > 0 if region == "fov" else np.ones(record.mask.shape, bool)
        predicted, truth = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)[inside] == 255, record.mask[inside] == 1
        tp, fp, fn = (predicted & truth).sum(), (predicted & ~truth).sum(), (~predicted & truth).sum()
        tn = (~predicted & ~truth).sum()
        precision = tp / (tp + fp) if predicted.any() else 0.0
        scores = 2 * tp / (2 * tp + fp + fn), tp / (tp + fn), precision, tp / (tp + fp + fn), tn / (tn + fp)
        found.append([*scores, (tp + tn) / inside.sum()])
    return np.array(found)


@pytest.mark.parametrize("region", ["full", "fov"])
def test_every_score_is_that_of_the_predictions(study, region):
    rows = table(study, f"test_{region}")
    for model in MODELS:
        row = rows[model]
        scores = np.array([from_predictions(study, model, seed, region) for seed in SEEDS])  # [seeds, images, scores]
        for place, name in enumerate(COUNTED):
            of_seeds = scores[..., place].mean(axis=1)
            assert float(row[name]) == pytest.approx(of_seeds.mean())
            assert float(row[f"{name}_spread"]) == pytest.approx(of_seeds.std(ddof=1))
            interval = statistics.mean(scores[..., place]).interval
            assert [float(row[f"{name}_low"]), float(row[f"{name}_high"])] == pytest.approx(interval[:2])
        told = [json.loads((study / f"runs/{model}/{seed}/eval/test.json").read_text())[region] for seed in SEEDS]
        for name in told[0]["image_mean"]:
            means = [one["image_mean"][name] for one in told]
            if not any(one.get("undefined", {}).get(name) for one in told):
                assert float(row[name]) == pytest.approx(np.mean(means)), name


def test_differences_over_seeds_are_those_of_the_means(study):
    means = [[from_predictions(study, model, seed)[:, 0].mean() for seed in SEEDS] for model in MODELS]
    row = table(study, "test_seeds")["UNet-PWA"]
    assert float(row["mean"]) == pytest.approx(np.mean(means[1]) - np.mean(means[0]))
    assert float(row["p"]) == pytest.approx(stats.ttest_rel(means[1], means[0]).pvalue)


def test_curves_are_those_of_the_evaluations(study):
    for model, row in table(study, "test_curves").items():
        curves = json.loads((study / f"runs/{model}/0/eval/curves/test.json").read_text())["curves"]
        whole = next(curve for curve in curves if curve["region"] == "full")
        for name in ("auc", "average_precision", "ece_positive", "prevalence"):
            assert float(row[name]) == pytest.approx(whole[name])


def test_differences_are_those_of_the_predictions(study):
    first, other = (
        np.array([from_predictions(study, model, seed)[:, 0] for seed in SEEDS]).mean(axis=0) for model in MODELS
    )
    row = table(study, "test_differences")["UNet-PWA"]
    assert float(row["mean"]) == pytest.approx((other - first).mean())
    assert float(row["p"]) == pytest.approx(stats.wilcoxon(other - first, zero_method="pratt").pvalue)
    assert row["holm_p"] == row["p"]
    assert float(row["dz"]) == pytest.approx((other - first).mean() / (other - first).std(ddof=1))


def test_pooled_scores_are_those_of_the_evaluations(study):
    with (study / "tables" / "test_pooled.csv").open() as lines:
        rows = {(row["model"], row["region"]): row for row in csv.DictReader(lines)}
    for (model, region), row in rows.items():
        of = {"full image": "full", "field of view": "fov"}[region]
        told = [json.loads((study / f"runs/{model}/{seed}/eval/test.json").read_text()) for seed in SEEDS]
        for name in ("dice", "auc", "tnr"):
            assert float(row[name]) == pytest.approx(np.mean([one[of]["pooled"][name] for one in told]))


class Tables(HTMLParser):
    """The cells of every table of a page, by the table's name."""

    def __init__(self):
        super().__init__()
        self.tables, self.rows, self.cell = {}, [], None

    def handle_starttag(self, tag, attrs):
        if tag == "table":
            self.rows = []
        elif tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.cell = ""
        elif tag == "small" and self.cell is not None:
            self.cell += " "
        elif tag == "a" and (at := dict(attrs).get("href", "")).startswith("tables/") and at.endswith(".csv"):
            self.tables[at.removeprefix("tables/").removesuffix(".csv")] = self.rows

    def handle_endtag(self, tag):
        if tag in ("td", "th"):
            self.rows[-1].append(self.cell)
            self.cell = None

    def handle_data(self, text):
        if self.cell is not None:
            self.cell += text


def test_page_and_markdown_show_the_numbers_of_the_tables(study):
    parsed = Tables()
    parsed.feed((study / "report.html").read_text())
    assert {f"{name}.csv" for name in parsed.tables} == {path.name for path in (study / "tables").glob("*.csv")}
    markdown = (study / "report.md").read_text()
    numbers = 0
    for name, (_, *shown) in parsed.tables.items():
        with (study / "tables" / f"{name}.csv").open() as lines:
            rows = list(csv.DictReader(lines))
        for cells, row in zip(shown, rows, strict=True):
            columns = list(dict.fromkeys(re.sub("_(spread|low|high)$", "", column) for column in row))
            for column, cell in zip(columns, cells, strict=True):
                if re.search(r"[a-zA-Z]", cell):
                    continue
                own = [row.get(f"{column}{part}", "") for part in ("", "_spread", "_low", "_high")]
                known = [float(value) for value in own if value]
                told = re.findall(r"[-+]?\d+(?:\.\d+)?", cell)
                assert len(told) == len(known), (name, column, cell)
                for number, value in zip(told, known, strict=True):
                    digits = len(number.partition(".")[2])
                    assert abs(float(number) - value) <= 0.5 * 10**-digits + 1e-9, (name, column, cell)
                    assert number in markdown
                    numbers += 1
    assert numbers > 150


def test_published_scores_of_other_images_do_not_stand_beside(study):
    text = (study / "report.html").read_text()
    assert '<tr class="quoted">' not in text
    assert "Table 1 reports scores on the 600 images of the official isic2017 test split" in text
    assert "published" not in (study / "tables" / "test_full.csv").read_text()


def test_the_page_needs_no_other_file(study):
    text = (study / "report.html").read_text()
    assert not re.search(r'(?:src|href)="(?!data:|#|tables/)', text)
    assert "http" not in re.sub(r"data:image/png;base64,[^\"]*", "", text)
    assert len(text) < 4e6
    assert "nan" not in re.sub(r"data:image/png;base64,[^\"]*", "", text).lower().split()
    assert re.search(r"<dt>Data</dt><dd>synthetic: 6 train, 2 val, 6 test", text)
    alts = re.findall(r'alt="([^"]*)"', text)
    pictures = {path.name for path in (study / "figures").iterdir()}
    assert len(alts) == len(pictures)
    assert all(len(alt) > 20 for alt in alts)
    assert {"test_bars.png", "test_differences.png", "test_curves.png", "test_image0.png", "learning.png"} <= pictures
    for name in pictures:
        assert f"(figures/{name})" in (study / "report.md").read_text()


def test_latex_is_booktabs(study):
    text = (study / "tables" / "test_differences.tex").read_text()
    assert re.search(r"\\toprule\nModel & Difference to UNet & p & .*d\\_z", text)
    assert text.endswith("\\bottomrule\n\\end{tabular}\n")


SEEN = """
const root = document.documentElement, rows = () => [...document.querySelector("table").tBodies[0].rows];
const heads = [...document.querySelectorAll("table:first-of-type th button")];
const first = document.querySelector("table"), dice = first.tHead.rows[0].children[2].querySelector("button");
const order = () => rows().map(row => row.children[2].dataset.sort);
dice.click(); const down = order(); dice.click(); const up = order();
return {over: root.scrollWidth - root.clientWidth, ground: window.getComputedStyle(document.body).backgroundColor,
        ink: window.getComputedStyle(document.body).color, down, up,
        broken: [...document.images].filter(image => !image.naturalWidth).length, images: document.images.length};
"""


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1280, 375])
def test_in_a_browser(study, tmp_path, width, dark):
    seen, console = look(study / "report.html", SEEN, tmp_path, width=width, dark=dark)
    assert console == []
    assert seen["over"] <= 0
    assert (seen["broken"], seen["images"]) == (0, len(list((study / "figures").iterdir())))
    bright = sum(map(int, re.findall(r"\d+", seen["ground"]))) > sum(map(int, re.findall(r"\d+", seen["ink"])))
    assert bright != dark
    numbers = [float(value) for value in seen["down"]]
    assert numbers == sorted(numbers, reverse=True)
    assert [float(value) for value in seen["up"]] == sorted(numbers)
