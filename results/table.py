"""Print the README's tables of our own runs, made from what lies in this folder: ``python results/table.py``."""

import csv
import json
from pathlib import Path

HERE = Path(__file__).parent


def main() -> None:
    """Print a table for each study, with what its numbers depend on beneath it."""
    print("\n".join(line for folder in sorted(HERE.glob("*/study.json")) for line in table(folder.parent)).rstrip())


def table(folder: Path) -> list[str]:
    """Return the lines of one study."""
    study = json.loads((folder / "study.json").read_text())
    splits = [split for split in study["splits"] if (folder / "tables" / f"{split}_full.csv").exists()]
    heads = [cell for split in splits for cell in (f"Dice, {split}", f"difference to {study['models'][0]['name']}", "p")]
    rows: dict[str, list[str]] = {}
    for split in splits:
        scores = [row for row in read(folder, f"{split}_full") if row["source"] == "this study"]
        against = {row["model"]: row for row in read(folder, f"{split}_differences")}
        for row in scores:
            line = rows.setdefault(row["model"], [row["seeds"]])
            line += [measured(row, "dice"), *difference(against.get(row["model"], {}))]
    lines = [
        f"**{study['title']}**",
        "",
        f"| model | seeds | {' | '.join(heads)} |",
        f"| --- |{' ---: |' * (1 + len(heads))}",
    ]
    return [*lines, *(f"| {name} | {' | '.join(cells)} |" for name, cells in rows.items()), "", told(folder), ""]


def read(folder: Path, name: str) -> list[dict[str, str]]:
    """Return the rows of one of the page's tables."""
    with (folder / "tables" / f"{name}.csv").open(newline="") as lines:
        return list(csv.DictReader(lines))


def measured(row: dict[str, str], name: str) -> str:
    """Return a mean with its interval."""
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    return f"{float(row[name]):.4f} [{float(low):.4f}, {float(high):.4f}]" if low else f"{float(row[name]):.4f}"


def difference(row: dict[str, str]) -> list[str]:
    """Return a difference to the first model with its interval, and its p after Holm's correction."""
    if not row.get("mean"):
        return ["", ""]
    low, high = float(row["mean_low"]), float(row["mean_high"])
    p = float(row["holm_p"])
    return [f"{float(row['mean']):+.4f} [{low:+.4f}, {high:+.4f}]", f"{p:.3f}" if p >= 0.001 else "< .001"]


def told(folder: Path) -> str:
    """Return what the numbers were made with."""
    made = json.loads((folder / "made.json").read_text())
    dates = " to ".join(dict.fromkeys(made["dates"]))
    return (
        f"{made['runs']} runs, {made['hours']:g} hours of training, on {', '.join(made['devices'])} "
        f"({', '.join(made['processors'])}), {dates}, commit {', '.join(commit[:9] for commit in made['commits'])}; "
        f"[results/{folder.name}](results/{folder.name}): `{'`, `'.join(made['commands'])}`"
    )


if __name__ == "__main__":
    main()
