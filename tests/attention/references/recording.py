"""What the scripts of all references share: load one by its path, draw its weights, store what it computes."""

import sys
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import torch

MANY = 400  # arrays: each costs some 300 bytes by itself


def load(path: Path, edit: Callable[[str], str] = str, **stubs: SimpleNamespace | ModuleType) -> ModuleType:
    """Run one file of a clone as a module.

    Args:
        path: the file.
        edit: what its text becomes before it runs.
        stubs: stand for modules that it imports, dots written as double underscores.
    """
    for name, stub in stubs.items():
        sys.modules[name.replace("__", ".")] = stub
    module = ModuleType(path.stem)
    exec(compile(edit(path.read_text()), path, "exec"), module.__dict__)
    return module


def drawn(module: torch.nn.Module) -> torch.nn.Module:
    """Return the module in float64 with every weight a random float32, gains and running statistics too."""
    module.float().eval()
    with torch.no_grad():
        for name, weight in module.state_dict().items():
            if weight.is_floating_point():
                weight.normal_(std=max(weight[0].numel(), 1) ** -0.5)
                if name.endswith("running_var"):
                    weight.abs_().add_(0.5)
    return module.double()


def alive(module: torch.nn.Module) -> torch.nn.Module:
    """Return the module with random weights, near to what it has in training: else whole levels of 2 channels are 0."""
    for name, weight in drawn(module).state_dict().items():
        if name.endswith(("bias", "running_mean")):
            weight.mul_(0.25)
        elif name.endswith("weight") and weight.ndim == 1:
            weight.abs_().add_(0.5)
    return module


def passes(module: torch.nn.Module, x: torch.Tensor, every: int = 1) -> dict[str, torch.Tensor]:
    """Return what the module makes of ``x`` in evaluation and in training, and the gradients that reach ``x``.

    They are those of the sum of the result times ``pull``, of its first channels where evaluation has fewer. Several
    results are taken side by side, along channels. Of each, one row and one column in ``every`` are kept.
    """
    found: dict[str, torch.Tensor] = {}
    for mode in ("train", "eval"):
        leaf = x.clone().requires_grad_()
        y = deepcopy(module).train(mode == "train")(leaf)
        y = y if isinstance(y, torch.Tensor) else torch.cat(y, 1)
        pull = found.setdefault("pull", torch.randn(*y.shape).double())
        (y * pull[:, : y.shape[1]]).sum().backward()
        found |= {mode: y[..., ::every, ::every], f"{mode} gradient": leaf.grad[..., ::every, ::every]}
    return {"x": x, **found}


def record(name: str, module: torch.nn.Module, **arrays: torch.Tensor) -> None:
    """Store the arrays, and the weights by their names in the reference, in ``name``.npz beside the script."""
    stored = {key: weight for key, weight in module.state_dict().items() if weight.is_floating_point()} | arrays
    narrow = {key: _narrow(array.detach().numpy()) for key, array in stored.items()}
    if len(narrow) > MANY:
        narrow = _packed(narrow)
    path = Path(sys.argv[0]).with_name(f"{name}.npz")
    np.savez_compressed(path, **narrow)
    print(f"{path.name}: {path.stat().st_size / 1024:.1f} KiB")


def _narrow(array: np.ndarray) -> np.ndarray:
    """Return inputs and weights in the float32 that they were drawn in, outputs as they are."""
    narrow = array.astype(np.float32) if array.dtype == np.float64 else array
    return narrow if np.array_equal(narrow, array) else array


def _packed(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the float32 arrays as a single one, and in "layout" the name and sides of each in turn."""
    single = {key: array for key, array in arrays.items() if array.dtype == np.float32}
    layout = np.array([" ".join([key, *map(str, array.shape)]) for key, array in single.items()])
    rest = {key: array for key, array in arrays.items() if key not in single}
    return {"layout": layout, "packed": np.concatenate([array.ravel() for array in single.values()]), **rest}
