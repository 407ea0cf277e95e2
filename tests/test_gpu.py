import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxseg import models


@pytest.mark.gpu
@pytest.mark.parametrize("attention", ["ja9", "nonlocal_embedded"])
def test_a_gpu_computes_what_the_cpu_does(attention):
    try:
        gpu = jax.devices("gpu")[0]
    except RuntimeError:
        pytest.skip("no GPU here")
    model = models.build("denseunet", size="micro", attention=attention, attention_options={"gamma_init": 1.0})
    images = np.random.default_rng(0).normal(size=(2, 61, 45, 3)).astype(np.float32)
    with jax.default_device(jax.devices("cpu")[0]):
        variables = model.init(jax.random.key(0), images[:1], train=False)
        wanted = model.apply(variables, images, train=False)
    variables, images = jax.device_put((variables, images), gpu)
    with jax.default_matmul_precision("float32"):
        got = model.apply(variables, images, train=False)
    np.testing.assert_allclose(np.asarray(got), np.asarray(wanted), atol=1e-4 * float(jnp.abs(wanted).max()))
