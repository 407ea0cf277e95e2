"""How fast the layers are on a CPU against XLA's own: forward, and forward with gradients, in milliseconds.

    python benchmarks/layers.py [--size small] [--attention ja9] [--side 128] [--batch 4] [--no-layers]

Contenders take turns, and the median of the turns is shown, so a neighbour on the machine slows all of them alike.
The last rows are whole training steps (network, loss, gradients) with XLA's layers on one host device, and with ours on
one and on two, the batch shared and BatchNorm synchronised. Two cores of a busy Xeon with AMX, jax 0.10.2: 1.45 times
as fast as XLA's layers at 128^2, 1.58 times at 192^2, on one device; two devices gained nothing beside other work.
"""

import argparse
import contextlib
import time
from collections.abc import Callable, Iterator

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from jaxseg import layers, models
from jaxseg.layers import convolution
from jaxseg.models import denseunet

TURNS = 9
# batch x side x side x inputs -> features, taps: the convolutions of DenseUNet small with JA-9 at 128 x 128.
CONVOLUTIONS = [
    (128, 32, 64, 3),
    (64, 32, 32, 3),
    (32, 80, 32, 3),
    (16, 104, 80, 3),
    (8, 148, 104, 3),
    (32, 64, 16, 3),
    (16, 64, 16, 3),
    (64, 64, 1, 3),
    (128, 64, 2, 1),
    (32, 80, 64, 1),
    (16, 104, 64, 1),
]


def plain_conv(x, kernel, *, strides=1, dilation=1):
    return jax.lax.conv_general_dilated(
        x,
        kernel,
        (strides, strides),
        "SAME",
        rhs_dilation=(dilation, dilation),
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )


def plain_max_pool(x):
    return nn.max_pool(x, (3, 3), (2, 2), "SAME")


def plain_avg_pool(x):
    return nn.avg_pool(x, (3, 3), (2, 2), "SAME", count_include_pad=False)


def plain_upsample2(x):
    for axis in (1, 2):
        side = x.shape[axis]
        place = np.arange(2 * side) * (side - 1) / (2 * side - 1)
        matrix = np.maximum(0, 1 - np.abs(place[:, None] - np.arange(side))).astype(np.float32)
        x = jnp.moveaxis(jnp.tensordot(matrix, x, (1, axis)), 0, axis)
    return x


@contextlib.contextmanager
def xla_layers() -> Iterator[None]:
    """Build the networks from XLA's own layers."""
    ours = (convolution.conv, denseunet.max_pool, denseunet.avg_pool, denseunet.upsample2)
    convolution.conv, denseunet.max_pool = plain_conv, plain_max_pool
    denseunet.avg_pool, denseunet.upsample2 = plain_avg_pool, plain_upsample2
    try:
        yield
    finally:
        convolution.conv, denseunet.max_pool, denseunet.avg_pool, denseunet.upsample2 = ours


def race(contenders: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Return each contender's median in milliseconds."""
    times = {name: [] for name in contenders}
    for turn in range(TURNS + 1):
        for name, run in contenders.items():
            began = time.perf_counter()
            jax.block_until_ready(run())
            if turn:  # the first turn touches new memory
                times[name].append(1000 * (time.perf_counter() - began))
    return {name: float(np.median(t)) for name, t in times.items()}


def compiled(function, *arguments):
    program = jax.jit(function).lower(*arguments).compile()
    return lambda: program(*arguments)


def with_gradients(function, *arguments):
    shape = jax.eval_shape(function, *arguments)
    weight = jnp.asarray(np.random.default_rng(0).normal(size=shape.shape), shape.dtype)

    def run(weight, *arguments):
        y, pull = jax.vjp(function, *arguments)
        return y, pull(weight)

    return compiled(run, weight, *arguments)


def compare(name: str, plain, ours, *arguments) -> None:
    row = f"{name:34s}"
    for build in (compiled, with_gradients):
        times = race({"plain": build(plain, *arguments), "ours": build(ours, *arguments)})
        row += f" {times['plain']:9.2f} {times['ours']:9.2f} {times['plain'] / times['ours']:7.2f}"
    print(row, flush=True)


def single_layers(batch: int) -> None:
    rng = np.random.default_rng(0)
    print(f"{'':34s} {'forward':>27s} {'with gradients':>27s}")
    print(f"{'':34s}" + f" {'XLA':>9s} {'ours':>9s} {'ratio':>7s}" * 2)
    for side, inputs, features, taps in CONVOLUTIONS:
        x = jnp.asarray(rng.normal(size=(batch, side, side, inputs)), jnp.float32)
        kernel = jnp.asarray(rng.normal(size=(taps, taps, inputs, features)), jnp.float32)
        compare(f"conv {taps}x{taps} {side}x{side} {inputs:>3d} -> {features}", plain_conv, layers.conv, x, kernel)
    x = jnp.asarray(rng.normal(size=(batch, 64, 64, 32)), jnp.float32)
    compare("max_pool 64x64x32", plain_max_pool, layers.max_pool, x)
    compare("avg_pool 64x64x32", plain_avg_pool, layers.avg_pool, x)
    compare("upsample2 64x64x32", plain_upsample2, layers.upsample2, x)


def training_step(size: str, attention: str, side: int, batch: int, devices: int) -> Callable[[], object]:
    """Return a pass of loss and gradients, the batch shared by so many devices."""
    model = models.build("denseunet", size=size, attention=attention, axis_name="devices")
    rng = np.random.default_rng(0)
    images = rng.normal(size=(devices, batch // devices, side, side, 3)).astype(np.float32)
    labels = rng.integers(0, 2, size=(devices, batch // devices, side, side))
    variables = jax.eval_shape(lambda: model.init(jax.random.key(0), images[0], train=False))
    variables = jax.tree.map(lambda leaf: rng.uniform(0.01, 0.1, (devices, *leaf.shape)).astype(leaf.dtype), variables)

    def step(variables, images, labels):
        def loss(params):
            variables_now = variables | {"params": params}
            logits, new = model.apply(variables_now, images, train=True, mutable=["batch_stats"])
            return -jnp.take_along_axis(jax.nn.log_softmax(logits), labels[..., None], -1).mean(), new

        (value, new), gradients = jax.value_and_grad(loss, has_aux=True)(variables["params"])
        return jax.lax.pmean((value, gradients), "devices"), new

    mapped = jax.pmap(step, axis_name="devices", devices=jax.devices()[:devices])
    placed = jax.block_until_ready(mapped(variables, images, labels))  # compiles
    del placed
    return lambda: mapped(variables, images, labels)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", default="small")
    parser.add_argument("--attention", default="ja9")
    parser.add_argument("--side", type=int, default=128)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--no-layers", action="store_true", help="time whole training steps only")
    options = parser.parse_args()
    jax.config.update("jax_num_cpu_devices", 2)

    if not options.no_layers:
        single_layers(options.batch)
    arguments = (options.size, options.attention, options.side, options.batch)
    with xla_layers():
        contenders = {"XLA's layers, 1 device": training_step(*arguments, 1)}
    contenders |= {f"ours, {n} device{'s' * (n > 1)}": training_step(*arguments, n) for n in (1, 2)}
    times = race(contenders)
    print(f"\ntraining step: denseunet {options.size}, {options.attention}, {options.batch} x {options.side}^2")
    for name, milliseconds in times.items():
        ratio = times["XLA's layers, 1 device"] / milliseconds
        print(f"{name:34s} {milliseconds:9.0f} ms   ratio {ratio:5.2f}", flush=True)


if __name__ == "__main__":
    main()
