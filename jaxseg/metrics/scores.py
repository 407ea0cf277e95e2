"""Overlap scores from counts, with one written rule for each division by zero.

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

from jaxseg.metrics.counts import Counts

SCORES = ("dice", "jaccard", "precision", "recall", "tnr", "accuracy")
METRICS = (*SCORES, "auc")


def scores(counts: Counts) -> dict[str, float | None]:
    """Return the six scores of ``SCORES`` as fractions in [0, 1], or None where one is undefined."""
    tp, fp, fn, tn = counts
    if counts.total == 0:
        return dict.fromkeys(SCORES)
    return {
        "dice": _ratio(2 * tp, 2 * tp + fp + fn, 1.0),
        "jaccard": _ratio(tp, tp + fp + fn, 1.0),
        "precision": _ratio(tp, tp + fp, 0.0),
        "recall": _ratio(tp, tp + fn, None),
        "tnr": _ratio(tn, tn + fp, None),
        "accuracy": (tp + tn) / counts.total,
    }


def _ratio(numerator: int, denominator: int, otherwise: float | None) -> float | None:
    return numerator / denominator if denominator else otherwise
