"""PyTorch's equal of DenseUNet: the same layers, numbers and names, written as a good user of PyTorch writes them.

Feature maps are NCHW in the memory format channels_last, attention reads them as rows of channels without a copy, and
BatchNorm is PyTorch's own. In bfloat16, training is ``torch.autocast`` over float32 parameters and an optimiser in
float32; inference keeps its kernels in bfloat16, so that none is converted at a call. Modules are named as the
parameters of jaxseg's network, so ``load`` copies by name. Neither JAX nor jaxseg is imported here: a process that
measures PyTorch holds nothing else.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

STRIDE = 32
SKIP_STRIDES = (2, 4, 8, 16)
MAP_WIDTH = 64  # hidden channels of point-wise attention
KEEP = 0.9  # weight of the old running statistics in the new ones; PyTorch's momentum is that of the batch's


class CBR(nn.Module):
    """Convolution without bias, BatchNorm, ReLU."""

    def __init__(self, inputs: int, features: int, taps: int):
        super().__init__()
        self.conv = nn.Conv2d(inputs, features, taps, padding=taps // 2, bias=False)
        self.norm = nn.BatchNorm2d(features, eps=1e-5, momentum=1 - KEEP)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.norm(self.conv(x)), inplace=True)


class DenseBlock(nn.Module):
    """Layers that each read all the channels before them and append ``growth`` of their own."""

    def __init__(self, inputs: int, layers: int, growth: int):
        super().__init__()
        self.layers = layers
        for layer in range(1, layers + 1):
            self.add_module(f"reduce{layer}", CBR(inputs, 4 * growth, 1))
            self.add_module(f"grow{layer}", CBR(4 * growth, growth, 3))
            inputs += growth
        self.outputs = inputs

    def forward(self, x: Tensor) -> Tensor:
        for layer in range(1, self.layers + 1):
            reduce, grow = self.get_submodule(f"reduce{layer}"), self.get_submodule(f"grow{layer}")
            x = torch.cat([x, grow(reduce(x))], 1)
        return x


class Stem(nn.Module):
    """Three 3x3 convolutions with ReLU; the first has stride 2 and pads at the bottom and right alone."""

    def __init__(self, features: int):
        super().__init__()
        self.conv1 = nn.Conv2d(3, features, 3, stride=2)
        self.conv2 = nn.Conv2d(features, features, 3, padding=1)
        self.conv3 = nn.Conv2d(features, features, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.conv1(F.pad(x, (0, 1, 0, 1))), inplace=True)
        return F.relu(self.conv3(F.relu(self.conv2(x), inplace=True)), inplace=True)


class MapNetwork(nn.Module):
    """The map of point-wise attention: 3x3 convolution, ReLU, 3x3 convolution, sigmoid."""

    def __init__(self, channels: int):
        super().__init__()
        self.hidden = nn.Conv2d(channels, MAP_WIDTH, 3, padding=1)
        self.map = nn.Conv2d(MAP_WIDTH, 1, 3, padding=1)

    def forward(self, x: Tensor, valid: Tensor | None) -> Tensor:
        h = masked(F.relu(self.hidden(masked(x, valid)), inplace=True), valid)
        return masked(torch.sigmoid(self.map(h)), valid)


class Projections(nn.Module):
    """The factors of self-attention: theta, phi and g, half as wide as the features."""

    def __init__(self, channels: int):
        super().__init__()
        inner = max(channels // 2, 1)
        self.theta, self.phi, self.g = (nn.Linear(channels, inner) for _ in range(3))


class Output(nn.Module):
    """W_z and BatchNorm."""

    def __init__(self, channels: int):
        super().__init__()
        self.w_z = nn.Linear(max(channels // 2, 1), channels)
        self.norm = nn.BatchNorm2d(channels, eps=1e-5, momentum=1 - KEEP)


class Pointwise(nn.Module):
    """Point-wise attention, y = w(x) x."""

    def __init__(self, channels: int, reassociated: bool):
        super().__init__()
        self.factors = MapNetwork(channels)

    def forward(self, x: Tensor, valid: Tensor | None) -> Tensor:
        return self.factors(x, valid) * x


class SelfAttention(nn.Module):
    """Self-attention, S(x)_i = BN(W_z sum_j theta_i . phi_j / N g_j), to which ``sa`` adds x.

    ``reassociated`` computes theta (phi^T g) / N, as jaxseg does; else all N x N weights are made.
    """

    def __init__(self, channels: int, reassociated: bool):
        super().__init__()
        self.factors, self.output, self.reassociated = Projections(channels), Output(channels), reassociated

    def branch(self, x: Tensor, valid: Tensor | None) -> Tensor:
        batch, channels, height, width = x.shape
        rows = x.permute(0, 2, 3, 1).reshape(batch, -1, channels)
        theta, phi, g = self.factors.theta(rows), self.factors.phi(rows), self.factors.g(rows)
        keys = height * width
        if valid is not None:
            phi, keys = phi * valid.reshape(1, -1, 1).to(phi.dtype), valid.sum()
        weights = None if self.reassociated else theta @ phi.transpose(1, 2) / keys
        y = theta @ (phi.transpose(1, 2) @ g / keys) if weights is None else weights @ g
        y = self.output.w_z(y).reshape(batch, height, width, channels).permute(0, 3, 1, 2)
        return self.output.norm(y)

    def forward(self, x: Tensor, valid: Tensor | None) -> Tensor:
        return self.branch(x, valid) + x


class Joint(nn.Module):
    """Joint attention JA-9, u = w(x) x + x, y = S(u) + u."""

    def __init__(self, channels: int, reassociated: bool):
        super().__init__()
        self.point_wise = Pointwise(channels, reassociated)
        self.self_attention = SelfAttention(channels, reassociated)

    def forward(self, x: Tensor, valid: Tensor | None) -> Tensor:
        return self.self_attention(self.point_wise(x, valid) + x, valid)


ATTENTION: dict[str, Callable[[int, bool], nn.Module] | None] = {
    "none": None,
    "pwa": Pointwise,
    "sa": SelfAttention,
    "ja9": Joint,
}


class Head(nn.Module):
    """Logits by a 1x1 convolution in float32, whatever the features are."""

    def __init__(self, features: int, num_classes: int):
        super().__init__()
        self.conv = nn.Conv2d(features, num_classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            return self.conv(x.float())


class DenseUNet(nn.Module):
    """The twin: images [batch, 3, height, width] -> logits [batch, classes, height, width], float32.

    Args:
        widths: stem, growth, layers of the four blocks, head; an entry of ``jaxseg.models.denseunet.SIZES``.
        attention: a key of ``ATTENTION``.
        num_classes: channels of the logits.
        reassociated: see ``SelfAttention``.
    """

    def __init__(self, widths: Sequence[Any], attention: str, *, num_classes: int = 2, reassociated: bool = True):
        super().__init__()
        stem, growth, layers, head = widths
        self.stem = Stem(stem)
        skips, channels = [stem], stem
        for block in range(1, 4):
            dense = DenseBlock(channels, layers[block - 1], growth)
            self.add_module(f"block{block}", dense)
            skips.append(dense.outputs)
            channels = dense.outputs // 2
            self.add_module(f"transition{block}", CBR(dense.outputs, channels, 1))
        self.block4 = DenseBlock(channels, layers[3], growth)
        self.bottom = CBR(self.block4.outputs, skips[3], 1)
        c0, c1, c2, c3 = skips
        decoder = (c3, c2, c1, c0, c0, head)
        for stage in range(1, 6):
            self.add_module(f"up{stage}", CBR(decoder[stage - 1], decoder[stage], 3))
        make = ATTENTION[attention]
        self.levels = range(4) if make else ()
        for level in self.levels:
            self.add_module(f"attention{level}", make(skips[level], reassociated))
        self.head = Head(head, num_classes)
        self.to(memory_format=torch.channels_last)

    def forward(self, images: Tensor) -> Tensor:
        height, width = images.shape[2:]
        x, valid = images, [None] * 4
        if height % STRIDE or width % STRIDE:
            x = F.pad(images, (0, -width % STRIDE, 0, -height % STRIDE))
            valid = [real_cells(height, width, x.shape[2:], stride, x.device) for stride in SKIP_STRIDES]
        x = self.stem(x)
        skips = [x]
        # All sides are even here, and ceil_mode pads at the bottom and right alone, as TensorFlow's SAME does.
        x = F.max_pool2d(x, 3, 2, ceil_mode=True)
        for block in range(1, 4):
            x = self.get_submodule(f"block{block}")(x)
            skips.append(x)
            x = self.get_submodule(f"transition{block}")(x)
            x = F.avg_pool2d(x, 3, 2, ceil_mode=True, count_include_pad=False)
        x = self.bottom(self.block4(x))
        for stage, level in enumerate((3, 2, 1, 0, None), start=1):
            x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)
            if level is not None:
                skip = skips[level]
                x = x + (self.get_submodule(f"attention{level}")(skip, valid[level]) if self.levels else skip)
            x = self.get_submodule(f"up{stage}")(x)
        return self.head(x)[:, :, :height, :width]


def masked(x: Tensor, valid: Tensor | None) -> Tensor:
    """Return ``x``, zero in the padding."""
    return x if valid is None else x * valid.to(x.dtype)


def real_cells(height: int, width: int, frame: Sequence[int], stride: int, device: torch.device) -> Tensor:
    """Return 1 for the cells of a grid at ``stride`` that cover a real pixel, else 0: [1, 1, rows, columns]."""
    rows = torch.arange(frame[0] // stride, device=device) < -(-height // stride)
    columns = torch.arange(frame[1] // stride, device=device) < -(-width // stride)
    return (rows[:, None] & columns)[None, None]


def load(twin: DenseUNet, variables: Mapping[str, Any]) -> DenseUNet:
    """Copy parameters and running statistics of jaxseg's network, trees of arrays by name, into its twin; return it.

    Raises:
        ValueError: a name or a shape that one of the two does not have.
    """
    found = {}
    for collection in ("params", "batch_stats"):
        for path, leaf in leaves(variables.get(collection, {})):
            found[torch_name(path)] = as_torch(np.asarray(leaf))
    wanted = {name: tensor for name, tensor in twin.state_dict().items() if not name.endswith("num_batches_tracked")}
    for name in sorted(found.keys() | wanted.keys()):
        here, there = (tuple(tree[name].shape) if name in tree else "absent" for tree in (wanted, found))
        if here != there:
            raise ValueError(f"{name} is {here} in the twin and {there} in the variables: these are other networks")
    twin.load_state_dict(found, strict=False)
    return twin


def torch_name(path: tuple[str, ...]) -> str:
    """Return PyTorch's name of a leaf of jaxseg's variables."""
    last = {"kernel": "weight", "scale": "weight", "mean": "running_mean", "var": "running_var"}
    return ".".join([*path[:-1], last.get(path[-1], path[-1])])


def as_torch(leaf: np.ndarray) -> Tensor:
    """Return a leaf with its axes in PyTorch's order; kernels are [rows, columns, inputs, features] or [inputs, _]."""
    order = {4: (3, 2, 0, 1), 2: (1, 0)}.get(leaf.ndim, range(leaf.ndim))
    return torch.tensor(np.ascontiguousarray(leaf.transpose(*order)))


