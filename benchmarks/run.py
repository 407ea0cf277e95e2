"""The benchmarks' command line; ``python benchmarks/run.py --help`` lists what it can do.

    python benchmarks/run.py train --case=small:ja9:128 --json
    python benchmarks/run.py infer --case=small:ja9:584x565 --json
    python benchmarks/run.py --output=results

``benchmarks/README.md`` says what each prints and how it is measured.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import json
import sys
from typing import Any

MISSING = "the benchmarks race against PyTorch, which is not installed: pip install 'jaxseg[bench]'"


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command")
    for name, batch in (("train", 4), ("infer", 1)):
        command = commands.add_parser(name, help=f"race {'a training step' if name == 'train' else 'the network'}")
        command.add_argument("--case", required=True, help="size:attention:side, as in small:ja9:128 or 161:sa:584x565")
        command.add_argument("--dtype", default="float32", choices=["float32", "bfloat16"])
        command.add_argument("--batch", type=int, default=batch, help="images at once")
        command.add_argument("--turns", type=int, default=9, help="of each side")
        command.add_argument("--seconds", type=float, default=1.0, help="that a turn lasts, about")
        command.add_argument("--compile", action="store_true", help="race torch.compile too")
        command.add_argument("--device", default="auto", choices=["auto", "cpu", "gpu"])
        command.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


def main(given: list[str] | None = None) -> None:
    options = arguments().parse_args(given)
    if importlib.util.find_spec("torch") is None:
        sys.exit(MISSING)
    with contextlib.redirect_stdout(sys.stderr):  # so that --json prints one object and nothing else
        try:
            result = found(options)
        except ValueError as error:
            sys.exit(f"run.py: {error}")
    print(json.dumps(result) if options.json else told(result))


def found(options: argparse.Namespace) -> dict[str, Any]:
    import race

    run = {"train": race.train, "infer": race.infer}[options.command]
    return run(
        options.case,
        dtype=options.dtype,
        batch=options.batch,
        turns=options.turns,
        seconds=options.seconds,
        compiled=options.compile,
        device=options.device,
    )


def told(result: dict[str, Any]) -> str:
    return "\n".join(f"{name:24s} {value}" for name, value in result.items())


if __name__ == "__main__":
    main()
