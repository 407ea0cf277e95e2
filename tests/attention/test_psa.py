from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from recorded import channels_last, linear, norm, recorded, written_out

from jaxseg.attention import build, lowering

# Modules of ours, and the places of their convolution and of its normalisation in the reference.
LAYERS = {
    ("factors", "reduce"): ("reduce.0", "reduce.1"),
    ("factors", "hidden"): ("attention.0", "attention.1"),
    ("output", "proj"): ("proj.0", "proj.1"),
}


def variables(ref):
    params, stats = {"factors": {}, "output": {}}, {"factors": {}, "output": {}}
    for (part, name), (conv, normed) in LAYERS.items():
        scale, running = norm(ref, normed)
        params[part][name] = {"conv": linear(ref, conv), "norm": scale}
        stats[part][name] = {"norm": running}
    params["factors"]["table"] = ref["attention.3.weight"].reshape(9, 9, 1, 4)
    return {"params": params, "batch_stats": stats}


@pytest.mark.parametrize(
    ("name", "stored", "options"),
    [
        ("psa_collect", "collect", {}),
        ("psa_distribute", "distribute", {}),
        ("psa_collect", "collect train", {}),
        ("psa_collect", "collect plain", {"use_softmax": False, "normalization_factor": None}),
        ("psa_distribute", "distribute plain", {"use_softmax": False, "normalization_factor": 7.0}),
    ],
)
def test_the_branch_is_its_authors(name, stored, options):
    ref, train = recorded("psa"), stored.endswith("train")
    module = build(name, width=4, span=5, shortcut=False, **options)
    with jax.enable_x64(True):
        x = channels_last(ref["x"])
        y, _ = written_out(module, variables(ref), x, train=train, mutable=["batch_stats"])
        np.testing.assert_allclose(y, channels_last(ref[stored]), atol=1e-10)


@pytest.mark.parametrize("name", ["collect", "distribute"])
def test_no_score_is_stored_for_a_pair(name):
    ref = recorded("psa")
    module = build(f"psa_{name}", width=4, span=5)
    with jax.enable_x64(True):
        x = channels_last(ref["x"])
        form = module.apply(variables(ref), x, method="form")
        assert lowering(form).name == "lines"
        assert max(a.size for a in jax.tree.leaves(form)) == 9 * 9 * 4  # the table
        y = jax.jit(partial(module.apply, train=False))(variables(ref), x)
        np.testing.assert_allclose(y - x, channels_last(ref[name]), atol=1e-10)  # The source has x beside it.


def test_a_side_beyond_the_span_is_refused():
    x = jax.ShapeDtypeStruct((1, 3, 5, 4), jnp.float32)
    with pytest.raises(ValueError, match=r"the grid \(3, 5\) has a side longer than span 4.*span=5 or more"):
        jax.eval_shape(partial(build("psa_distribute", span=4).init, train=False), jax.random.key(0), x)


def test_wrong_options_are_refused():
    with pytest.raises(ValueError, match="span is 0; it must be at least 1"):
        build("psa_collect", span=0)
    with pytest.raises(ValueError, match="'psa_collect' has no option 'collects'"):
        build("psa_collect", collects=True)
