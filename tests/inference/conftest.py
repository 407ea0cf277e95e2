import numpy as np
import pytest
from fakes import GREEN, Pixels, Plain

from jaxseg.inference import Predictor


@pytest.fixture
def green():
    """A predictor that calls the green pixels foreground."""
    return Predictor(Pixels(), GREEN, Plain())


@pytest.fixture
def make_image():
    def make(height=20, width=27, seed=0):
        return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)

    return make
