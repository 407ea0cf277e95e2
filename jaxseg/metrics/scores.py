"""The table of metrics, and overlap scores from counts with one written rule for each division by zero.

    dice      = 2 TP / (2 TP + FP + FN)         precision = TP / (TP + FP)
    jaccard   = TP / (TP + FP + FN)             recall    = TP / (TP + FN)      (sensitivity)
    accuracy  = (TP + TN) / all                 tnr       = TN / (TN + FP)      (specificity)

Where a denominator is zero:

* truth and prediction both empty: dice and jaccard are 1, the prediction being right;
* nothing predicted: precision is 0;
* no foreground in the truth: recall is undefined; no background: tnr is undefined;
* no pixel at all (an empty region): every score is undefined.

Undefined is ``None`` (null in JSON): left out of a mean, and counted beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from jaxseg.metrics.counts import Counts


class Metric(NamedTuple):
    """One metric, a fraction in [0, 1] that is better when higher.

    Attributes:
        heading: its name in tables and pictures.
        from_counts: its value for counts of at least one pixel, None where it is undefined. None in place of the
            function: the metric ranks probabilities, which the counts do not hold (see ``auc``).
    """

    heading: str
    from_counts: Callable[[Counts], float | None] | None


def _ratio(numerator: int, denominator: int, otherwise: float | None) -> float | None:
    return numerator / denominator if denominator else otherwise


# By the name that files and settings use, in the order of every table's columns.
METRICS: dict[str, Metric] = {
    "dice": Metric("Dice", lambda n: _ratio(2 * n.tp, 2 * n.tp + n.fp + n.fn, 1.0)),
    "jaccard": Metric("Jaccard", lambda n: _ratio(n.tp, n.tp + n.fp + n.fn, 1.0)),
    "precision": Metric("Precision", lambda n: _ratio(n.tp, n.tp + n.fp, 0.0)),
    "recall": Metric("Recall", lambda n: _ratio(n.tp, n.tp + n.fn, None)),
    "tnr": Metric("TNR", lambda n: _ratio(n.tn, n.tn + n.fp, None)),
    "accuracy": Metric("Accuracy", lambda n: _ratio(n.tp + n.tn, n.total, None)),
    "auc": Metric("AUC", None),
}
SCORES = tuple(name for name, metric in METRICS.items() if metric.from_counts is not None)


def scores(counts: Counts) -> dict[str, float | None]:
    """Return the metrics of ``SCORES``, those that follow from counts, or None where one is undefined."""
    return {
        name: metric.from_counts(counts) if counts.total else None
        for name, metric in METRICS.items()
        if metric.from_counts is not None
    }
