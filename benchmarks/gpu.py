"""All that wants a GPU, in one call: tests, the race against PyTorch, the roofline, and a training that is scored.

    benchmarks/gpu.sh [--tiny] [--minutes 8] [--data DIR] [--wheels DIR] [--output DIR]

It asks of the machine no network, only Python 3.11 or newer with jax, flax, optax, orbax, OpenCV and matplotlib; what
is missing beside these comes from WHEELS (``benchmarks/wheels.txt`` says how to fill it). DATA is a copy of ISIC-2017
as its owners publish it, such as the training images at 256 x 256; without it the training takes generated images.
Without torch the race is written down as skipped.

Each stage is a process of its own with a deadline. After each, OUTPUT has its JSON and the log, so a call that is cut
loses nothing that was done. The exit status is 0 unless a stage failed.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RACES = [  # command, case, dtype, batch; in the order of their weight, for as many as there is time
    ("train", "161:ja9:256", "bfloat16", 4),
    ("train", "161:ja9:256", "float32", 4),
    ("infer", "161:ja9:584x565", "bfloat16", 1),
    ("train", "161:ja9:584x565", "bfloat16", 4),
    ("train", "161:none:256", "bfloat16", 4),
    ("train", "small:ja9:128", "float32", 4),
]
TINY_RACES = [("train", "micro:ja9:32", "float32", 2), ("infer", "micro:ja9:40x33", "float32", 1)]
SHARES = {"tests": 0.1, "race": 0.5, "roofline": 0.1}  # of the minutes, at most; the training has what is left
SCORING = 120  # seconds kept after the training, for its end and the scores

Result = dict[str, Any]


class Bench:
    """Where the stages write, what they may use, and when they have to be done."""

    def __init__(self, options: argparse.Namespace):
        self.tiny, self.data = options.tiny, options.data
        self.output: Path = options.output.resolve()
        self.output.mkdir(parents=True, exist_ok=True)
        self.log = (self.output / "log.txt").open("w", buffering=1)
        self.minutes = options.minutes
        self.deadline = time.monotonic() + 60 * options.minutes
        self.environment = os.environ | {"PYTHONUNBUFFERED": "1", "PYTHONPATH": _path(options.wheels, self.log)}
        self.failed = False

    @property
    def left(self) -> float:
        """Seconds to the deadline."""
        return self.deadline - time.monotonic()

    def share(self, stage: str) -> float:
        """Seconds that a stage may take."""
        return min(self.left, 60 * self.minutes * SHARES[stage])

    def run(self, *command: str, seconds: float, stop: signal.Signals = signal.SIGKILL) -> tuple[int, str, float]:
        """Run Python from the project's root; return its exit status, what it printed, and the seconds it took.

        At the end of ``seconds`` it gets the signal ``stop``, and a minute later it is killed.
        """
        began = time.monotonic()
        self.say(f"$ python {' '.join(command)}  (at most {seconds:.0f} s)")
        with subprocess.Popen(
            [sys.executable, *command], cwd=ROOT, env=self.environment, text=True,
            stdout=subprocess.PIPE, stderr=self.log, start_new_session=True,
        ) as process:  # fmt: skip
            try:
                printed, _ = process.communicate(timeout=max(seconds, 1))
            except subprocess.TimeoutExpired:
                _signal(process, stop)
                try:
                    printed, _ = process.communicate(timeout=60)
                except subprocess.TimeoutExpired:
                    _signal(process, signal.SIGKILL)
                    printed, _ = process.communicate()
        self.log.write(printed)
        took = time.monotonic() - began
        self.say(f"  exit {process.returncode} after {took:.0f} s")
        return process.returncode, printed, took

    def write(self, stage: str, result: Result | list[Result]) -> None:
        """Write a stage's JSON, as often as there is more of it."""
        (self.output / f"{stage}.json").write_text(json.dumps(result, indent=1) + "\n")

    def say(self, line: str) -> None:
        """Print a line, into the log too."""
        print(line, flush=True)
        self.log.write(line + "\n")


def tests(bench: Bench) -> None:
    """Run the tests that are marked gpu; without a GPU they skip."""
    command = ("-m", "pytest", "-m", "gpu", "-n", "0", "-q", "-p", "no:cacheprovider", "-rs", "tests/test_gpu.py")
    status, printed, took = bench.run(*command, seconds=bench.share("tests"))
    bench.failed |= status > 0
    bench.write(
        "tests", {"status": status, "cut": status < 0, "seconds": round(took, 1), "said": printed.splitlines()[-25:]}
    )


def race(bench: Bench) -> None:
    """Race training and inference against the PyTorch twin, eager and compiled."""
    if importlib.util.find_spec("torch") is None:
        return bench.write("race", {"skipped": "torch is not installed"})
    results: list[Result] = []
    until = time.monotonic() + bench.share("race")
    for command, case, dtype, batch in TINY_RACES if bench.tiny else RACES:
        left = until - time.monotonic()
        if left < 30:
            results.append({"race": command, "case": case, "dtype": dtype, "skipped": "no time left for it"})
            continue
        options = [f"--case={case}", f"--dtype={dtype}", f"--batch={batch}", "--turns=5", "--seconds=0.5", "--json"]
        compiled = [] if bench.tiny else ["--compile"]
        status, printed, took = bench.run("benchmarks/run.py", command, *options, *compiled, seconds=left)
        found = _last_json(printed) or {"race": command, "case": case, "dtype": dtype, "cut": status < 0}
        results.append(found | {"status": status, "seconds": round(took, 1)})
        bench.failed |= status > 0
        bench.write("race", results)
    return bench.write("race", results)


