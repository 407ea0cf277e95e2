import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from jaxseg.metrics import SCORES, Counts, scores

NUMBER = st.integers(1, 40)


@given(NUMBER, NUMBER, NUMBER, NUMBER)
def test_scores_agree_with_scikit_learn(tp, fp, fn, tn):
    truth = [1] * tp + [0] * fp + [1] * fn + [0] * tn
    prediction = [1] * tp + [1] * fp + [0] * fn + [0] * tn
    wanted = {
        "dice": sklearn_metrics.f1_score(truth, prediction),
        "jaccard": sklearn_metrics.jaccard_score(truth, prediction),
        "precision": sklearn_metrics.precision_score(truth, prediction),
        "recall": sklearn_metrics.recall_score(truth, prediction),
        "tnr": sklearn_metrics.recall_score(truth, prediction, pos_label=0),
        "accuracy": sklearn_metrics.accuracy_score(truth, prediction),
        "mcc": sklearn_metrics.matthews_corrcoef(truth, prediction),
        "balanced_accuracy": sklearn_metrics.balanced_accuracy_score(truth, prediction),
        "isic_jaccard": jaccard if (jaccard := sklearn_metrics.jaccard_score(truth, prediction)) >= 0.65 else 0,
    }
    assert scores(Counts(tp, fp, fn, tn)) == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize(
    ("counts", "wanted"),
    [
        # truth and prediction empty: right, yet recall asks of pixels that are not there, and precision is 0 by rule
        (Counts(0, 0, 0, 9), {"dice": 1, "jaccard": 1, "precision": 0, "recall": None, "tnr": 1, "accuracy": 1}),
        # empty truth, something predicted
        (
            Counts(0, 4, 0, 5),
            {"dice": 0, "jaccard": 0, "precision": 0, "recall": None, "tnr": 5 / 9, "accuracy": 5 / 9},
        ),
        # nothing predicted
        (Counts(0, 0, 4, 5), {"dice": 0, "jaccard": 0, "precision": 0, "recall": 0, "tnr": 1, "accuracy": 5 / 9}),
        # the truth fills the region
        (Counts(9, 0, 0, 0), {"dice": 1, "jaccard": 1, "precision": 1, "recall": 1, "tnr": None, "accuracy": 1}),
        # a region without a pixel
        (Counts(0, 0, 0, 0), dict.fromkeys(SCORES)),
    ],
)
def test_each_division_by_zero_has_its_rule(counts, wanted):
    both = wanted["recall"] is not None and wanted["tnr"] is not None
    wanted = wanted | {
        "mcc": None,  # in each of these truth or prediction is of one class
        "balanced_accuracy": (wanted["recall"] + wanted["tnr"]) / 2 if both else None,
        "isic_jaccard": wanted["jaccard"],
    }
    assert scores(counts) == wanted


def test_the_referees_example_at_half():
    """What scikit-learn 1.9.1 gives of y = [1, 1, 0, 0, 0, 0], s = [.9, .3, .8, .2, .2, .1]."""
    assert scores(Counts(tp=1, fp=1, fn=1, tn=3))["mcc"] == 0.25


@pytest.mark.parametrize(("counts", "wanted"), [(Counts(65, 35, 0, 9), 0.65), (Counts(64, 36, 0, 9), 0.0)])
def test_isics_jaccard_keeps_what_reaches_its_limit(counts, wanted):
    assert scores(counts)["isic_jaccard"] == wanted


# isic-challenge-scoring@cf264bcc (Apache-2), segmentation.py, as facts: what it gives where a denominator is zero, and
# what stands here instead. All else agrees.
ISIC = [
    ("jaccard", Counts(0, 0, 0, 9), 1.0),  # there too
    ("isic_jaccard", Counts(0, 0, 0, 9), 1.0),  # there too
    ("dice", Counts(0, 0, 0, 9), 1.0),  # there too
    ("recall", Counts(0, 4, 0, 5), None),  # 1 there
    ("tnr", Counts(4, 0, 5, 0), None),  # 1 there
    ("precision", Counts(0, 0, 4, 5), 0.0),  # 1 there
]


@pytest.mark.parametrize(("name", "counts", "ours"), ISIC)
def test_where_isics_scoring_differs(name, counts, ours):
    assert scores(counts)[name] == ours


@given(NUMBER, NUMBER, NUMBER, NUMBER)
def test_elsewhere_scores_are_isics(tp, fp, fn, tn):
    jaccard = tp / (tp + fn + fp)
    wanted = {
        "accuracy": (tp + tn) / (tp + tn + fp + fn),
        "recall": tp / (tp + fn),
        "tnr": tn / (tn + fp),
        "dice": 2 * tp / (2 * tp + fn + fp),
        "precision": tp / (tp + fp),
        "jaccard": jaccard,
        "isic_jaccard": jaccard if jaccard >= 0.65 else 0.0,
    }
    found = scores(Counts(tp, fp, fn, tn))
    assert {name: found[name] for name in wanted} == wanted
