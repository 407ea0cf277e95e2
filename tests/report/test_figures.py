import numpy as np
import pytest
from matplotlib.figure import Figure

from jaxseg.report.figures import span_scores


@pytest.mark.parametrize(
    ("scores", "least", "most"),
    [
        ([0.80001, 0.80002], (0.75, 0.85), 0.12),
        ([1.0], (0.9, 1.0), 0.12),  # no score is larger than 1
        ([0.97, 0.99], (0.9, 1.0), 0.12),
        ([0.2, 0.9], (0.2, 0.9), 0.8),
        ([-0.3, float("nan"), 0.9], (-0.3, 0.9), 1.4),
        ([3.0], (2.95, 3.05), 0.12),  # a distance may be
    ],
)
def test_an_axis_of_scores_is_wide_and_ends_at_one(scores, least, most):
    axis = Figure().subplots()
    span_scores(axis, scores)
    low, high = axis.get_ylim()
    assert low <= least[0] + 1e-6
    assert high >= least[1] - 1e-6
    assert high - low <= most
    if np.nanmax(scores) <= 1:
        assert high <= 1.05


def test_without_a_score_an_axis_is_as_it_was():
    axis = Figure().subplots()
    before = axis.get_ylim()
    span_scores(axis, [float("nan")])
    assert axis.get_ylim() == before
