"""Print the tables of our own runs, made from what lies in this folder: ``python results/table.py [isic_table1 ...]``.

They stand in the README and in docs/; a test compares them.
"""

import csv
import json
import statistics
import sys
from pathlib import Path

HERE = Path(__file__).parent
QUALITY = {"isic_chosen": "selected"}  # models whose scores have a table of their own


def main(*names: str) -> None:
    """Print the tables of these folders, or of all."""
    found = [HERE / name for name in names] or sorted(path.parent for path in HERE.glob("*/study.json"))
    tables = [table(folder) for folder in found]
    tables += [quality(folder, QUALITY[folder.name]) for folder in found if folder.name in QUALITY]
    print("\n\n".join(tables))


def table(folder: Path) -> str:
    """Return the table of one study, with what its numbers depend on beneath it."""
    study = json.loads((folder / "study.json").read_text())
    splits = splits_of(folder)
    first = study["models"][0]["name"]
    heads = [cell for split in splits for cell in (f"Dice, {split}", f"difference to {first}", "p")]
    rows: dict[str, list[str]] = {}
    for split in splits:
        scores = own(read(folder, f"{split}_full"))
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
    lines += [f"| {name} | {' | '.join(cells)} |" for name, cells in rows.items()]
    return "\n".join([*lines, "", f"{detectable(folder, splits)} {told(folder)}"])


def quality(folder: Path, model: str) -> str:
    """Return the table of one model's scores: of each split mean and SD over images, and of the pooled pixels."""
    lines = ["| split | images | seeds | Dice | pooled Dice | pooled AUC |", f"| --- |{' ---: |' * 5}"]
    for split in splits_of(folder):
        (mean,) = (row for row in own(read(folder, f"{split}_full")) if row["model"] == model)
        (pooled,) = (row for row in own(read(folder, f"{split}_pooled")) if row["model"] == model)
        with (folder / f"scores_{split}.csv").open(newline="") as scores:
            images = [
                [float(row[name]) for name in row if name.startswith(f"{model}/")] for row in csv.DictReader(scores)
            ]
        spread = statistics.stdev(map(statistics.fmean, images))
        dice = measured(mean, "dice").replace(" [", f" ± {spread:.4f} [")
        cells = [mean["images"], mean["seeds"], dice, *(f"{float(pooled[name]):.4f}" for name in ("dice", "auc"))]
        lines.append(f"| `{split}` | {' | '.join(cells)} |")
    return "\n".join(lines)


def splits_of(folder: Path) -> list[str]:
    """Return the splits on which a study is scored."""
    splits = json.loads((folder / "study.json").read_text())["splits"]
    return [split for split in splits if (folder / "tables" / f"{split}_full.csv").exists()]


def own(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    """Return the rows that are not published ones, of one foreground in the full image."""
    if any("class" in row for row in rows):
        sys.exit("studies of several classes have no table here")
    return [row for row in rows if row["source"] == "this study" and row.get("region", "full image") == "full image"]


def detectable(folder: Path, splits: list[str]) -> str:
    """Return the smallest differences that paired t tests of so many images, groups and seeds would detect."""
    told = []
    for split in splits:
        over_images = ranged(read(folder, f"{split}_differences"))
        path = folder / "tables" / f"{split}_seeds.csv"
        over_seeds = ranged(read(folder, path.stem)) if path.exists() else ""
        with (folder / f"scores_{split}.csv").open(newline="") as scores:
            of = [row["group"] for row in csv.DictReader(scores)]
        unit = "images" if len(set(of)) == len(of) else f"{len(set(of))} groups of images"
        told.append(f"{split} {over_images} over {unit}" + (f", {over_seeds} over seeds" if over_seeds else ""))
    return f"Smallest difference detectable by a paired t test with power 0.8: {'; '.join(told)}."


def ranged(rows: list[dict[str, str]]) -> str:
    """Return the range of the smallest detectable difference over the models; "" for none."""
    found = sorted(float(row["smallest"]) for row in rows if row.get("smallest"))
    return "" if not found else " to ".join(dict.fromkeys(f"{value:.3f}" for value in (found[0], found[-1])))


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
