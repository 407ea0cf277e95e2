"""The table of metrics, and overlap scores from counts with one written rule for each division by zero.

    dice      = 2 TP / (2 TP + FP + FN)         precision = TP / (TP + FP)
    jaccard   = TP / (TP + FP + FN)             recall    = TP / (TP + FN)      (sensitivity)
    accuracy  = (TP + TN) / all                 tnr       = TN / (TN + FP)      (specificity)
    mcc       = (TP TN - FP FN) / sqrt((TP + FP) (TP + FN) (TN + FP) (TN + FN))
    balanced_accuracy = (recall + tnr) / 2
    isic_jaccard      = jaccard if it is .65 or more, else 0     (of ISIC 2018, of one image; never of pooled pixels)

Where a denominator is zero:

* truth and prediction both empty: dice and jaccard are 1, the prediction being right;
* nothing predicted: precision is 0;
* no foreground in the truth: recall is undefined; no background: tnr is undefined; balanced_accuracy with either;
* all pixels are of one class, in truth or prediction: mcc is undefined (scikit-learn: 0);
* no pixel at all (an empty region): every score is undefined.

Undefined is ``None`` (null in JSON): left out of a mean, and counted beside it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from importlib.util import find_spec
from typing import Any, NamedTuple

from jaxseg.checks import nearest, require
from jaxseg.metrics import calibration, surface
from jaxseg.metrics.counts import Counts
from jaxseg.metrics.curves import auc, average_precision, sensitivity_at
from jaxseg.metrics.evidence import Evidence
from jaxseg.metrics.topology import cldice


class Option(NamedTuple):
    """The number in a metric's name, as in ``surface_dice@2``.

    Attributes:
        default: where the name has none.
        low: the least that it may be.
        high: the most.
        what: it is, in words.
    """

    default: float
    low: float
    high: float
    what: str


class Metric(NamedTuple):
    """One metric.

    Attributes:
        heading: its name in tables and pictures; ``{:g}`` stands for its option.
        compute: its value, None where it is undefined, for what ``of`` says: of at least one pixel.
        of: "counts" (``Counts``); "pixels", the probabilities of foreground and of background pixels; "masks",
            prediction and truth; or "distances" between their boundaries, which are not asked of an empty mask.
        asked: it takes time, and is computed only where it is asked for by name.
        pooled: it has a value for the pixels of several images together.
        lower: it is better when lower, and cannot select a checkpoint.
        option: a number that ``compute`` takes after the rest.
        needs: the module that it takes, and the extra of jaxseg that installs it.
        says: its definition, beneath a table that has it.
    """

    heading: str
    compute: Callable[..., float | None]
    of: str = "counts"
    asked: bool = False
    pooled: bool = True
    lower: bool = False
    option: Option | None = None
    needs: tuple[str, str] | None = None
    says: str = ""


def _ratio(numerator: int, denominator: int, otherwise: float | None) -> float | None:
    return numerator / denominator if denominator else otherwise


def _mcc(n: Counts) -> float | None:
    product = (n.tp + n.fp) * (n.tp + n.fn) * (n.tn + n.fp) * (n.tn + n.fn)
    return (n.tp * n.tn - n.fp * n.fn) / math.sqrt(product) if product else None


def _balanced_accuracy(n: Counts) -> float | None:
    real, rest = n.tp + n.fn, n.tn + n.fp
    return (n.tp / real + n.tn / rest) / 2 if real and rest else None


_ISIC_LIMIT = 0.65  # isic-challenge-scoring@cf264bcc, segmentation.py; 2018, task 1


def _isic_jaccard(n: Counts) -> float:
    jaccard = _ratio(n.tp, n.tp + n.fp + n.fn, 1.0) or 0.0
    return jaccard if jaccard >= _ISIC_LIMIT else 0.0


_BINS = f"over {calibration.BINS} bins of equal width"

# By the name that files and settings use, in the order of every table's columns.
METRICS: dict[str, Metric] = {
    "dice": Metric("Dice", lambda n: _ratio(2 * n.tp, 2 * n.tp + n.fp + n.fn, 1.0)),
    "jaccard": Metric("Jaccard", lambda n: _ratio(n.tp, n.tp + n.fp + n.fn, 1.0)),
    "precision": Metric("Precision", lambda n: _ratio(n.tp, n.tp + n.fp, 0.0)),
    "recall": Metric("Recall", lambda n: _ratio(n.tp, n.tp + n.fn, None)),
    "tnr": Metric("TNR", lambda n: _ratio(n.tn, n.tn + n.fp, None)),
    "accuracy": Metric("Accuracy", lambda n: _ratio(n.tp + n.tn, n.total, None)),
    "auc": Metric("AUC", lambda pixels: auc(*pixels), "pixels"),
    "mcc": Metric("MCC", _mcc),
    "balanced_accuracy": Metric("Balanced accuracy", _balanced_accuracy),
    "isic_jaccard": Metric(
        "ISIC Jaccard",
        _isic_jaccard,
        pooled=False,
        says=f"the Jaccard of an image where it is {_ISIC_LIMIT} or more, else 0 (ISIC 2018)",
    ),
    "average_precision": Metric(
        "Average precision",
        lambda pixels: average_precision(*pixels),
        "pixels",
        asked=True,
        says="the sum of precision times the increase in recall over all distinct probabilities, the area under the "
        "precision-recall step curve",
    ),
    "sensitivity": Metric(
        "Sensitivity at specificity {:g}",
        lambda pixels, specificity: sensitivity_at(pixels[0], pixels[1], specificity),
        "pixels",
        asked=True,
        option=Option(0.95, 0, 1, "a specificity, 0 to 1"),
        says="the largest recall (sensitivity) among thresholds whose TNR (specificity) is at least that value",
    ),
    "ece_positive": Metric(
        "ECE of the positive class",
        lambda pixels: calibration.of_positive_class(*pixels).error(),
        "pixels",
        asked=True,
        lower=True,
        says="expected calibration error: the mean absolute difference between the predicted probability of the "
        f"foreground and its observed frequency, {_BINS}, weighted by pixels",
    ),
    "ece_predicted": Metric(
        "ECE of the predicted class",
        lambda pixels: calibration.of_predicted_class(*pixels).error(),
        "pixels",
        asked=True,
        lower=True,
        says="expected calibration error: the mean absolute difference between confidence, the larger of p and 1 - p, "
        f"and accuracy at threshold 0.5, {_BINS}, weighted by pixels",
    ),
    "hd95": Metric(
        "HD95 (px)",
        surface.hd95,
        "distances",
        asked=True,
        pooled=False,
        lower=True,
        says="the larger of the two directed 95 % quantiles of the distances between the boundaries, in pixels of the "
        "scored image",
    ),
    "assd": Metric(
        "ASSD (px)",
        surface.assd,
        "distances",
        asked=True,
        pooled=False,
        lower=True,
        says="the mean distance between the boundaries, both directions pooled, in pixels of the scored image",
    ),
    "surface_dice": Metric(
        "Surface Dice at {:g} px",
        surface.surface_dice,
        "distances",
        asked=True,
        pooled=False,
        option=Option(1.0, 0, math.inf, "a tolerance in pixels, 0 or more"),
        says="the fraction of the boundary pixels of both masks within that distance of the other boundary, in "
        "pixels of the scored image",
    ),
    "cldice": Metric(
        "clDice",
        lambda masks: cldice(*masks),
        "masks",
        asked=True,
        pooled=False,
        needs=("skimage", "topology"),
        says="the harmonic mean of the shares of each mask's skeleton that lie in the other mask",
    ),
}
SCORES = tuple(name for name, metric in METRICS.items() if metric.of == "counts")


def chosen(names: Iterable[str] = (), setting: str = "eval.metrics") -> dict[str, Metric]:
    """Return the metrics that are always computed, and those asked for, by their names in files.

    Args:
        names: as in ``("hd95", "surface_dice@2")``. An option that a name lacks is added to it: ``surface_dice@1``.
        setting: what asked, for the message.

    Raises:
        ValueError: a name is none of ``METRICS``, its option is not as it must be, or a package is missing.
    """
    always = {name: metric for name, metric in METRICS.items() if not metric.asked}
    asked = dict(_named(name, setting) for name in names)
    for name, found in asked.items():
        if found.needs and find_spec(found.needs[0]) is None:
            module, extra = found.needs
            raise ValueError(f"{setting} has {name!r}, which takes {module}; pip install 'jaxseg[{extra}]'")
    return always | asked


def metric(name: str) -> Metric:
    """Return the metric of a name in files, such as ``surface_dice@2``; what it needs to be computed may be missing.

    Raises:
        ValueError: the name is none of ``METRICS``, or its option is not as it must be.
    """
    return _named(name, "the metric")[1]


def _named(name: str, setting: str) -> tuple[str, Metric]:
    plain, at, number = name.partition("@")
    if plain not in METRICS:
        raise ValueError(f"{setting} is {name!r}{nearest(plain, METRICS)}; want one of {', '.join(METRICS)}")
    found = METRICS[plain]
    if found.option is None:
        require(not at, setting, name, f"{plain!r}, which takes no number")
        return name, found
    value, wanted = found.option.default, f"{plain}@ and {found.option.what}"
    if at:
        try:
            value = float(number)
        except ValueError:
            require(False, setting, name, wanted)
    require(found.option.low <= value <= found.option.high and math.isfinite(value), setting, name, wanted)
    compute = found.compute
    own = found._replace(heading=found.heading.format(value), compute=lambda given: compute(given, value), option=None)
    return f"{plain}@{value:g}", own


def values(metrics: Mapping[str, Metric], evidence: Evidence) -> dict[str, float | None]:
    """Return each of the metrics of an image, region and class, None where it is undefined or not to be known."""
    return {name: _value(metric, evidence) for name, metric in metrics.items()}


def _value(metric: Metric, evidence: Evidence) -> float | None:
    given: Any = getattr(evidence, metric.of) if evidence.counts.total else None
    return None if given is None else metric.compute(given)


def scores(counts: Counts) -> dict[str, float | None]:
    """Return the metrics of ``SCORES``, those that follow from counts, or None where one is undefined."""
    return values({name: METRICS[name] for name in SCORES}, Evidence(counts))
