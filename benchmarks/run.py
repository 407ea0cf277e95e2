"""The benchmarks' command line; without a command it runs a table of races, about ten minutes on two cores.

    python benchmarks/run.py train --case=small:ja9:128 --json
    python benchmarks/run.py infer --case=small:ja9:584x565 --json
    python benchmarks/run.py memory --case=small:ja9:192
    python benchmarks/run.py --output=results

``benchmarks/README.md`` says what each prints and how it is measured.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import importlib.util
import json
import sys
from pathlib import Path
from typing import Any, NamedTuple

MISSING = "the benchmarks race against PyTorch, which is not installed: pip install 'jaxseg[bench]'"


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in text.split(","))


# Options by their flags; each is an argument, by ``dest`` or the flag's name, of the functions that take it.
CASE = {"--case": dict(required=True, help="size:attention:side, as in small:ja9:128 or 161:sa:584x565")}
DTYPE = {"--dtype": dict(default="float32", choices=["float32", "bfloat16"], help="what features are computed in")}
DEVICE = {"--device": dict(default="auto", choices=["auto", "cpu", "gpu"], help="auto: the GPU where both see one")}
GRIDS = {"--grids": dict(type=_numbers, default=(32, 64, 128), help="sides of the maps, as in 32,64,128")}
NETWORK = {
    "--network": dict(default="small:ja9", help="size:attention"),
    "--images": dict(type=int, default=40, help="how many photographs of 584 x 565"),
}
AGAINST = {"--against": dict(default="", help="a checkout of an earlier version, which takes turns with this one")}
COMPILE = {"--compile": dict(dest="compiled", action="store_true", help="race torch.compile too")}


def turns(number: int, seconds: float) -> dict[str, dict[str, Any]]:
    return {
        "--turns": dict(type=int, default=number, help="turns of each side"),
        "--seconds": dict(type=float, default=seconds, help="that a turn lasts, about"),
    }


def batch(images: int) -> dict[str, dict[str, Any]]:
    return {"--batch": dict(type=int, default=images, help="images at once")}


class Command(NamedTuple):
    """A command is a row: what measures it, and its options."""

    module: str
    function: str
    words: str
    options: dict[str, dict[str, Any]]


COMMANDS = {
    "train": Command(
        "race",
        "train",
        "race a training step against that of PyTorch's twin of the network",
        CASE | DTYPE | batch(4) | turns(9, 1.0) | COMPILE | DEVICE,
    ),
    "infer": Command(
        "race",
        "infer",
        "race the network's probabilities against those of PyTorch's twin of it",
        CASE | DTYPE | batch(1) | turns(9, 1.0) | COMPILE | DEVICE,
    ),
    "memory": Command(
        "memory",
        "measure",
        "peak memory of a whole training process, cold and warm, beside PyTorch's",
        CASE | DTYPE | batch(4) | DEVICE,
    ),
    "attention": Command(
        "alone",
        "measure",
        "race attention alone against PyTorch's naive form and its fused kernel",
        GRIDS | DTYPE | turns(5, 0.5) | DEVICE,
    ),
    "roofline": Command(
        "roofline",
        "measure",
        "the machine's own rates, and how far above its floor a step, inference and each layer are",
        CASE | DTYPE | batch(4) | turns(5, 0.5) | DEVICE,
    ),
    "folder": Command(
        "folder",
        "measure",
        "prepare, predict and score a folder of photographs; prediction races against a PyTorch loop",
        NETWORK | {"--turns": dict(type=int, default=3, help="whole calls of each side")} | DEVICE,
    ),
    "start": Command(
        "start",
        "measure",
        "whole processes of the demo with three steps, cold and warm, beside PyTorch's",
        AGAINST | {"--turns": dict(type=int, default=1, help="starts of each kind")},
    ),
}


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="the long table, a few hours")
    parser.add_argument("--output", type=Path, help="folder for the table's races.json and races.png")
    commands = parser.add_subparsers(dest="command")
    for name, row in COMMANDS.items():
        command = commands.add_parser(name, help=row.words, description=row.words)
        for flag, settings in row.options.items():
            command.add_argument(flag, **settings)
        command.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    return parser


def main(given: list[str] | None = None) -> None:
    options = vars(arguments().parse_args(given))
    if importlib.util.find_spec("torch") is None:
        sys.exit(MISSING)
    output, full, name = options.pop("output"), options.pop("full"), options.pop("command")
    if name is None:
        import table

        results = table.measure(table.FULL if full else table.QUICK, output)
        sys.exit(any("failed" in found for found in results))
    row, as_json = COMMANDS[name], options.pop("json")
    with contextlib.redirect_stdout(sys.stderr):  # so that --json prints one object and nothing else
        try:
            result = getattr(importlib.import_module(row.module), row.function)(**options)
        except (ValueError, RuntimeError) as error:
            sys.exit(f"run.py {name}: {error}")
    print(json.dumps(result) if as_json else told(result))


def told(result: dict[str, Any]) -> str:
    """Return a result as lines, and the rows in it as tables."""
    lines = []
    for name, value in result.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            heads = list(dict.fromkeys(key for row in value for key in row))
            cells = [heads, *([str(row.get(key, "")) for key in heads] for row in value)]
            widths = [max(len(row[column]) for row in cells) for column in range(len(heads))]
            lines += ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in cells]
        else:
            lines.append(f"{name:24s} {value}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
