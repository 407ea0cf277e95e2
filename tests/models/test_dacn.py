import jax.numpy as jnp
import numpy as np
import pytest

from jaxseg import models
from jaxseg.models.dacn import DACN


def test_the_logit_is_that_of_the_contours_u():
    u = jnp.asarray([0.0, 1e-9, 1e-6, 0.2, 0.5, 0.75, 1 - 1e-6, 1.0], jnp.float32).reshape(1, 2, 4, 1)
    logits = np.asarray(DACN.classify(models.build("dacn", size="micro"), u, train=False), np.float64)
    assert not logits[..., 0].any()
    found = 1 / (1 + np.exp(-logits[..., 1:]))
    np.testing.assert_allclose(found, np.clip(u, 1e-6, 1 - 1e-6), rtol=0.07, atol=1e-8)
    np.testing.assert_allclose(logits[0, 0, 3, 1], np.log(0.2 / 0.8), rtol=1e-6)
    np.testing.assert_allclose(logits[0, 1, :2, 1], [0, np.log(3)], atol=1e-6)
    assert np.isfinite(logits).all()


@pytest.mark.parametrize("classes", [1, 3])
def test_a_contour_has_two_sides(classes):
    with pytest.raises(ValueError, match=f"num_classes is {classes}; want 2 for dacn: a contour has two sides"):
        models.build("dacn", size="micro", num_classes=classes)
