import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from jaxseg.metrics import auc, average_precision, sensitivity_at

LEVELS = st.integers(0, 7).map(lambda level: level / 7)  # few levels, so that most pairs tie
PROBABILITY = st.one_of(LEVELS, st.floats(0, 1, width=32))


def _float32(values):
    return np.array(values, np.float32)


@given(st.lists(PROBABILITY, min_size=1, max_size=30), st.lists(PROBABILITY, min_size=1, max_size=30))
def test_auc_agrees_with_scikit_learn_and_with_the_count_of_pairs(positives, negatives):
    high, low = _float32(positives), _float32(negatives)
    got = auc(high, low)
    truth = [1] * high.size + [0] * low.size
    assert got == pytest.approx(roc_auc_score(truth, np.concatenate([high, low])), abs=1e-6)
    pairs = (high[:, None] > low).mean() + 0.5 * (high[:, None] == low).mean()
    assert got == pytest.approx(pairs, abs=1e-12)


def test_neighbouring_float32_are_ranked_apart():
    half = np.float32(0.5)
    above = np.nextafter(half, np.float32(1))
    assert auc(_float32([above]), _float32([half])) == 1.0
    assert auc(_float32([half]), _float32([half])) == 0.5


def test_chunks_of_the_foreground_add_up():
    rng = np.random.default_rng(0)
    high = rng.integers(0, 1000, (1 << 20) + 5).astype(np.float32)  # one chunk and a bit
    low = rng.integers(0, 900, 1000).astype(np.float32)
    histogram = [np.bincount(values.astype(int), minlength=1000) for values in (high, low)]
    below = np.concatenate([[0], np.cumsum(histogram[1])[:-1]])
    wanted = (histogram[0] * (below + 0.5 * histogram[1])).sum() / (high.size * low.size)
    assert auc(high, low) == pytest.approx(wanted, abs=1e-12)


def test_one_class_has_no_auc():
    assert auc(_float32([]), _float32([0.5])) is None
    assert auc(_float32([0.5]), _float32([])) is None


@pytest.mark.parametrize("function", [auc, average_precision])
@pytest.mark.parametrize("broken", [0, 1])
def test_nan_is_refused(function, broken):
    values = [_float32([0.1, 0.2]), _float32([0.3])]
    values[broken][0] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        function(*values)


def _by_loop(high, low):
    """Precision of each threshold, weighted by the growth of the recall: a loop over thresholds and pixels."""
    area, before = 0.0, 0.0
    for threshold in sorted({*high.tolist(), *low.tolist()}, reverse=True):
        found, wrong = (sum(score >= threshold for score in scores.tolist()) for scores in (high, low))
        area += (found / high.size - before) * found / (found + wrong)
        before = found / high.size
    return area


@given(st.lists(PROBABILITY, min_size=1, max_size=30), st.lists(PROBABILITY, min_size=1, max_size=30))
def test_average_precision_agrees_with_scikit_learn_and_with_a_loop(positives, negatives):
    high, low = _float32(positives), _float32(negatives)
    got = average_precision(high, low)
    truth = [1] * high.size + [0] * low.size
    assert got == pytest.approx(average_precision_score(truth, np.concatenate([high, low])), abs=1e-6)
    assert got == pytest.approx(_by_loop(high, low), abs=1e-12)


def test_average_precision_of_the_referees_example_and_of_the_edges():
    high, low = _float32([0.9, 0.3]), _float32([0.8, 0.2, 0.2, 0.1])
    assert average_precision(high, low) == pytest.approx(0.833333, abs=1e-6)
    assert auc(high, low) == 0.875
    assert average_precision(_float32([0.5] * 2), _float32([0.5] * 6)) == 0.25  # all tied: the prevalence
    assert average_precision(_float32([]), low) is None
    assert average_precision(high, _float32([])) == 1.0


@given(
    st.lists(PROBABILITY, min_size=1, max_size=30),
    st.lists(PROBABILITY, min_size=1, max_size=30),
    st.one_of(st.sampled_from([0.0, 0.5, 0.9, 0.95, 1.0]), st.floats(0, 1)),
)
def test_sensitivity_at_a_specificity_is_a_point_of_the_roc_curve(positives, negatives, specificity):
    high, low = _float32(positives), _float32(negatives)
    truth = [1] * high.size + [0] * low.size
    fpr, tpr, _ = roc_curve(truth, np.concatenate([high, low]), drop_intermediate=False)
    left = np.rint((1 - fpr) * low.size) / low.size  # a share of whole pixels, free of the subtraction's rounding
    assert sensitivity_at(high, low, specificity) == pytest.approx(tpr[left >= specificity].max(), abs=1e-12)


@pytest.mark.parametrize(("specificity", "wanted"), [(0.66, 1.0), (0.70, 2 / 3), (1.0, 2 / 3), (0.0, 1.0)])
def test_sensitivity_of_the_referees_example(specificity, wanted):
    assert sensitivity_at(_float32([0.4, 0.9, 0.9]), _float32([0.1, 0.1, 0.6]), specificity) == wanted


def test_sensitivity_needs_both_classes():
    assert sensitivity_at(_float32([]), _float32([0.5]), 0.9) is None
    assert sensitivity_at(_float32([0.5]), _float32([]), 0.9) is None
