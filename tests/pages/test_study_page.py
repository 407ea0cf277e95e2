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

from jaxseg import data, files, report, statistics
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
def made(tmp_path_factory):
    """The folder of a study of two models and two seeds, whose page is written, and what its pictures were drawn of."""
    workdir = tmp_path_factory.mktemp("study")
    runs = [(model, seed, f"runs/{model}/{seed}") for seed in SEEDS for model in MODELS]
    for model, seed, folder in runs:
        train(settings(MODELS[model], seed, workdir / "cache"), workdir / folder)
        evaluate(workdir / folder, "test", masks=True, curves=True)
    told = {"title": "Two U-Nets", "splits": ["test"], "published": "isic_table1", "folds": 0}
    told["models"] = [{"name": name, "settings": {"model": {"attention": at}}} for name, at in MODELS.items()]
    told["runs"] = [{"model": model, "seed": seed, "fold": None, "workdir": at} for model, seed, at in runs]
    files.write_json(workdir / "study.json", told)
    drawn, draw = [], report.draw_side_by_side
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(report, "draw_side_by_side", lambda *of, **how: (drawn.append(of), draw(*of, **how)))
        write_page(workdir)
    return workdir, drawn


@pytest.fixture(scope="module")
def study(made):
    return made[0]


def table(study, name):
    with (study / "tables" / f"{name}.csv").open() as lines:
        return {row["model"]: row for row in csv.DictReader(lines) if row.get("source") != "published"}


COUNTED = ("dice", "recall", "precision", "jaccard", "tnr", "accuracy", "balanced_accuracy", "mcc", "isic_jaccard")


def scores_of(counts):
    """The scores ``COUNTED`` [..., scores] of counts [..., 4]: true and false positives, false and true negatives."""
    tp, fp, fn, tn = np.moveaxis(counts.astype(float), -1, 0)
    dice, recall, jaccard, tnr = 2 * tp / (2 * tp + fp + fn), tp / (tp + fn), tp / (tp + fp + fn), tn / (tn + fp)
    with np.errstate(invalid="ignore"):
        precision = np.where(tp + fp > 0, tp / np.maximum(tp + fp, 1), 0)
        mcc = (tp * tn - fp * fn) / np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
    accuracy = (tp + tn) / counts.sum(axis=-1)
    others = (recall + tnr) / 2, mcc, np.where(jaccard >= 0.65, jaccard, 0)
    return np.stack([dice, recall, precision, jaccard, tnr, accuracy, *others], axis=-1)


def counted(study, model, seed, region="full"):
    """The counts of every image, from the saved masks and the truth: [images, 4]."""
    run = study / "runs" / model / str(seed)
    found = []
    for record in data.load(read_config(run)["data"]).test:
        path = run / "eval" / "test_predictions" / "masks" / f"{record.id}.png"
        inside = record.fov > 0 if region == "fov" else np.ones(record.mask.shape, bool)
        predicted, truth = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)[inside] == 255, record.mask[inside] == 1
        found.append([(predicted & truth).sum(), (predicted & ~truth).sum(), (~predicted & truth).sum()])
        found[-1].append((~predicted & ~truth).sum())
    return np.array(found)


def from_predictions(study, model, seed):
    """The Dice of every image, from the saved masks and the truth."""
    return scores_of(counted(study, model, seed))[:, 0]


@pytest.mark.parametrize("region", ["full", "fov"])
def test_every_score_is_that_of_the_predictions(study, region):
    rows = table(study, f"test_{region}")
    counts = np.array([[counted(study, model, seed, region) for seed in SEEDS] for model in MODELS])
    of_models = scores_of(counts)  # [models, seeds, images, scores]
    shared = ~np.isnan(of_models).any(axis=(0, 1))
    for model, of_model in zip(MODELS, of_models, strict=True):
        row = rows[model]
        for place, name in enumerate(COUNTED):
            scores = of_model[:, shared[:, place], place]
            assert float(row[name]) == pytest.approx(scores.mean())
            assert float(row[f"{name}_spread"]) == pytest.approx(scores.mean(axis=1).std(ddof=1))
            interval = statistics.mean(scores).interval
            assert [float(row[f"{name}_low"]), float(row[f"{name}_high"])] == pytest.approx(interval[:2])
        told = [json.loads((study / f"runs/{model}/{seed}/eval/test.json").read_text())[region] for seed in SEEDS]
        assert set(told[0]["image_mean"]) == {*COUNTED, "auc"}
        assert float(row["auc"]) == pytest.approx(np.mean([one["image_mean"]["auc"] for one in told]))


