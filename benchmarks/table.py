"""A table of races, each in a process of its own, with its results as JSON and as a chart."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

RUN = Path(__file__).with_name("run.py")
# About ten minutes on two cores, most of them compiling.
QUICK = (
    "train --case=tiny:ja9:128",
    "train --case=small:none:128",
    "train --case=small:ja9:128",
    "infer --case=small:none:256",
    "infer --case=small:ja9:256",
    "infer --case=small:ja9:584x565",
    "infer --case=small:ja9:128 --batch=8",
)
# A few hours: every attention and size of image, torch.compile, and the larger networks.
FULL = (
    *(f"train --case=small:{attention}:128 --compile" for attention in ("none", "pwa", "sa", "ja9")),
    *(f"train --case={size}:ja9:128" for size in ("tiny", "base")),
    *(f"train --case=small:ja9:{side}" for side in ("192", "256", "584x565")),
    "train --case=small:ja9:128 --dtype=bfloat16",
    *(f"infer --case=small:{attention}:256 --compile" for attention in ("none", "pwa", "sa", "ja9")),
    *(f"infer --case={size}:ja9:256" for size in ("tiny", "base", "161")),
    *(f"infer --case=small:ja9:{side}" for side in ("128", "192", "584x565")),
    "infer --case=small:ja9:128 --batch=8",
    "infer --case=small:ja9:256 --dtype=bfloat16",
    *(f"memory --case=small:ja9:{side}" for side in (128, 192)),
)
HEAD = f"{'':52s} {'ratio':>6s} {'range':>14s} {'jaxseg ms':>10s} {'PyTorch ms':>10s}"


def measure(rows: tuple[str, ...], output: Path | None = None) -> list[dict[str, Any]]:
    """Run each row of the table, print it as it comes, and return the results.

    Args:
        rows: arguments of ``run.py``.
        output: a folder for ``races.json`` and ``races.png``, written after each row; None: nothing is written.
    """
    results = []
    print(HEAD, flush=True)
    for row in rows:
        ran = subprocess.run([sys.executable, RUN, *row.split(), "--json"], stdout=subprocess.PIPE, text=True)
        found = {"row": row} | (json.loads(ran.stdout) if not ran.returncode else {"failed": ran.returncode})
        results.append(found)
        print(line(found), flush=True)
        if output is not None:
            output.mkdir(parents=True, exist_ok=True)
            (output / "races.json").write_text(json.dumps(results, indent=1) + "\n")
            chart(results, output / "races.png")
    return results


def line(found: dict[str, Any]) -> str:
    """Return a row of the table."""
    name = f"{found['row']:52s}"
    if "failed" in found:
        return f"{name} failed (exit {found['failed']})"
    if found["race"] == "memory":
        return (
            f"{name} {found['ratio_warm']:6.2f} warm, {found['ratio_cold']:.2f} cold; PyTorch {found['torch_mib']} MiB"
        )
    told = _figures(name, found, "")
    return told + ("\n" + _figures("  over torch.compile", found, "_compile") if "ratio_compile" in found else "")


def _figures(name: str, found: dict[str, Any], tail: str) -> str:
    low, high = found[f"range{tail}"]
    times = f"{found['jaxseg_ms']:10.1f} {found[f'torch{tail}_ms']:10.1f}"
    return f"{name:52s} {found[f'ratio{tail}']:6.2f} {f'[{low:.2f}, {high:.2f}]':>14s} {times}"


def chart(results: list[dict[str, Any]], path: Path) -> None:
    """Draw a bar for each ratio of times, its range, and a line at 1."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    bars = [
        (found["row"].replace("--case=", "") + name, found[f"ratio{tail}"], found[f"range{tail}"])
        for found in results
        for tail, name in (("", ""), ("_compile", ", compiled"))
        if f"range{tail}" in found
    ]
    if not bars:
        return
    names, ratios, ranges = zip(*bars, strict=True)
    figure, axes = plt.subplots(figsize=(8, 1 + 0.35 * len(bars)), layout="constrained")
    spread = [
        [ratio - low for ratio, (low, _) in zip(ratios, ranges, strict=True)],
        [high - ratio for ratio, (_, high) in zip(ratios, ranges, strict=True)],
    ]
    axes.barh(names, ratios, xerr=spread, color="#4477aa", ecolor="#222222", capsize=3)
    axes.axvline(1, color="#222222", linewidth=1)
    axes.invert_yaxis()
    axes.set_xlabel("time of jaxseg over time of PyTorch (below 1 is faster); median and range of turns")
    about = results[-1] if "device" in results[-1] else {"device": "", "processor": "", "date": ""}
    axes.set_title(f"{about.get('device')}, {about.get('processor')}, {about.get('date')}", fontsize=9)
    figure.savefig(path, dpi=120)
    plt.close(figure)
