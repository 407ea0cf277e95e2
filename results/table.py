"""Print the tables of our own runs, made from what lies in this folder: ``python results/table.py [isic_table1 ...]``.

They stand in the README and in docs/shift.md; a test compares them.
"""

import csv
import json
import sys
from pathlib import Path

HERE = Path(__file__).parent


def main(*names: str) -> None:
    """Print the tables of these folders, or of all."""
    found = [HERE / name for name in names] or sorted(path.parent for path in HERE.glob("*/study.json"))
    print("\n\n".join(map(table, found)))


def table(folder: Path) -> str:
    """Return the table of one study, with what its numbers depend on beneath it."""
    study = json.loads((folder / "study.json").read_text())
    splits = [split for split in study["splits"] if (folder / "tables" / f"{split}_full.csv").exists()]
    first = study["models"][0]["name"]
    heads = [cell for split in splits for cell in (f"Dice, {split}", f"difference to {first}", "p")]
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
    return "\n".join([*lines, *(f"| {name} | {' | '.join(cells)} |" for name, cells in rows.items()), "", told(folder)])


def read(folder: Path, name: str) -> list[dict[str, str]]:
    """Return the rows of one of the page's tables."""
    with (folder / "tables" / f"{name}.csv").open(newline="") as lines:
        return list(csv.DictReader(lines))


def measured(row: dict[str, str], name: str) -> str:
    """Return a mean with its interval."""
    mean, low, high = (row.get(f"{name}{end}") for end in ("", "_low", "_high"))
    if not mean:
        return "–"
    return f"{float(mean):.4f} [{float(low):.4f}, {float(high):.4f}]" if low and high else f"{float(mean):.4f}"


def difference(row: dict[str, str]) -> list[str]:
    """Return a difference to the first model with its interval, and its p after Holm's correction."""
    if not row.get("mean"):
        return ["", ""]
    mean = f"{float(row['mean']):+.4f}"
    if row.get("mean_low"):
        mean += f" [{float(row['mean_low']):+.4f}, {float(row['mean_high']):+.4f}]"
    p = row.get("holm_p")
    return [mean, "–" if not p else f"{float(p):.3f}" if float(p) >= 0.001 else "< .001"]


def told(folder: Path) -> str:
    """Return what the numbers were made with."""
    made = json.loads((folder / "made.json").read_text())
    dates = " to ".join(dict.fromkeys(made["dates"]))
    return (
        f"{made['runs']} runs, {made['hours']:g} hours of training, on {', '.join(made['devices'])} "
        f"({', '.join(made['processors'])}), {dates}, commit {', '.join(commit[:9] for commit in made['commits'])}; "
        f"`results/{folder.name}`, by `{'`, `'.join(made['commands'])}`"
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