def test_differences_over_seeds_are_those_of_the_means(study):
    means = [[from_predictions(study, model, seed).mean() for seed in SEEDS] for model in MODELS]
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
    first, other = (np.array([from_predictions(study, model, seed) for seed in SEEDS]).mean(axis=0) for model in MODELS)
    row = table(study, "test_differences")["UNet-PWA"]
    assert float(row["mean"]) == pytest.approx((other - first).mean())
    assert float(row["p"]) == pytest.approx(stats.wilcoxon(other - first, zero_method="pratt").pvalue)
    assert row["holm_p"] == row["p"]
    assert float(row["dz"]) == pytest.approx((other - first).mean() / (other - first).std(ddof=1))
    interval = statistics.over_images(first[None], other[None]).interval
    assert [float(row["mean_low"]), float(row["mean_high"])] == pytest.approx(interval[:2])
    ranks = stats.rankdata(np.abs(other - first))
    assert float(row["rank_biserial"]) == pytest.approx((ranks * np.sign(other - first)).sum() / ranks.sum())
    quantile = stats.t.ppf(0.975, len(first) - 1)
    noncentral = stats.nct(len(first) - 1, float(row["smallest"]) / (other - first).std(ddof=1) * len(first) ** 0.5)
    assert noncentral.sf(quantile) + noncentral.cdf(-quantile) == pytest.approx(0.8, abs=1e-4)
    of_ranks = {name: float(row["rank"]) for name, row in table(study, "test_differences").items()}
    assert of_ranks == pytest.approx(
        dict(zip(MODELS, stats.rankdata([-first, -other], axis=0).mean(axis=1), strict=True))
    )


def test_pooled_scores_are_those_of_the_predictions(study):
    with (study / "tables" / "test_pooled.csv").open() as lines:
        rows = {(row["model"], row["region"]): row for row in csv.DictReader(lines)}
    for (model, region), row in rows.items():
        of = {"full image": "full", "field of view": "fov"}[region]
        told = [json.loads((study / f"runs/{model}/{seed}/eval/test.json").read_text()) for seed in SEEDS]
        assert float(row["auc"]) == pytest.approx(np.mean([one[of]["pooled"]["auc"] for one in told]))
        pooled = np.array([scores_of(counted(study, model, seed, of).sum(axis=0)) for seed in SEEDS])
        for place, name in enumerate(COUNTED[:-1]):
            assert float(row[name]) == pytest.approx(pooled[:, place].mean())
        assert row["isic_jaccard"] == ""


def test_panels_are_the_predictions_of_their_models(made):
    study, drawn = made
    records = data.load(read_config(study / "runs" / "UNet" / "0")["data"]).test
    assert len(drawn) >= 4
    for image, truth, panels, _ in drawn:
        (place,) = (place for place, record in enumerate(records) if np.array_equal(record.image, image))
        assert np.array_equal(truth, records[place].mask)
        for (name, classes), model in zip(panels.items(), MODELS, strict=True):
            masks = study / "runs" / model / "0" / "eval" / "test_predictions" / "masks"
            saved = cv2.imread(str(masks / f"{records[place].id}.png"), cv2.IMREAD_GRAYSCALE)
            assert np.array_equal(classes, saved == 255)
            assert name == f"{model}  {from_predictions(study, model, 0)[place]:.4f}"


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


FITS = """
return {over: document.documentElement.scrollWidth - document.documentElement.clientWidth,
        broken: [...document.images].filter(image => !image.naturalWidth).length, images: document.images.length};
"""


def test_the_page_of_a_run_in_a_browser(study, tmp_path):
    seen, console = look(study / "runs" / "UNet-PWA" / "1" / "report.html", FITS, tmp_path, width=375, dark=False)
    assert console == []
    assert seen["over"] <= 0
    assert (seen["broken"], seen["images"]) == (0, 6)  # examples, ranking and curves of test; those of val; learning


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
