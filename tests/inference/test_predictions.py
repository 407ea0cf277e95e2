import numpy as np
import pytest
from fakes import green_probability

from jaxseg.data.records import Record
from jaxseg.inference import Predictions, choose_threshold, fit_temperature, score
from jaxseg.metrics import TemperatureSearch, ThresholdSearch, tempered


@pytest.fixture
def records(make_image):
    images = [make_image(seed=seed) for seed in range(3)]
    rng = np.random.default_rng(0)
    truths = [(rng.random((20, 27)) < 0.2 + 0.4 * green_probability(image)).astype(np.uint8) for image in images]
    return [
        Record(f"i{place}", image, truth, None, None, f"i{place}")
        for place, (image, truth) in enumerate(zip(images, truths, strict=True))
    ]


@pytest.fixture
def counted(green, monkeypatch):
    """The number of images that the network was shown."""
    found, alone = [], type(green)._alone
    monkeypatch.setattr(type(green), "_alone", lambda self, image: found.append(1) or alone(self, image))
    return found


def test_temperature_threshold_and_scores_come_of_one_prediction(green, records, counted):
    predictions = Predictions(green, records, progress=False)
    predictor = choose_threshold(fit_temperature(green, predictions), predictions, "dice")
    found = score(predictor, records, predictions=predictions)
    assert len(counted) == 3
    fitted, search = TemperatureSearch(), ThresholdSearch("dice")
    plain = [green.prepared(record.image) for record in records]
    for probability, record in zip(plain, records, strict=True):
        fitted.add(probability, record.mask == 1)
    for probability, record in zip(plain, records, strict=True):
        search.add(tempered(probability, fitted.best()), record.mask == 1)
    assert (found.temperature, found.temperature_rule) == (fitted.best(), "val")
    assert found.temperature > 1.5
    assert (found.threshold, found.threshold_rule) == (search.best(), "dice")
    assert found.calibration["after"]["ece_positive"] < found.calibration["before"]["ece_positive"]
    assert score(green, records, progress=False).calibration is None


def test_what_is_too_large_to_be_kept_is_predicted_again(green, records, counted):
    predictions = Predictions(green, records, progress=False, limit=2 * 20 * 27 * 4)
    predictor = fit_temperature(green, predictions)
    assert len(counted) == 3
    assert fit_temperature(green, predictions).temperature == predictor.temperature
    assert len(counted) == 4  # the third was not kept


def test_a_predictor_tempers_what_it_gives_in_every_way(green, colours, make_image):
    image, warm = make_image(), green.tempering(2.0, "val")
    wanted = tempered(green_probability(image), 2.0)
    for probability in (warm(image), warm.prepared(image), warm.together([green])(image)):
        np.testing.assert_allclose(probability, wanted, atol=1e-6)
    with pytest.raises(ValueError, match=r"temperature is 0\.0; want a number above 0"):
        green.tempering(0.0)
    with pytest.raises(ValueError, match=r"temperature is 2\.0; want 1: it is for one foreground"):
        colours.tempering(2.0)
