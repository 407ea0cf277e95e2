"""How near a network comes to what the machine can do: its own rates, the floor that follows, what is measured.

The rates are the best that JAX or PyTorch reach: products of large matrices, and a copy of an array that no cache
holds. The floor of a program is its counted operations over the first plus its counted bytes over the second, as if
neither hid behind the other. The counts are those of ``jaxseg.counting``: element-wise operations fused, no cache.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import bench_cases
import flax.linen as nn
import jax
import jax.numpy as jnp
import machine
import numpy as np
import optax
import ours
import race
import torch
import twin
from bench_cases import Case

from jaxseg import counting, models, optimizer
from jaxseg.training import devices as on

SIDES = {"cpu": 2048, "gpu": 8192}  # of the matrices
COPIED = {"cpu": 2**27, "gpu": 2**31}  # bytes of the array that is copied
TRIES = 5


class Rates(NamedTuple):
    """What a machine does in a second."""

    operations: float  # of a product of matrices, two a multiply-add
    bytes: float  # read and written by a copy

    def floor(self, count: counting.Count) -> float:
        """Return the milliseconds below which a program does not run."""
        return 1000 * (count.flops / self.operations + count.moved / self.bytes)


class Layer(NamedTuple):
    """An outermost module of the network, and what it was called with."""

    name: str
    module: nn.Module
    arguments: tuple
    options: dict[str, Any]


def measure(
    case: str,
    *,
    dtype: str = "float32",
    batch: int = 4,
    turns: int = 5,
    seconds: float = 0.5,
    device: str = "auto",
) -> dict[str, Any]:
    """Return rates, and floor, median milliseconds and their ratio of a training step, of inference, and of each layer.

    Args:
        case: as in ``bench_cases.parse``.
        dtype: of the features.
        batch: images at once.
        turns: of each measurement.
        seconds: that a turn lasts, about.
        device: "cpu", "gpu", or "auto".

    Raises:
        ValueError: a case or a device that does not exist.
    """
    parsed = bench_cases.parse(case)
    devices, place = race.placed(device, lambda: on.set_up(batch, 0))
    measured = {name: rates(name, place) for name in dict.fromkeys(("float32", dtype))}
    best, variables = measured[dtype], ours.variables(parsed)

    def row(name: str, count: counting.Count, run: Callable[[int], None]) -> dict[str, Any]:
        run(1)
        found = float(np.median(race.in_turns({"": run}, turns=turns, seconds=seconds)[""]))
        floor = best.floor(count)
        told = {"name": name, "floor_ms": round(floor, 3), "ms": round(found, 3), "ratio": round(found / floor, 2)}
        print(told, flush=True)
        return told | {"gflop": round(count.flops / 1e9, 3), "mib": round(count.moved / 2**20, 1)}

    with machine.watched() as others:
        training = ours.Training(parsed, dtype=dtype, batch=batch, devices=devices, variables=variables)
        rows = [row("training step", counting.count(*step(parsed, dtype, batch, variables)), training.run)]
        del training
        images = ours.normalised(parsed, batch)
        inference = ours.Inference(parsed, images, dtype=dtype, variables=variables)
        rows.append(row("inference", counting.count(inference.forward, variables, images), inference.run))
        rows += [row(layer.name, *alone(layer, variables)) for layer in layers(parsed, dtype, variables, images)]
    told = {f"{name}_gflops": round(rate.operations / 1e9, 1) for name, rate in measured.items()}
    head = {"race": "roofline", "case": str(parsed), "dtype": dtype, "batch": batch, "turns": turns}
    return head | told | {"copy_gbs": round(best.bytes / 1e9, 2), "rows": rows} | others | race.where(place)


def rates(dtype: str, device: torch.device) -> Rates:
    """Return the machine's rates for products in ``dtype``, the best of JAX's and PyTorch's."""
    kind = "cpu" if device.type == "cpu" else "gpu"
    side, length = SIDES[kind], COPIED[kind] // 4
    matrix, line = torch.randn(side, side, device=device).to(getattr(torch, dtype)), torch.randn(length, device=device)
    other = torch.empty_like(line)
    product, shifted = jax.jit(jnp.matmul), jax.jit(lambda a: a + 1)
    key = jax.random.key(0)
    mine = jax.random.normal(key, (side, side)).astype(dtype)
    longer = jnp.ones(length)

    def waits(step: Callable[[], Any]) -> Callable[[int], None]:
        def run(steps: int) -> None:
            for _ in range(steps):
                jax.block_until_ready(step())
            twin.wait(device)

        return run

    products = fastest(waits(lambda: matrix @ matrix), waits(lambda: product(mine, mine)))
    copies = fastest(waits(lambda: other.copy_(line)), waits(lambda: shifted(longer)))
    return Rates(2 * side**3 / products, 8 * length / copies)


def fastest(*contenders: Callable[[int], None]) -> float:
    """Return the least seconds that any of them takes for one step."""
    for run in contenders:
        run(2)
    return min(race.timed(run, 3) / 3 for run in contenders for _ in range(TRIES))


def step(case: Case, dtype: str, batch: int, variables: Mapping[str, Any]) -> tuple:
    """Return a training step as one device takes it, for counting, and its arguments."""
    model = ours.network(case, dtype)
    _, transform = optimizer.build(**ours.adam(), updates=ours.MOST_STEPS, accumulate=1)

    def run(params: Any, stats: Any, state: Any, images: Any, labels: Any) -> Any:
        def loss(params: Any) -> tuple[Any, Any]:
            given = {"params": params, "batch_stats": stats}
            logits, _, new = models.training_pass(model, given, images, None, jax.random.key(0))
            return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean(), new

        gradients, new = jax.grad(loss, has_aux=True)(params)
        updates, state = transform.update(gradients, state, params)
        return optax.apply_updates(params, updates), state, new

    params = variables["params"]
    labels = jnp.zeros((batch, case.height, case.width), int)
    return run, params, variables["batch_stats"], transform.init(params), ours.normalised(case, batch), labels


def layers(case: Case, dtype: str, variables: Mapping[str, Any], images: np.ndarray) -> list[Layer]:
    """Return the outermost modules in the order of their calls, with the shapes that inference calls them with."""
    found: list[Layer] = []

    def note(method: Callable, arguments: tuple, options: Mapping, context: nn.module.InterceptorContext) -> Any:
        if len(context.module.path) == 1 and context.method_name == "__call__":
            shapes = jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype), arguments)
            others = {name: value for name, value in options.items() if name == "train"}
            found.append(Layer(context.module.path[0], context.module.clone(parent=None), shapes, others))
        return method(*arguments, **options)

    with nn.intercept_methods(note):
        jax.eval_shape(lambda x: ours.network(case, dtype).apply(variables, x, train=False), images)
    return found


def alone(layer: Layer, variables: Mapping[str, Any]) -> tuple[counting.Count, Callable[[int], None]]:
    """Return what a layer costs, forward, and what runs it on random features."""
    own = {kind: tree[layer.name] for kind, tree in variables.items() if layer.name in tree}
    rng = np.random.default_rng(0)
    given = jax.tree.map(lambda a: jnp.asarray(rng.normal(size=a.shape), a.dtype), layer.arguments)

    def forward(own: Any, *given: Any) -> Any:
        return layer.module.apply(own, *given, **layer.options)

    program, own = jax.jit(forward), jax.device_put(own)

    def run(steps: int) -> None:
        for _ in range(steps):
            found = program(own, *given)
        jax.block_until_ready(found)

    return counting.count(forward, own, *given), run
