"""That PyTorch's twin computes what jaxseg does: checked before every race, for one between two networks says nothing.

The network's logits are compared in float32 in every case. A race of inference also compares the logits of the very
programs that it times, one of training the loss, the gradient of every parameter and the running statistics of its
first step.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import cases
import jax
import numpy as np
import ours
import torch
import twin
from cases import Case

from jaxseg.models.denseunet import SIZES

# How far the two may lie apart: the largest difference over the largest logit, the relative difference of the losses,
# and the norm of the difference over the norm of each gradient and running statistic. Strict holds where both compute
# in float32; loose in bfloat16 or TensorFloat-32, where rounding shows in the gradients of a deep network.
STRICT = {"logits": 2e-5, "loss": 1e-5, "gradients": 1e-3, "statistics": 1e-4}
LOOSE = {"logits": 0.3, "loss": 0.2, "gradients": 1.0, "statistics": 0.3}
# A parameter whose gradient is a smaller share of the whole one than this is held to that share: a bias before
# BatchNorm has a gradient of zero, and rounding.
SHARE = {"strict": 1e-3, "loose": 1.0}


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
    images, labels = cases.records(case, 2 * left.batch)
    rule = {"adam": left.adam, "mean": cases.MEAN, "std": cases.STD}
    return twin.Training(made, images, labels, dtype=dtype, compiled=compiled, **rule)


def strict(dtype: str, device: torch.device) -> bool:
    """Return whether both sides compute in float32 to the last bits: a GPU takes TensorFloat-32 for it."""
    return dtype == "float32" and device.type == "cpu"


def network(case: Case, variables: Mapping[str, Any], device: torch.device, **options: Any) -> float:
    """Compare the logits in float32 of two small images that have to be padded; return how far they lie apart.

    Raises:
        Mismatch: too far.
    """
    small = case._replace(height=61, width=93)
    with in_float32():
        left = ours.Inference(small, dtype="float32", batch=2, variables=variables)
        right = twin.Inference(twin_of(case, variables, device, **options), dtype="float32")
        return logits(small, left, right, device, tight=True)


def logits(case: Case, left: ours.Inference, right: twin.Inference, device: torch.device, *, tight: bool) -> float:
    """Compare the logits of the images of a case, as two programs compute them; return how far they lie apart.

    Raises:
        Mismatch: too far.
    """
    truth = left.logits()
    images = on_device(ours.normalised(case, len(truth)), device)
    found = right.logits(images).permute(0, 2, 3, 1).cpu().numpy()
    apart = float(np.abs(found - truth).max() / np.abs(truth).max())
    return within(f"the logits of {case}", apart, (STRICT if tight else LOOSE)["logits"])


def first_step(
    left: tuple[float, Any, Any],
    loss: float,
    other: twin.DenseUNet,
    counts: Mapping[str, int],
    variables: Mapping[str, Any],
    *,
    tight: bool,
) -> dict[str, float]:
    """Compare a first training step; return how far loss, gradients and running statistics lie apart at most.

    Args:
        left: loss, gradients and running statistics of jaxseg.
        loss: of the twin.
        other: the twin after it, with its gradients.
        counts: numbers of entries that each BatchNorm of the twin saw, from ``counted``.
        variables: before the step.
        tight: whether both computed in float32.

    Raises:
        Mismatch: too far.
    """
    allowed, (truth, gradients, statistics) = STRICT if tight else LOOSE, left
    apart = {"loss": within("the loss", abs(loss - truth) / abs(truth), allowed["loss"])}
    wanted = {twin.torch_name(path): twin.as_torch(leaf).numpy() for path, leaf in twin.leaves(gradients)}
    found = {name: p.grad.float().cpu().numpy() for name, p in other.named_parameters()}
    share = SHARE["strict" if tight else "loose"]
    whole = share * np.sqrt(sum(np.square(leaf, dtype=float).sum() for leaf in wanted.values()))
    errors = {name: distance(found[name], leaf, whole) for name, leaf in wanted.items()}
    worst = max(errors, key=errors.__getitem__)
    apart["gradients"] = within(f"the gradient of {worst}", errors[worst], allowed["gradients"])
    errors, buffers = {}, dict(other.named_buffers())
    before = dict(twin.leaves(variables["batch_stats"]))
    for path, leaf in twin.leaves(statistics):
        name, old = twin.torch_name(path), twin.KEEP * np.asarray(before[path])
        step = buffers[name].cpu().numpy() - old
        if path[-1] == "var":  # PyTorch's running variance is that of a sample, jaxseg's that of the batch itself
            n = counts[".".join(path[:-1])]
            step = step * (n - 1) / n
        errors[name] = distance(old + step, np.asarray(leaf))
    worst = max(errors, key=errors.__getitem__)
    return apart | {"statistics": within(worst, errors[worst], allowed["statistics"])}


def distance(found: np.ndarray, truth: np.ndarray, floor: float = 0.0) -> float:
    """Return the norm of the difference over that of the truth, or over a floor where that is larger."""
    return float(np.linalg.norm(found - truth) / max(np.linalg.norm(truth), floor))


def within(what: str, apart: float, allowed: float) -> float:
    """Return how far apart two things are. Raises Mismatch where that is more than allowed, or no number."""
    if not apart <= allowed:
        raise Mismatch(f"{what}: PyTorch's twin is off jaxseg's by {apart:.1e}, more than {allowed:.0e}; no race")
    return apart


def on_device(images: np.ndarray, device: torch.device) -> torch.Tensor:
    """Return images [batch, height, width, 3] as the twin takes them: [batch, 3, height, width] in channels_last."""
    return torch.tensor(images, device=device).permute(0, 3, 1, 2)


@contextlib.contextmanager
def counted(network: twin.DenseUNet) -> Iterator[dict[str, int]]:
    """Give how many entries a channel has in each BatchNorm of a pass."""
    counts: dict[str, int] = {}

    def hook(name: str) -> Any:
        return lambda module, given: counts.update({name: given[0].numel() // given[0].shape[1]})

    norms = [(name, module) for name, module in network.named_modules() if isinstance(module, torch.nn.BatchNorm2d)]
    hooks = [module.register_forward_pre_hook(hook(name)) for name, module in norms]
    try:
        yield counts
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
