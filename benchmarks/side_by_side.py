"""Runs of a study one after the other with all cores, and two at a time with half of them each: which is done sooner.

    python benchmarks/side_by_side.py --turns=2 --output=FILE.json

Each measurement is ``launch/reproduce.py`` on two runs of the demo study, DenseUNet ``tiny`` without and with JA-9,
from its start to its page, with compiled programs on disk. Which of both is first alternates. ``ratio`` is the time
side by side over the time one after the other: below 1, side by side is sooner.
"""

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path

import machine
import processes

ROOT = Path(__file__).parents[1]


def main() -> None:
    """Measure, and print seconds and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=2, help="measurements of each")
    parser.add_argument("--steps", type=int, default=400, help="training steps of a run")
    parser.add_argument("--output", type=Path, help="a file for the results as JSON")
    options = parser.parse_args()
    found = measure(options.turns, options.steps)
    print(json.dumps(found, indent=1))
    if options.output is not None:
        options.output.write_text(json.dumps(found, indent=1) + "\n")


def measure(turns: int, steps: int) -> dict:
    """Return the seconds of every turn, one after the other and side by side, and the median of their ratios."""
    seconds: dict[int, list[float]] = {1: [], 2: []}
    with machine.watched() as others, tempfile.TemporaryDirectory() as folder:
        for turn in range(-1, turns):  # the first compiles, and does not count
            for parallel in (1, 2) if turn % 2 else (2, 1):  # none is always first
                took = once(parallel, steps, Path(folder) / f"{turn}_{parallel}", Path(folder) / "cache")
                if turn >= 0:
                    seconds[parallel].append(round(took, 1))
    ratios = [two / one for one, two in zip(seconds[1], seconds[2], strict=True)]
    told = {"benchmark": "side_by_side", "steps": steps, "seconds_one_after_the_other": seconds[1]}
    told |= {"seconds_side_by_side": seconds[2], "ratio": round(statistics.median(ratios), 3)}
    return told | others | machine.about()


def once(parallel: int, steps: int, workdir: Path, cache: Path) -> float:
    """Run the study; return its seconds."""
    command = [
        sys.executable, str(ROOT / "launch" / "reproduce.py"), f"--study={ROOT / 'configs' / 'studies' / 'demo.py'}",
        f"--workdir={workdir}", f"--study.config.train.steps={steps}", "--study.seeds=(0,)", f"--parallel={parallel}",
        "--only=DenseUNet,DenseUNet-JA",
    ]  # fmt: skip
    return processes.run(command, processes.with_cache(str(cache))).seconds


if __name__ == "__main__":
    main()
