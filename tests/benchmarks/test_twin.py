"""The twin that the races run against computes what jaxseg does."""

import jax
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the twin is PyTorch's: pip install 'jaxseg[bench]'")

import equality  # noqa: E402
import ours  # noqa: E402
import twin  # noqa: E402
from cases import ATTENTIONS, Case  # noqa: E402

from jaxseg.models.denseunet import SIZES  # noqa: E402
from jaxseg.training import devices as on  # noqa: E402

CPU = torch.device("cpu")
CASES = [Case("micro", attention, 61, 45) for attention in ATTENTIONS] + [Case("tiny", "ja9", 64, 64)]


@pytest.fixture(scope="module", params=CASES, ids=str)
def contender(request):
    """A case, its variables, and jaxseg's logits."""
    variables = ours.variables(request.param)
    return request.param, variables, ours.Inference(request.param, dtype="float32", batch=2, variables=variables)


def apart(contender, variables, **options):
    case, _, left = contender
    right = twin.Inference(equality.twin_of(case, variables, CPU, **options), dtype="float32")
    return equality.logits(case, left, right, CPU, tight=True)


@pytest.mark.parametrize("reassociated", [True, False])
def test_the_logits_are_those_of_the_network(contender, reassociated):
    assert apart(contender, contender[1], reassociated=reassociated) < 1e-5


def test_a_changed_parameter_is_seen(contender):
    _, variables, _ = contender
    paths = [path for path, leaf in jax.tree_util.tree_leaves_with_path(variables)]
    for chosen in (paths[0], paths[len(paths) // 3], paths[-1]):  # attention, a dense block, a running variance
        other = jax.tree_util.tree_map_with_path(
            lambda path, leaf, chosen=chosen: leaf * np.float32(1.5) + 1 if path == chosen else leaf, variables
        )
        with pytest.raises(equality.Mismatch, match="logits"):
            apart(contender, other)


def test_the_first_step_has_the_same_loss_gradients_and_statistics():
    case = Case("micro", "ja9", 33, 64)
    variables = ours.variables(case)
    devices = on.set_up(2, 0)
    left = ours.Training(case, dtype="float32", batch=2, devices=devices, variables=variables)
    right = equality.training_of(case, left, variables, CPU, dtype="float32")
    other = right.twin
    with equality.counted(other) as counts:
        loss = float(right.step(left.indices(0)))
    first = left.after_first()
    equality.first_step(first, loss, other, counts, variables, tight=True)
    with pytest.raises(equality.Mismatch, match="loss"):
        equality.first_step(first, 1.001 * loss, other, counts, variables, tight=True)
    name, parameter = next((n, p) for n, p in other.named_parameters() if n.endswith("theta.weight"))
    parameter.grad *= 1.01
    with pytest.raises(equality.Mismatch, match=f"gradient of {name}"):
        equality.first_step(first, loss, other, counts, variables, tight=True)
    parameter.grad /= 1.01
    other.up1.norm.running_var *= 1.01
    with pytest.raises(equality.Mismatch, match="up1.norm.running_var"):
        equality.first_step(first, loss, other, counts, variables, tight=True)


def test_another_network_is_refused_by_name():
    with pytest.raises(ValueError, match="attention0.factors.hidden.bias is .64,. in the twin and absent"):
        twin.load(twin.DenseUNet(SIZES["micro"], "pwa"), ours.variables(Case("micro", "none", 32, 32)))