def leaves(tree: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield (names from the outside in, leaf) of a tree of mappings."""
    for name, entry in tree.items():
        yield from leaves(entry, (*path, name)) if isinstance(entry, Mapping) else [((*path, name), entry)]


class Training:
    """The twin's training step: uint8 images on the device are taken, normalised and learnt by Adam.

    Args:
        twin: the network, on its device.
        images: uint8 [records, height, width, 3].
        labels: [records, height, width].
        dtype: "float32" or "bfloat16".
        adam: ``learning_rate``, ``beta1``, ``beta2``, ``eps`` and ``weight_decay``, which acts on kernels alone.
        mean: per colour, in grey levels.
        std: likewise.
        indices: which records a step takes, by the step's number.
        compiled: whether ``torch.compile`` makes the forward and backward pass.
    """

    def __init__(
        self,
        twin: DenseUNet,
        images: np.ndarray,
        labels: np.ndarray,
        *,
        dtype: str,
        adam: Mapping[str, float],
        mean: Sequence[float],
        std: Sequence[float],
        indices: Callable[[int], np.ndarray],
        compiled: bool = False,
    ):
        self.twin, self.device, self.dtype = twin.train(), next(twin.parameters()).device, dtype
        self.indices, self.done = indices, 0
        # A view of rows of pixels: channels_last without a copy.
        self.images = torch.tensor(images, device=self.device).permute(0, 3, 1, 2)
        self.labels = torch.tensor(labels, device=self.device, dtype=torch.long)
        self.mean, self.std = (torch.tensor(v, device=self.device).reshape(1, 3, 1, 1) for v in (mean, std))
        kernels = [p for p in twin.parameters() if p.ndim > 1]
        others = [p for p in twin.parameters() if p.ndim <= 1]
        self.optimizer = torch.optim.AdamW(
            [{"params": kernels, "weight_decay": adam["weight_decay"]}, {"params": others, "weight_decay": 0.0}],
            lr=adam["learning_rate"],
            betas=(adam["beta1"], adam["beta2"]),
            eps=adam["eps"],
            fused=True,
        )
        self.loss = torch.compile(self._loss) if compiled else self._loss

    def _loss(self, images: Tensor, labels: Tensor) -> Tensor:
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.dtype == "bfloat16"):
            logits = self.twin((images - self.mean) / self.std)
        return F.cross_entropy(logits, labels)

    def run(self, steps: int) -> None:
        """Take so many steps, and wait for the last; its loss and gradients stay."""
        for _ in range(steps):
            chosen = torch.tensor(self.indices(self.done), dtype=torch.long).to(self.device, non_blocking=True)
            self.optimizer.zero_grad(set_to_none=True)
            self.figure = self.loss(self.images[chosen], self.labels[chosen])
            self.figure.backward()
            self.optimizer.step()
            self.done += 1
        wait(self.device)


class Inference:
    """The twin's probabilities of the foreground, of normalised images on its device.

    Args:
        twin: the network, on its device; it is kept, and its kernels change their type.
        images: float32 [batch, height, width, 3].
        dtype: "float32" or "bfloat16".
        compiled: whether ``torch.compile`` makes the pass.
    """

    def __init__(self, twin: DenseUNet, images: np.ndarray, *, dtype: str, compiled: bool = False):
        self.twin, self.device, self.dtype = twin.eval(), next(twin.parameters()).device, getattr(torch, dtype)
        self.images = torch.tensor(images, device=self.device).permute(0, 3, 1, 2)
        for module in twin.modules():
            if isinstance(module, nn.Conv2d | nn.Linear) and module is not twin.head.conv:
                module.to(self.dtype)
        self.forward = torch.compile(self._forward) if compiled else self._forward

    def _forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        logits = self.twin(images.to(self.dtype))
        return logits, torch.softmax(logits, 1)[:, 1]

    def run(self, steps: int) -> None:
        """Predict so many times, and wait for the last."""
        with torch.inference_mode():
            for _ in range(steps):
                self.found = self.forward(self.images)
        wait(self.device)

    def logits(self) -> np.ndarray:
        """Return the logits, float32 [batch, height, width, classes]."""
        return self.found[0].permute(0, 2, 3, 1).cpu().numpy()

    def probabilities(self) -> np.ndarray:
        """Return the probabilities of the last run, float32 [batch, height, width]."""
        return self.found[1].float().cpu().numpy()


def wait(device: torch.device) -> None:
    """Wait for all that was sent to a device."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def prepare(device: str) -> torch.device:
    """Return the device "cpu" or "cuda", with the settings that a good user makes: all cores, or tuned kernels."""
    if device == "cpu":
        torch.set_num_threads(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count())
        return torch.device("cpu")
    torch.backends.cudnn.benchmark = True
    torch.set_float32_matmul_precision("high")  # TensorFloat-32, as XLA's default is
    return torch.device("cuda")
