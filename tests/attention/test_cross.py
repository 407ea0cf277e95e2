from functools import partial

import jax
import numpy as np
import pytest
from recorded import channels_last, linear, recorded

from jaxseg.attention import build


@pytest.mark.parametrize(("recurrence", "output"), [(1, "y"), (2, "twice")])
def test_criss_cross_is_ccnets(recurrence, output):
    ref = recorded("criss_cross")
    factors = {name: linear(ref, f"{name}_conv") for name in ("query", "key", "value")}
    variables = {"factors": factors, "output": {"gamma": ref["gamma"]}}
    variables = {"params": variables if recurrence == 1 else {"steps_0": variables}}
    module = build("criss_cross", recurrence=recurrence)
    with jax.enable_x64(True):
        y = jax.jit(partial(module.apply, train=False))(variables, channels_last(ref["x"]))
    np.testing.assert_allclose(y, channels_last(ref[output]), atol=1e-10)


def test_wrong_options_are_refused():
    with pytest.raises(ValueError, match="recurrence is 0; it must be at least 1"):
        build("criss_cross", recurrence=0)
