"""That PyTorch's twin computes what jaxseg does: checked before every race, for one between two networks says nothing.

The network's logits are compared in float32 in every case. A race of inference also compares the probabilities of the
very programs that it times, one of training the loss, the gradient of every parameter and the running statistics of
its first step.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import bench_cases
import jax
import numpy as np
import ours
import torch
import twin
from bench_cases import Case

from jaxseg.models.denseunet import SIZES

# How far the two may lie apart. Logits: the largest difference over the largest logit. Losses: the relative difference.
# Gradients and running statistics: the norm of the difference over the norm, for each; a parameter whose gradient is a
# smaller ``share`` of the whole one is held to that share of it, for a bias before BatchNorm has a gradient of zero,
# and rounding; ``all`` is for the whole one, from which none at all would lie 1 apart. Gradients agree to 1e-5 in small
# networks and to 2.4e-2 in deep ones, perhaps since a ReLU whose input is zero but for rounding opens on one side
# alone. Rounded are bfloat16 and TensorFloat-32.
SMALL_IMAGES = {"cpu": 2e-5, "cuda": 1e-4}  # logits in float32, by device
ALLOWED = {
    "float32": {"probabilities": 1e-4, "loss": 1e-5, "gradients": 3e-2, "share": 1e-3, "all": 3e-2, "statistics": 1e-4},
    "rounded": {"probabilities": 0.3, "loss": 0.2, "gradients": 1.0, "share": 1.0, "all": 0.9, "statistics": 0.3},
}


class Mismatch(ValueError):
    """The twin computes something else than jaxseg."""


def twin_of(case: Case, variables: Mapping[str, Any], device: torch.device, **options: Any) -> twin.DenseUNet:
    """Return the twin of a case's network with the same numbers, on a device."""
    made = twin.DenseUNet(SIZES[case.size], case.attention, **options)
    return twin.load(made, variables).to(device, memory_format=torch.channels_last)


def training_of(
    case: Case,
    left: ours.Training,
    variables: Mapping[str, Any],
    device: torch.device,
    *,
    dtype: str,
    compiled: bool = False,
) -> twin.Training:
    """Return the twin's training, from the same numbers on the same images by the same rule as jaxseg's."""
    made = twin_of(case, variables, device)
    images, labels = bench_cases.records(case, 2 * left.batch)
    rule = {"adam": left.adam, "mean": bench_cases.MEAN, "std": bench_cases.STD, "indices": left.indices}
    return twin.Training(made, images, labels, dtype=dtype, compiled=compiled, **rule)


def computed(dtype: str, device: torch.device) -> str:
    """Return the key of ``ALLOWED`` of a race: a GPU takes TensorFloat-32 for float32."""
    return "float32" if dtype == "float32" and device.type == "cpu" else "rounded"


def network(case: Case, variables: Mapping[str, Any], device: torch.device, **options: Any) -> float:
    """Compare the logits in float32 of two small images that have to be padded; return how far they lie apart.

    Raises:
        Mismatch: too far.
    """
    small = case._replace(height=61, width=93)
    images = ours.normalised(small, 2)
    with in_float32():
        left = ours.Inference(small, images, dtype="float32", variables=variables)
        left.run(1)
        right = twin.Inference(twin_of(case, variables, device, **options), images, dtype="float32")
        right.run(1)
    return logits(left, right, SMALL_IMAGES[device.type])


def logits(left: ours.Inference, right: twin.Inference, allowed: float) -> float:
    """Compare the logits that two programs found; return how far apart they are.

    Raises:
        Mismatch: too far.
    """
    truth = left.logits()
    apart = float(np.abs(right.logits() - truth).max() / np.abs(truth).max())
    return within("the logits", apart, allowed)


def probabilities(left: ours.Inference, right: twin.Inference, allowed: float) -> float:
    """Compare the probabilities that two programs found; return how far apart they are, as ``logits`` does.

    Logits that are off by d each change a probability by d / 2 at most.

    Raises:
        Mismatch: too far.
    """
    apart = np.abs(right.probabilities() - left.probabilities()).max()
    return within("the probabilities", float(2 * apart / np.abs(right.logits()).max()), allowed)


