"""The twin that the races run against computes what jaxseg does."""

import jax
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the twin is PyTorch's: pip install 'jaxseg[bench]'")

import equality  # noqa: E402
import ours  # noqa: E402
import twin  # noqa: E402
from bench_cases import ATTENTIONS, Case  # noqa: E402

from jaxseg.models.denseunet import SIZES  # noqa: E402
from jaxseg.training import devices as on  # noqa: E402

CPU = torch.device("cpu")
CASES = [Case("micro", attention, 61, 45) for attention in ATTENTIONS] + [Case("tiny", "ja9", 64, 64)]
BY_DEFAULT = ("micro:none:61x45", "micro:ja9:61x45")  # joint attention is made of the two others


@pytest.fixture(
    scope="module",
    params=[pytest.param(case, marks=() if str(case) in BY_DEFAULT else pytest.mark.slow) for case in CASES],
    ids=str,
)
def contender(request):
    """A case, its variables, its images, and jaxseg after them."""
    variables, images = ours.variables(request.param), ours.normalised(request.param, 2)
    left = ours.Inference(request.param, images, dtype="float32", variables=variables)
    left.run(1)
    return request.param, variables, images, left


def apart(contender, variables, **options):
    case, _, images, left = contender
    right = twin.Inference(equality.twin_of(case, variables, CPU, **options), images, dtype="float32")
    right.run(1)
    return equality.logits(left, right, 1e-5)


@pytest.mark.parametrize("reassociated", [True, False])
def test_the_logits_are_those_of_the_network(contender, reassociated):
    assert apart(contender, contender[1], reassociated=reassociated) < 1e-5


def test_a_changed_parameter_is_seen(contender):
    variables = contender[1]
    paths = [path for path, _ in jax.tree_util.tree_leaves_with_path(variables)]
    for chosen in (paths[0], paths[len(paths) // 3], paths[-1]):  # from a running mean to the last convolution
        other = jax.tree_util.tree_map_with_path(
            lambda path, leaf, chosen=chosen: leaf * np.float32(1.5) + 1 if path == chosen else leaf, variables
        )
        with pytest.raises(equality.Mismatch, match="logits"):
            apart(contender, other)


@pytest.mark.slow
def test_the_first_step_has_the_same_loss_gradients_and_statistics():
    case = Case("micro", "ja9", 33, 64)
    variables = ours.variables(case)
    left = ours.Training(case, dtype="float32", batch=2, devices=on.set_up(2, 0), variables=variables)
    right = equality.training_of(case, left, variables, CPU, dtype="float32")
    counts = {}
    with equality.counted(right.twin, counts):
        left.run(1)
        right.run(1)
    truth = left.after_first()

    def compare(truth):
        return equality.first_step(truth, right, counts, variables, "float32")

    assert compare(truth)["loss"] < 1e-6
    with pytest.raises(equality.Mismatch, match="the loss"):
        compare((1.001 * truth[0], *truth[1:]))
    theta = right.twin.attention0.self_attention.factors.theta.weight
    theta.grad *= 1.1
    with pytest.raises(equality.Mismatch, match="gradients of attention0.self_attention.factors.theta.weight"):
        compare(truth)
    theta.grad /= 1.1
    right.twin.up1.norm.running_var *= 1.01
    with pytest.raises(equality.Mismatch, match="statistics of up1.norm.running_var"):
        compare(truth)


def test_another_network_is_refused_by_name():
    with pytest.raises(ValueError, match="attention0.factors.hidden.bias is .64,. in the twin and absent"):
        twin.load(twin.DenseUNet(SIZES["micro"], "pwa"), ours.variables(Case("micro", "none", 32, 32)))
