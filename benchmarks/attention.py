"""What attention takes on a CPU, forward and backward: memory and time, beside the form that holds all weights.

    python benchmarks/attention.py [--only sa danet ...] [--turns 1] [--guard 6]

Each measurement is a process of its own. Its resident memory is given above that of an idle JAX and, in brackets, as a
whole with what compiling took; ``counted`` is what ``jaxseg.counting`` said beforehand. The naive form is not started
where it is counted to need more than the guard.

Two cores of an x86 server, jax 0.10.2, 2026-11-22: self-attention on 584 x 565 x 96 in 1.3 s and 1047 MiB (1245 as a
whole), where the naive form is counted to need 812 GiB; at 128 x 128 that one took 39 times as long and 24 times the
memory. Of the others on 128 x 128 x 32: nonlocal_embedded 1.5 s, 173 MiB; multi_head 2.1 s, 167 MiB; psa_collect 3.8 s,
228 MiB; neighborhood 0.7 s, 235 MiB; generalized 20 s, 263 MiB; axial, which took most, 1.4 s, 385 MiB.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np

from jaxseg import attention, counting
from jaxseg.attention import module as protocol
from jaxseg.attention.costs import written_out

MIB = 2**20
DRIVE, LIMIT = (1, 584, 565, 96), 2048  # what self-attention must bear, in so many MiB
SIDES = (32, 64, 128)
MAP, MAP_LIMIT = (1, 128, 128, 32), 600e6 / MIB  # and each softmax mechanism
SOFTMAX = {
    "nonlocal_gaussian": {},
    "nonlocal_embedded": {},
    "danet": {},
    "multi_head": {},
    "key_only": {},
    "generalized": {},
    "psa_collect": {"span": 128},
    "psa_distribute": {"span": 128},
    "criss_cross": {},
    "axial": {"span": 128},
    "swin": {},
    "neighborhood": {},
    "dynamic_conv": {},
    "efficient_attention": {},
}


def naive(form):
    """Stand in for ``aggregate``."""
    return written_out(form).reshape(form.batch, *form.support.queries, -1)


def resident(field: str) -> int:
    """Return bytes that this process holds (VmRSS), or held at most (VmHWM)."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(lines[field].split()[0]) * 1024


def measure(name: str, options: dict, shape: list[int], form: str, turns: int, guard: float) -> dict:
    """Return bytes and seconds of one pass with gradients by parameters and x, measured in this process."""
    jax.block_until_ready(jax.numpy.zeros(1))
    idle = resident("VmRSS")
    if form == "naive":
        protocol.aggregate = naive
    module, x = attention.build(name, **options), jax.ShapeDtypeStruct(tuple(shape), np.float32)
    variables = jax.eval_shape(lambda x: module.init(jax.random.key(0), x, train=False), x)
    state = {key: tree for key, tree in variables.items() if key != "params"}

    @counting.with_gradients
    def run(params, x, state):
        return module.apply({**state, "params": params}, x, train=True, mutable=list(state))

    counted = counting.count(run, variables["params"], x, state).peak
    if counted > guard * 2**30:
        return {"counted": counted}
    rng = np.random.default_rng(0)
    arguments = jax.tree.map(
        lambda leaf: jax.device_put(rng.uniform(0.01, 0.1, leaf.shape).astype(leaf.dtype)),
        (variables["params"], x, state),
    )
    program = jax.jit(run).lower(*arguments).compile()
    Path("/proc/self/clear_refs").write_text("5")  # Forgets the peak so far, that of compiling.
    times = []
    for _ in range(turns):
        began = time.perf_counter()
        jax.block_until_ready(program(*arguments))
        times.append(time.perf_counter() - began)
    whole = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"counted": counted, "above": resident("VmHWM") - idle, "whole": whole, "seconds": min(times)}


def measured(*arguments) -> dict:
    """Return what ``measure`` finds in a fresh process."""
    command = [sys.executable, __file__, "--measure", json.dumps(arguments)]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def told(found: dict) -> str:
    if "seconds" not in found:
        return f"not run: counted {counting.memory(found['counted'])}"
    above, whole, counted = (found[key] / MIB for key in ("above", "whole", "counted"))
    return f"{1000 * found['seconds']:8.0f} ms {above:6.0f} MiB ({whole:.0f}; counted {counted:.0f})"


def self_attention(turns: int, guard: float) -> None:
    print("self-attention (dot / N), forward and backward, 96 channels")
    for shape in (*((1, side, side, 96) for side in SIDES), DRIVE):
        ours, other = (measured("sa", {}, shape, form, turns, guard) for form in ("ours", "naive"))
        ratio = ""
        if "seconds" in other:
            time_ratio, memory_ratio = (other[key] / ours[key] for key in ("seconds", "above"))
            ratio = f"   naive / ours: time {time_ratio:.0f}, memory {memory_ratio:.1f}"
        elif shape == DRIVE:
            ratio = f"   {'within' if ours['whole'] < LIMIT * MIB else 'BEYOND'} {LIMIT} MiB"
        print(f"{shape[1]:4d} x {shape[2]:<4d} {told(ours):48s} naive {told(other)}{ratio}", flush=True)


def softmax(names: list[str], turns: int) -> None:
    print(f"mechanisms with a softmax, forward and backward, {' x '.join(map(str, MAP))}")
    for name in names:
        found = measured(name, SOFTMAX[name], MAP, "ours", turns, 1e9)
        verdict = "within" if found["above"] < MAP_LIMIT * MIB else "BEYOND"
        print(f"{name:20s} {told(found):48s} {verdict} {MAP_LIMIT:.0f} MiB", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=["sa", *SOFTMAX], default=["sa", *SOFTMAX])
    parser.add_argument("--turns", type=int, default=1, help="passes, of which the fastest counts")
    parser.add_argument("--guard", type=float, default=6.0, help="GiB that the naive form may be counted to need")
    parser.add_argument("--measure", type=json.loads, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(*options.measure)))
        return
    if "sa" in options.only:
        self_attention(options.turns, options.guard)
    softmax([name for name in options.only if name in SOFTMAX], options.turns)


if __name__ == "__main__":
    main()
