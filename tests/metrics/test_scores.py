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
    assert scores(counts) == wanted