def roofline(bench: Bench) -> None:
    """Measure the machine's own rates, and the step beside the floor that follows from them."""
    case, dtype = ("micro:ja9:32", "float32") if bench.tiny else ("161:ja9:256", "bfloat16")
    command = ("benchmarks/run.py", "roofline", f"--case={case}", f"--dtype={dtype}", "--json")
    status, printed, took = bench.run(*command, seconds=bench.share("roofline"))
    bench.failed |= status > 0
    bench.write("roofline", (_last_json(printed) or {}) | {"status": status, "seconds": round(took, 1)})


def training(bench: Bench) -> None:
    """Train JA-9 for the time that is left, stop it as a user would, and score the test images."""
    run, began = Path(tempfile.mkdtemp(prefix="jaxseg-gpu-")) / "run", time.monotonic()
    settings = _settings(bench)
    seconds = max(bench.left - SCORING, 60)
    command = ("launch/train.py", *settings, f"--workdir={run}")
    status, _, took = bench.run(*command, seconds=seconds, stop=signal.SIGTERM)
    cut = status != 0 and not any((run / "checkpoints").glob("[0-9]*"))  # before its first step was done
    result: Result = {"settings": settings, "status": status, "cut": cut, "seconds": round(took, 1)}
    with contextlib.suppress(OSError, IndexError):
        result["rows"] = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    bench.write("training", result)
    stopped = status in (128 + signal.SIGTERM, -signal.SIGTERM, -signal.SIGKILL)
    if cut or not (status == 0 or stopped):
        bench.failed |= not (cut and stopped)
        return
    scored, printed, _ = bench.run("launch/evaluate.py", f"--workdir={run}", "--split=test", seconds=bench.left)
    bench.failed |= scored > 0
    result["said"] = printed.splitlines()[-40:]
    for path in sorted((run / "eval").glob("test*.json")):
        result[path.stem] = json.loads(path.read_text())
    for picture in sorted((run / "figures").glob("*.png"))[:3]:
        shutil.copy(picture, bench.output)
    bench.write("training", result | {"total_seconds": round(time.monotonic() - began, 1)})


def _settings(bench: Bench) -> list[str]:
    """Return the training's command line: ISIC-2017 where it is, else generated images."""
    size, side = ("micro", 32) if bench.tiny else ("161", 256)
    ours = [f"--config.model.size={size}", "--config.data.augment.flips=True"]
    if bench.tiny:
        ours += ["--config.train.eval_every=5", "--config.train.steps=10", "--config.train.log_every=5"]
    else:
        ours += ["--config.train.eval_every=500", "--config.train.log_every=50", "--config.model.dtype=bfloat16"]
        ours += ["--config.data.augment.quarter_turns=True"]
    if bench.data is None:
        data = [f"--config.data.synthetic.size={side}"]
        return ["--config=configs/demo_ja9.py", *data, *ours]
    data = [f"--config.data.dir={bench.data.resolve()}", "--config.data.holdout=100", "--config.data.test=200"]
    return ["--config=configs/isic_ja9.py", *data, f"--config.data.image_size=({side}, {side})", *ours]


def _path(wheels: Path | None, log: Any) -> str:
    """Return Python's path: the project, and what ``wheels`` brings."""
    path = [str(ROOT)]
    if wheels is not None:
        site = wheels.resolve() / "installed"
        install = [sys.executable, "-m", "pip", "install", "-q", "--no-index", "--no-deps", "--no-compile"]
        files = [str(file) for file in sorted(wheels.resolve().glob("*.whl"))]
        if not files:
            sys.exit(f"--wheels {wheels} holds no .whl file; pip wheel --no-deps -r benchmarks/wheels.txt makes them")
        if subprocess.run([*install, "--upgrade", "--target", str(site), *files], stdout=log, stderr=log).returncode:
            sys.exit(f"pip cannot install the packages of --wheels {wheels}; {log.name} has what it said")
        path.append(str(site))
    return os.pathsep.join([*path, *filter(None, [os.environ.get("PYTHONPATH")])])


def _signal(process: subprocess.Popen, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def _last_json(printed: str) -> Result | None:
    for line in reversed(printed.splitlines()):
        with contextlib.suppress(json.JSONDecodeError):
            found = json.loads(line)
            if isinstance(found, dict):
                return found
    return None


def main(given: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiny", action="store_true", help="smallest sizes: to try the script, on a CPU too")
    parser.add_argument("--minutes", type=float, default=8.0, help="for all stages together")
    parser.add_argument("--data", type=Path, help="folder of ISIC-2017; without it, generated images")
    parser.add_argument("--wheels", type=Path, help="folder of Python packages that the machine lacks")
    parser.add_argument("--output", type=Path, default=Path("gpu"), help="folder of the results")
    options = parser.parse_args(given)
    bench = Bench(options)
    for stage in (tests, race, roofline, training):
        bench.say(f"== {stage.__name__}, {bench.left:.0f} s left")
        stage(bench)
    sys.exit(1 if bench.failed else 0)


if __name__ == "__main__":
    main()
