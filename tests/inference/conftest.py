import jax
import jax.monitoring
import numpy as np
import pytest
from fakes import COLOURS, GREEN, NAMES, PLAIN, Pixels

from jaxseg.inference import Predictor


@pytest.fixture
def green():
    """A predictor that calls the green pixels foreground."""
    return Predictor(Pixels(), GREEN, PLAIN)


@pytest.fixture
def colours():
    """A predictor of two classes, the red pixels and the green ones."""
    return Predictor(Pixels(3), COLOURS, PLAIN, classes=NAMES, threshold=())


@pytest.fixture
def make_image():
    def make(height=20, width=27, seed=0):
        return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)

    return make


@pytest.fixture
def programs():
    """The networks that are compiled during the test: one entry each time."""
    found = []

    def listen(event, seconds, *, fun_name="", **others):
        if event == "/jax/core/compile/backend_compile_duration" and fun_name == "jit(_probabilities)":
            found.append(fun_name)

    jax.monitoring.register_event_duration_secs_listener(listen)
    yield found
    jax.monitoring.unregister_event_duration_listener(listen)