def first_step(
    left: tuple[float, Any, Any],
    right: twin.Training,
    counts: Mapping[str, int],
    variables: Mapping[str, Any],
    computed: str,
) -> dict[str, float]:
    """Compare a first training step; return how far loss, gradients and running statistics lie apart at most.

    Args:
        left: loss, gradients and running statistics of jaxseg.
        right: the twin after it.
        counts: numbers of entries that each BatchNorm of the twin saw, from ``counted``.
        variables: before the step.
        computed: a key of ``ALLOWED``.

    Raises:
        Mismatch: too far.
    """
    (truth, gradients, statistics), allowed = left, ALLOWED[computed]
    found = {"loss": within("the loss", abs(right.figure.item() - truth) / abs(truth), allowed["loss"])}
    each, whole = _gradients(gradients, right.twin, allowed["share"])
    found["all_gradients"] = within("the whole gradient", whole, allowed["all"])
    for kind, errors in (
        ("gradients", each),
        ("statistics", _statistics(statistics, right.twin, counts, variables["batch_stats"])),
    ):
        worst = max(errors, key=errors.__getitem__)
        found[kind] = within(f"the {kind} of {worst}", errors[worst], allowed[kind])
    return found


def _gradients(gradients: Mapping[str, Any], other: twin.DenseUNet, share: float) -> tuple[dict[str, float], float]:
    """Return how far the gradient of each parameter lies apart, and the whole one."""
    wanted = {twin.torch_name(path): twin.as_torch(leaf).numpy() for path, leaf in twin.leaves(gradients)}
    floor = share * np.sqrt(sum(np.square(leaf, dtype=float).sum() for leaf in wanted.values()))
    found = {name: parameter.grad.cpu().numpy() for name, parameter in other.named_parameters()}
    whole = distance(*(np.concatenate([tree[name].ravel() for name in wanted]) for tree in (found, wanted)))
    return {name: distance(found[name], leaf, floor) for name, leaf in wanted.items()}, whole


def _statistics(
    statistics: Mapping[str, Any], other: twin.DenseUNet, counts: Mapping[str, int], before: Mapping[str, Any]
) -> dict[str, float]:
    errors, buffers, start = {}, dict(other.named_buffers()), dict(twin.leaves(before))
    for path, leaf in twin.leaves(statistics):
        name, kept = twin.torch_name(path), twin.KEEP * np.asarray(start[path])
        new = buffers[name].cpu().numpy() - kept
        if path[-1] == "var":  # PyTorch's running variance is that of a sample, jaxseg's that of the batch itself
            n = counts[".".join(path[:-1])]
            new = new * (n - 1) / n
        errors[name] = distance(kept + new, np.asarray(leaf))
    return errors


def distance(found: np.ndarray, truth: np.ndarray, floor: float = 0.0) -> float:
    """Return the norm of the difference over that of the truth, or over a floor where that is larger."""
    return float(np.linalg.norm(found - truth) / max(np.linalg.norm(truth), floor))


def within(what: str, apart: float, allowed: float) -> float:
    """Return how far apart two things are. Raises Mismatch where that is more than allowed, or no number."""
    if not apart <= allowed:
        raise Mismatch(f"{what}: PyTorch's twin is off jaxseg's by {apart:.1e}, more than {allowed:.0e}; no race")
    return apart


@contextlib.contextmanager
def counted(network: twin.DenseUNet, counts: dict[str, int]) -> Iterator[None]:
    """Write down how many entries a channel has in each BatchNorm of a pass, by its name."""

    def hook(name: str) -> Any:
        return lambda module, given: counts.update({name: given[0].numel() // given[0].shape[1]})

    norms = [(name, module) for name, module in network.named_modules() if isinstance(module, torch.nn.BatchNorm2d)]
    hooks = [module.register_forward_pre_hook(hook(name)) for name, module in norms]
    try:
        yield
    finally:
        for each in hooks:
            each.remove()


@contextlib.contextmanager
def in_float32() -> Iterator[None]:
    """Compute products of float32 in float32, on a GPU too."""
    matmul, convolutions = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    torch.set_float32_matmul_precision("highest")
    torch.backends.cudnn.allow_tf32 = False
    try:
        with jax.default_matmul_precision("highest"):
            yield
    finally:
        torch.set_float32_matmul_precision(matmul)
        torch.backends.cudnn.allow_tf32 = convolutions
