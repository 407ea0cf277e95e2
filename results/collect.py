"""Copy the small outcomes of a study into this folder: ``python results/collect.py studies/isic_table1``.

Into ``results/<name of the study's folder>/`` go ``study.json``, the tables of its page, ``scores_<split>.csv`` with
the Dice of every image (full image, a column a run; of a cross-validation each image by the fold that did not see it),
``evaluations.json`` with what each run's evaluation says of all metrics, regions and reductions, and ``made.json``:
commands, commits, software, devices, processor, dates, hours. The page is written anew first. A folder that is there is
replaced.
"""

import csv
import json
import re
import shutil
import sys
from pathlib import Path

from jaxseg.pages.study import write_page
from jaxseg.pages.study_runs import Study, read_study
from jaxseg.runs.folder import read_starts
from jaxseg.runs.log import read_metrics

HERE = Path(__file__).parent
KEPT = {"full", "fov", "threshold", "scored_at", "prediction", "checkpoint_step", "checkpoint_rule"}


def main(folder: str) -> None:
    """Copy what ``folder`` holds."""
    page = write_page(folder).read_text()  # its tables are then of the runs that are scored now
    study = read_study(folder)
    facts = made(study)  # before anything is removed
    target = HERE / study.workdir.resolve().name
    shutil.rmtree(target, ignore_errors=True)
    (target / "tables").mkdir(parents=True)
    told = json.loads((study.workdir / "study.json").read_text())
    told["data_dir"] = "FOLDER" if told["data_dir"] else ""  # this machine's folders are nobody else's
    (target / "study.json").write_text(json.dumps(told, indent=2) + "\n")
    for table in re.findall(r'href="(tables/[^"]+\.csv)"', page):  # a page before may have left others
        shutil.copy(study.workdir / table, target / "tables")
    evaluations: dict[str, dict[str, dict]] = {}
    for split, of in study.runs.items():
        columns = {f"{model}/{run.config['seed']}": run for model, runs in of.items() for run in runs}
        evaluations[split] = {
            name: {kind: run.facts[kind] for kind in KEPT & run.facts.keys()} for name, run in columns.items()
        }
        scores = {name: run.scores("dice", "full") for name, run in columns.items()}
        first = next(iter(columns.values()))
        groups = first.groups or {}  # images of one person
        with (target / f"scores_{split}.csv").open("w", newline="") as file:
            rows = csv.writer(file, lineterminator="\n")
            rows.writerow(["id", "group", *columns])
            for image in first.ids:
                dice = [f"{of_run[image]:.6f}" for of_run in scores.values()]
                rows.writerow([image, groups.get(image, image), *dice])
    lines = [f'"{split}": {json.dumps(of, sort_keys=True)}' for split, of in evaluations.items()]
    (target / "evaluations.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
    (target / "made.json").write_text(json.dumps(facts, indent=2) + "\n")


def made(study: Study) -> dict:
    """Return how the runs of a study were made."""
    starts = [start for _, run in study.scored for start in read_starts(run.workdir)]
    packages: dict[str, dict[str, None]] = {}
    for start in starts:
        for name, version in start["packages"].items():
            packages.setdefault(name, {})[str(version)] = None
    seconds = [log[-1]["seconds"] for log in (read_metrics(run.workdir) for _, run in study.scored)]
    return {
        "runs": len(study.scored),
        "commands": sorted({command(start["command"]) for start in starts}),
        "commits": sorted({str(start["git"]) for start in starts}),
        "dates": [min(start["time"] for start in starts)[:10], max(start["time"] for start in starts)[:10]],
        "hours": round(sum(seconds) / 3600, 2),
        "devices": sorted({" + ".join(start["devices"]) for start in starts}),
        "processors": sorted({start["processor"] for start in starts}),
        "python": sorted({start["python"] for start in starts}),
        "packages": {name: ", ".join(versions) for name, versions in packages.items()},
        "not_scored": study.missing,
    }


def command(words: list[str]) -> str:
    """Return the command of a study, with words in place of this machine's folders."""
    words = [word for word in words[1:] if not word.startswith("--only")]
    words = [re.sub(r"(?<=data\.dir=).*", "FOLDER", word) for word in words]
    words = [re.sub(r"(?<=workdir=).*/", "studies/", word) for word in words]
    return " ".join(["python launch/reproduce.py", *words])


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("name the folder of a study, as in: python results/collect.py studies/isic_table1")
    main(sys.argv[1])
