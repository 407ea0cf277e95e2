"""What the input pipeline costs a training step: milliseconds a batch, on whatever device JAX finds.

    python benchmarks/input_pipeline.py

The records have the size of CHASE_DB1's photographs, 960 x 999. On two cores of a busy x86 server: crops 1 ms, with
flips and turns 1.6, centred on the foreground 5, with affine maps and colour too 10, whole images 27, reading ahead 8.
"""

import time

import jax
import numpy as np

from jaxseg.data import stream
from jaxseg.data.augment import Augment
from jaxseg.data.records import Record, Records

BATCH, REPEATS = 4, 20
CASES = {
    "crops": (Augment(), (256, 256)),
    "crops, flips, turns": (Augment(flips=True, quarter_turns=True), (256, 256)),
    "crops on the foreground, flips, turns": (Augment(True, True, foreground=0.5), (256, 256)),
    "everything": (Augment(True, True, 0.5, rotate=15.0, scale=0.1, brightness=0.1, contrast=0.1), (256, 256)),
    "whole images": (Augment(), ()),
}


def records(n: int = 20) -> Records:
    rng = np.random.default_rng(0)
    image, mask = rng.integers(0, 256, (960, 999, 3), np.uint8), rng.integers(0, 2, (960, 999), np.uint8)
    return Records.of([Record(str(k), image, mask, None, None, str(k)) for k in range(n)])


def fastest(run) -> float:
    run(0)  # compiles
    times = []
    for step in range(1, REPEATS):
        began = time.perf_counter()
        jax.block_until_ready(run(step))
        times.append(1000 * (time.perf_counter() - began))
    return min(times)  # what a neighbour on the machine adds is not the pipeline's


def report(name: str, milliseconds: float) -> None:
    print(f"{name:40s} {milliseconds:8.2f} ms a batch of {BATCH}")


def main() -> None:
    source, key = records(), jax.random.key(0)
    resident = jax.device_put(stream.canvas(source))
    for name, (augment, patch_size) in CASES.items():

        @jax.jit
        def sample(arrays, indices, step, augment=augment, patch_size=patch_size):
            at_step, places = jax.random.fold_in(key, step), np.arange(BATCH)
            return stream.sample(arrays.take(indices), at_step, places, augment, patch_size, (120.0,) * 3, (50.0,) * 3)

        report(name, fastest(lambda step, sample=sample: sample(resident, stream.indices(0, step, BATCH, 20), step)))
    streamed = stream.streamed(source, 0, BATCH, 0)
    next(streamed)
    began = time.perf_counter()
    for _ in range(REPEATS):  # all of them: those read ahead cost nothing, the next ones more
        next(streamed)
    report("whole images read by Grain", 1000 * (time.perf_counter() - began) / REPEATS)
    streamed.close()


if __name__ == "__main__":
    main()
