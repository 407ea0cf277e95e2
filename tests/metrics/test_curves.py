import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from jaxseg.metrics import auc

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


@pytest.mark.parametrize("broken", [0, 1])
def test_nan_is_refused(broken):
    values = [_float32([0.1, 0.2]), _float32([0.3])]
    values[broken][0] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        auc(*values)
