"""Another camera: a function of seed and number, darker, softer and noisier than what it takes a picture of."""

import cv2
import numpy as np
import pytest

from jaxseg.data import camera, generate, painting, synthetic

PICTURES = {"fundus": (90.9282, 25.6753, 11.061), "lesion": (170.3701, 96.1233, 99.0796)}  # mean red, green and blue


@pytest.mark.parametrize("kind", PICTURES)
def test_another_picture_has_another_version(kind):
    """Whoever changes what the camera does gives ``CAMERA`` another value: old pictures must not pass for new ones."""
    assert synthetic.CAMERA == "1"
    image = getattr(generate, kind)(3, 7, 64)[0]
    taken = camera.another(image, 3, 7)
    np.testing.assert_allclose(taken.mean((0, 1)), PICTURES[kind], rtol=1e-3, err_msg="another CAMERA, please")
    np.testing.assert_array_equal(taken, camera.another(image, 3, 7))
    assert (taken != camera.another(image, 3, 8)).any()


def test_it_is_darker_and_noisier():
    image = np.full((96, 96, 3), 128, np.uint8)
    for index in range(5):
        taken = camera.another(image, 0, index)
        assert taken.mean() < 120
        grain = taken.astype(float) - cv2.GaussianBlur(taken.astype(float), (0, 0), 2)
        assert grain.std() > 3  # the plain grey has none


def test_it_blurs_edges():
    image = np.zeros((96, 96, 3), np.uint8)
    image[:, 48:] = 200
    taken = np.mean([camera.another(image, 0, index)[..., 1] for index in range(40)], axis=(0, 1))
    assert 0.1 * taken[60] < taken[47] - taken[40] < 0.5 * taken[60]  # light of the bright half, one pixel beyond it


def test_the_exposure_is_undone():
    light = np.linspace(0, 1.5, 64 * 64 * 3).reshape(64, 64, 3)
    exposed = painting.expose(np.random.default_rng(0), light, 0.0)
    np.testing.assert_allclose(painting.unexposed(exposed), light, atol=0.02)
    assert np.isfinite(painting.unexposed(np.full((2, 2, 3), 255, np.uint8))).all()
