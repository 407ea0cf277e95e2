"""What every system of the one protocol costs here: multiply-adds, parameters, a training step, and memory.

    python benchmarks/networks.py --budget=small,tiny --output=benchmarks/results/networks.json

Each system trains by the launcher on generated images of 128 x 128, batch 4, in a process of its own, with the seconds
and the memory that a user has. All take turns, ``--turns`` times over; the median of a system counts, and its ratio is
to the first one's of the same budget and turn, DenseUNet's where all are asked for. About half a minute for each system
and turn on two cores.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import machine
import processes

ROOT = Path(__file__).parents[1]
EVERY = 10  # steps between two lines of the log
BATCH, SIDE = 4, 128  # as in the protocol
# Images that need no download.
IMAGES = ["name=synthetic", f"synthetic.size={SIDE}", "synthetic.train=16", "synthetic.val=1", "synthetic.test=1"]
COUNTED = """
import json, math, sys, jax
from jaxseg import models, protocol
for system in sys.argv[1:]:
    config = protocol.configured(protocol.data("chase"), system)
    found = models.summarise(models.build(**models.arguments(config.model.to_dict())), (1, 256, 256, 3))
    print(json.dumps([system, found.parameters, found.products]), flush=True)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--budget", default="small", help="small, tiny or parameters, or some with commas between")
    parser.add_argument("--systems", default="", help="some of them, with commas between; all by default")
    parser.add_argument("--turns", type=int, default=3, help="processes of each system")
    parser.add_argument("--steps", type=int, default=40, help="training steps of a process")
    parser.add_argument("--output", type=Path, help="a file for the results as JSON")
    options = parser.parse_args()
    names = options.systems.split(",") if options.systems else systems()
    chosen = [f"{name}-{budget}" for budget in options.budget.split(",") for name in names]
    found = measure(chosen, turns=options.turns, steps=options.steps)
    print(table(found["rows"]))
    if options.output is not None:
        options.output.write_text(json.dumps(found, indent=1) + "\n")


def systems() -> list[str]:
    """Return the names of all systems."""
    asked = "import json\nfrom jaxseg.protocol import SYSTEMS\nprint(json.dumps(list(SYSTEMS)))"
    ran = processes.run([sys.executable, "-c", asked], os.environ)
    return json.loads(ran.lines[-1][1])


def measure(names: list[str], *, turns: int, steps: int) -> dict[str, Any]:
    """Return a row for each system, and where it was measured."""
    counts = processes.run([sys.executable, "-c", COUNTED, *names], os.environ)
    rows = {}
    for _, line in counts.lines:
        name, parameters, products = json.loads(line)
        rows[name] = {"system": name, "parameters": parameters, "multiply_adds": products, "step_ms": [], "mib": []}
    with machine.watched() as others, tempfile.TemporaryDirectory() as folder:
        for turn in range(turns):
            for name in names:
                step, peak = once(name, steps, Path(folder) / f"{turn}_{name}", Path(folder) / "cache")
                rows[name]["step_ms"].append(round(step, 1))
                rows[name]["mib"].append(round(peak / 2**20))
                print(f"turn {turn + 1} of {turns}: {name} {step:.0f} ms, {peak / 2**20:.0f} MiB", flush=True)
    first: dict[str, list[float]] = {}  # by the budget
    for name, row in rows.items():
        its = first.setdefault(name.rpartition("-")[2], row["step_ms"])
        ratios = [one / other for one, other in zip(row["step_ms"], its, strict=True)]
        row["ratio"] = round(statistics.median(ratios), 2)
    told = {"benchmark": "networks", "batch": BATCH, "side": SIDE, "steps": steps, "rows": list(rows.values())}
    return told | others | machine.about()


def once(system: str, steps: int, workdir: Path, cache: Path) -> tuple[float, int]:
    """Train one system; return milliseconds a step, the median after the first lines of the log, and bytes at most."""
    settings = [
        *(f"data.{setting}" for setting in IMAGES),
        "data.patch_size=()",
        "data.holdout=0",
        "data.clahe.mode=none",
    ]
    settings += [
        f"train.batch_size={BATCH}",
        f"train.steps={steps}",
        f"train.eval_every={steps}",
        f"train.log_every={EVERY}",
    ]
    config = f"--config={ROOT / 'configs' / 'protocol' / 'chase.py'}:{system}"
    command = [sys.executable, str(ROOT / "launch" / "train.py"), config, f"--workdir={workdir}"]
    ran = processes.run([*command, *(f"--config.{setting}" for setting in settings)], processes.with_cache(str(cache)))
    lines = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
    speeds = [line["train/images_per_second"] for line in lines if "train/images_per_second" in line]
    return 1000 * BATCH / statistics.median(speeds[1:]), ran.peak


def table(rows: list[dict[str, Any]]) -> str:
    """Return the rows as Markdown, the median of each measurement."""
    head = ["system", "parameters", "multiply-adds at 256 x 256", "step, ms", "over the first", "memory, MiB"]
    lines = [f"| {' | '.join(head)} |", "| --- " * len(head) + "|"]
    for row in rows:
        cells = [row["system"], f"{row['parameters']:,}", f"{row['multiply_adds'] / 1e9:.2f} G"]
        cells += [
            f"{statistics.median(row['step_ms']):.0f}",
            f"{row['ratio']:.2f}",
            f"{statistics.median(row['mib']):.0f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
