import dataclasses

import jax
import numpy as np
import pytest
from fakes import COLOURS, GREEN, NAMES, PLAIN, Pixels, green_probability

from jaxseg.inference import Predictor, compiled

NONE = jax.tree.map(np.zeros_like, GREEN)  # one half everywhere


@pytest.fixture
def programs(monkeypatch):
    """The programs that were asked for, one entry each."""
    made, program = [], compiled.Program
    monkeypatch.setattr(compiled, "Program", lambda *given, **named: made.append(1) or program(*given, **named))
    return made


def test_an_ensemble_predicts_the_mean_in_every_way(green, make_image, programs):
    both = green.together([Predictor(Pixels(), NONE, PLAIN)])
    image = make_image()
    wanted = (green_probability(image) + 0.5) / 2
    for one in (both, both.expecting([image.shape[:2]])):
        np.testing.assert_allclose(one(image), wanted, atol=1e-6)
    assert len(programs) == 1  # networks of one kind share it
    np.testing.assert_allclose(both.tiled(16)(image), wanted, atol=1e-6)
    assert both.describe() == "whole images, mean of 2 networks"
    assert (both.step, green.describe()) == (None, "whole images")
    with pytest.raises(ValueError, match="attention is shown of one network"):
        both.skips(image)


def test_each_member_normalises_by_its_own_training_images(green, make_image):
    dark = dataclasses.replace(PLAIN, mean=(0.0, 51.0, 0.0))
    image = make_image()
    shifted = np.log(green_probability(image) / (1 - green_probability(image))) - 2  # 10 * 51 / 255
    wanted = (green_probability(image) + 1 / (1 + np.exp(-shifted))) / 2
    np.testing.assert_allclose(green.together([Predictor(Pixels(), GREEN, dark)])(image), wanted, atol=1e-5)


def test_members_of_other_classes_or_preparations_are_refused(green):
    with pytest.raises(ValueError, match=r"the members have different classes: \(\) and \('red', 'green'\)"):
        green.together([Predictor(Pixels(3), COLOURS, PLAIN, classes=NAMES, threshold=())])
    with pytest.raises(ValueError, match=r"one member prepares images by .*another one by .*image_size=\(64, 64\)"):
        green.together([Predictor(Pixels(), GREEN, dataclasses.replace(PLAIN, image_size=(64, 64)))])
