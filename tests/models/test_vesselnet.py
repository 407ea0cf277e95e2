import jax
import jax.numpy as jnp
import numpy as np
from filling import fill, shapes

from jaxseg import models


def test_rectified_logits_are_never_negative_and_those_of_an_auxiliary_background_are_0():
    plain, rectified = (models.build("vesselnet", width=2, rectified=flag) for flag in (False, True))
    variables = fill(shapes(plain))
    images = jnp.asarray(np.random.default_rng(0).normal(size=(2, 16, 12, 3)), jnp.float32)

    @jax.jit
    def run(variables):
        passes = (models.training_pass(of, variables, images, None, jax.random.key(0)) for of in (plain, rectified))
        return [(logits, others) for logits, others, _ in passes]

    (logits, others), (cut, others_cut) = run(variables)
    np.testing.assert_allclose(cut, jnp.maximum(logits, 0), atol=1e-6)
    assert (logits < 0).any()
    assert others.keys() == {"rich", "half", "quarter"}
    for name, of in others_cut.items():
        assert (others[name] < 0).any(), name
        assert (of >= 0).all(), name
        assert not np.asarray(of[..., 0]).any(), name
        assert not np.asarray(others[name][..., 0]).any(), name
    np.testing.assert_allclose(others_cut["rich"], jnp.maximum(others["rich"], 0), atol=1e-6)
