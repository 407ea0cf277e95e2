"""``build`` and the public names."""

from functools import partial

import jax
import jax.numpy as jnp
import pytest

from jaxseg import attention
from jaxseg.attention import MECHANISMS, build
from jaxseg.attention.mechanisms import joint

# Those that multiply or average x itself: no parameter meets x on its way through them.
KEEP_THE_TYPE = {"none", "pwa", "cbam", "bam", "average_pool"}


def test_few_public_names():
    names = [name for name in dir(attention) if not name.startswith("_")]  # under pytest with "jaxtyping"
    assert len(names) <= 30
    assert {"build", "rows", "dense", "gate_maps", "cost", "supports", "scores", "norms", "values"} < set(names)
    assert callable(attention.cost)


def test_two_builds_with_the_same_options_are_equal():
    for name in MECHANISMS:
        assert build(name) == build(name), name
        assert hash(build(name)) == hash(build(name)), name
        assert type(build(name)).__name__ == name
        assert build(name) != build(name, dtype="bfloat16"), name
    assert build("sa") != build("nonlocal_dot")
    assert build("sa") != build("sa", inner=3)
    assert build("sa", name="gate").name == "gate"


def test_what_is_built_is_of_its_kind():
    module = build("ja9", inner=3, axis_name="devices")
    assert isinstance(module, joint.Joint)
    other = module.clone(structure=joint.ja3)
    assert isinstance(other, joint.Joint)
    assert (other.structure, other.numerics, other.point_wise) == (joint.ja3, module.numerics, module.point_wise)
    assert isinstance(build("axial"), attention.Sequence)
    assert isinstance(build("danet"), attention.Attention)


@pytest.mark.parametrize("name", MECHANISMS)
def test_without_a_dtype_the_result_has_the_common_type_of_x_and_the_parameters(name):
    x = jax.ShapeDtypeStruct((2, 4, 6, 8), jnp.bfloat16)
    y, variables = jax.eval_shape(partial(build(name).init_with_output, train=False), jax.random.key(0), x)
    assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(variables))
    assert y.dtype == (jnp.bfloat16 if name in KEEP_THE_TYPE else jnp.float32)
