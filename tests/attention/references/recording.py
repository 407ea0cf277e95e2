"""What the scripts beside it share: load a reference by its path, draw its weights, store what it computes."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import torch


def load(path: Path, **stubs: SimpleNamespace) -> ModuleType:
    """Import one file of a clone; ``stubs`` stand for modules that it imports (dots written as double underscores)."""
    for name, stub in stubs.items():
        sys.modules[name.replace("__", ".")] = stub
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
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


def record(name: str, module: torch.nn.Module, **arrays: torch.Tensor) -> None:
    """Store the arrays, and the weights by their names in the reference, in ``name``.npz beside this file."""
    stored = {key: weight for key, weight in module.state_dict().items() if weight.is_floating_point()} | arrays
    path = Path(__file__).with_name(f"{name}.npz")
    np.savez_compressed(path, **{key: _narrow(array.detach().numpy()) for key, array in stored.items()})
    print(f"{path.name}: {path.stat().st_size / 1024:.1f} KiB")


def _narrow(array: np.ndarray) -> np.ndarray:
    """Return inputs and weights in the float32 that they were drawn in, outputs as they are."""
    narrow = array.astype(np.float32) if array.dtype == np.float64 else array
    return narrow if np.array_equal(narrow, array) else array
