"""A temperature against the logits that it divides, and against a search over every pixel."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import expit

from jaxseg import metrics
from jaxseg.metrics import calibration


def images(number=3, certain=2.5):
    """Logits that are ``certain`` times as large as they should be, and what is true."""
    rng = np.random.default_rng(0)
    for _ in range(number):
        logits = rng.normal(-1, 2, (40, 50))
        yield (certain * logits).astype(np.float32), rng.random((40, 50)) < expit(logits)


def test_it_divides_the_logits():
    logits = next(images())[0]
    # float32 has few digits of what is near 1
    np.testing.assert_allclose(metrics.tempered(expit(logits), 2.0), expit(logits / 2), atol=1e-4)
    np.testing.assert_allclose(metrics.tempered(expit(-abs(logits)), 2.0), expit(-abs(logits) / 2), rtol=1e-5)
    ends = np.array([0, 0.5, 1], np.float32)
    np.testing.assert_allclose(metrics.tempered(ends, 3.0), expit([-104 / 3, 0, 17 / 3]), rtol=1e-5)
    assert metrics.tempered(ends, 1.0) is ends
    assert metrics.tempered(ends, 3.0).dtype == np.float32


@pytest.mark.parametrize("certain", [2.5, 0.4])
def test_it_is_that_of_a_search_over_every_pixel(certain):
    search = metrics.TemperatureSearch()
    for logits, truth in images(certain=certain):
        search.add(expit(logits), truth)
    odds, truth = (
        np.concatenate([each.ravel() for each in all_]) for all_ in zip(*images(certain=certain), strict=True)
    )

    def cross_entropy(temperature):
        return np.logaddexp(0, np.where(truth, -odds, odds) / temperature).sum()

    wanted = minimize_scalar(cross_entropy, bounds=(0.05, 20), method="bounded", options={"xatol": 1e-6}).x
    assert search.best() == pytest.approx(wanted, rel=1e-4)
    assert search.best() == pytest.approx(certain, rel=0.05)


def test_certain_mistakes_and_nan():
    search = metrics.TemperatureSearch()
    search.add(np.array([[0, 1, 1]], np.float32), np.array([[True, False, True]]))
    assert search.best() == metrics.temperature.LARGEST  # nothing that is said here holds
    certain = metrics.tempered(np.array([0, 1], np.float32), metrics.temperature.LARGEST)
    np.testing.assert_allclose(certain, expit([-104 / 20, 17 / 20]), rtol=1e-6)  # and is less certain then
    with pytest.raises(ValueError, match="probabilities hold NaN"):
        search.add(np.array([[np.nan]], np.float32), np.array([[True]]))


def test_the_errors_are_those_of_all_pixels_together():
    found, parts = metrics.Calibration(), []
    for logits, truth in images():
        before, after = expit(logits), metrics.tempered(expit(logits), 2.5)
        found.add(before, after, truth)
        parts.append((before, after, truth))
    before, after, truth = (np.concatenate([each.ravel() for each in all_]) for all_ in zip(*parts, strict=True))
    for when, values in (("before", before), ("after", after)):
        pixels = values[truth], values[~truth]
        assert found.errors()[when]["ece_positive"] == pytest.approx(calibration.of_positive_class(*pixels).error())
        assert found.errors()[when]["ece_predicted"] == pytest.approx(calibration.of_predicted_class(*pixels).error())
    assert found.errors()["after"]["ece_positive"] < 0.3 * found.errors()["before"]["ece_positive"]
