"""Attention alone: Eq. 1 over a whole grid by jaxseg's lowering, against PyTorch's naive form and its fused kernel.

Two forms: "dot", y = sum_j (q_i . k_j / N) v_j, the paper's choice, and "softmax", y = sum_j softmax_j(q_i . k_j) v_j.
PyTorch computes both with all N x N weights, the first re-associated as well, q (k^T v) / N, and the second by
``scaled_dot_product_attention``. Each is timed forward, and with the gradients by q, k and v.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import equality
import jax
import numpy as np
import race
import torch
import torch.nn.functional as F
import twin
from torch import Tensor

from jaxseg import attention
from jaxseg.attention import norms, scores, supports

LARGEST = 2**31  # bytes of N x N weights that the naive form may make
Function = Callable[..., Tensor]  # of q, k and v, [1, N, c] each

NORMS = {"dot": norms.mean, "softmax": norms.softmax}
TORCH: dict[str, dict[str, Function]] = {
    "dot": {
        "torch_naive": lambda q, k, v: (q @ k.transpose(1, 2) / k.shape[1]) @ v,
        "torch_reassociated": lambda q, k, v: q @ (k.transpose(1, 2) @ v / k.shape[1]),
    },
    "softmax": {
        "torch_naive": lambda q, k, v: torch.softmax(q @ k.transpose(1, 2), -1) @ v,
        "torch_fused": lambda q, k, v: F.scaled_dot_product_attention(q[:, None], k[:, None], v[:, None], scale=1.0)[
            :, 0
        ],
    },
}


def measure(
    *,
    grids: tuple[int, ...] = (32, 64, 128),
    width: int = 32,
    dtype: str = "float32",
    turns: int = 5,
    seconds: float = 0.5,
    device: str = "auto",
) -> dict[str, Any]:
    """Race one image of one head on square grids; return a row for each form, grid and pass.

    Args:
        grids: sides; N is the square of one.
        width: channels of q, k and v.
        dtype: of all three.
        turns: of each contender.
        seconds: that a turn lasts, about.
        device: "cpu", "gpu", or "auto".

    Raises:
        ValueError: a device that does not exist.
        equality.Mismatch: two contenders find different results or gradients.
    """
    _, place = race.placed(device, race.single)
    rows, rounded = [], equality.computed(dtype, place) == "rounded"
    for form in TORCH:
        for side in grids:
            given = numbers(side, width)
            for gradients in (False, True):
                name = {"form": form, "grid": side, "gradients": gradients}
                contenders = {"jaxseg": Ours(form, side, given, dtype, gradients)}
                contenders["jaxseg"].run(1)
                for kind, function in TORCH[form].items():
                    if kind == "torch_naive" and side**4 * (4 if dtype == "float32" else 2) > LARGEST:
                        continue
                    contenders[kind] = other = Theirs(function, given, dtype, gradients, place)
                    other.run(1)
                    compare(f"{kind} of {name}", other.results(), contenders["jaxseg"].results(), rounded)
                runs = {kind: contender.run for kind, contender in contenders.items()}
                rows.append(name | race.ratios(race.in_turns(runs, turns=turns, seconds=seconds)))
                print(rows[-1], flush=True)
    head = {"race": "attention", "width": width, "dtype": dtype, "turns": turns}
    return head | {"rows": rows} | race.where(place)


def numbers(side: int, width: int) -> list[np.ndarray]:
    """Return q, k, v and a cotangent, [1, N, width]."""
    rng = np.random.default_rng(0)
    q, k, v, cotangent = (rng.normal(size=(1, side * side, width)).astype(np.float32) for _ in range(4))
    return [q * np.float32(width**-0.5), k, v, cotangent]


class Ours:
    """jaxseg's lowering."""

    def __init__(self, form: str, side: int, given: list[np.ndarray], dtype: str, gradients: bool):
        grid = supports.Everywhere((side, side), (side, side))

        def eq1(q: jax.Array, k: jax.Array, v: jax.Array) -> jax.Array:
            q, k, v = (a[:, :, None] for a in (q, k, v))  # one head
            made = attention.Form(grid, scores.Dot(q, k), NORMS[form], v)
            return attention.aggregate(made).reshape(1, side * side, -1)

        def both(q: jax.Array, k: jax.Array, v: jax.Array, cotangent: jax.Array) -> tuple[jax.Array, ...]:
            y, pull = jax.vjp(eq1, q, k, v)
            return y, *pull(cotangent)

        self.given = [jax.device_put(a.astype(jax.numpy.dtype(dtype))) for a in given]
        self.program = jax.jit(both if gradients else lambda q, k, v, _: (eq1(q, k, v),))

    def run(self, steps: int) -> None:
        """Compute so many times, and wait for the last."""
        for _ in range(steps):
            self.found = self.program(*self.given)
        jax.block_until_ready(self.found)

    def results(self) -> list[np.ndarray]:
        return [np.asarray(a, np.float32) for a in self.found]


class Theirs:
    """A function of PyTorch."""

    def __init__(self, function: Function, given: list[np.ndarray], dtype: str, gradients: bool, device: torch.device):
        *factors, self.cotangent = (torch.tensor(a, device=device, dtype=getattr(torch, dtype)) for a in given)
        self.function, self.device, self.gradients = function, device, gradients
        self.factors = [a.requires_grad_(gradients) for a in factors]

    def run(self, steps: int) -> None:
        """Compute so many times, and wait for the last."""
        with torch.inference_mode(not self.gradients):
            for _ in range(steps):
                y = self.function(*self.factors)
                self.found = [y, *(torch.autograd.grad(y, self.factors, self.cotangent) if self.gradients else ())]
        twin.wait(self.device)

    def results(self) -> list[np.ndarray]:
        return [a.detach().float().cpu().numpy() for a in self.found]


def compare(what: str, found: list[np.ndarray], truth: list[np.ndarray], rounded: bool) -> None:
    """Raise equality.Mismatch where results or gradients are further apart than rounding makes them."""
    for name, a, b in zip(("the result", "the gradient by q", "by k", "by v"), found, truth, strict=False):
        equality.within(f"{what}: {name}", equality.distance(a, b), 3e-2 if rounded else 1e-4)
