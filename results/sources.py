"""How well simple numbers of a picture tell the sides of a division of ISIC-2017 apart: the page docs/shift.md.

    python results/sources.py FOLDER

``FOLDER`` holds the training images, unpacked. For each division of the page: the area under the ROC curve of
boosted trees in five-fold cross-validation, from pictures of 256 x 256. Written as ``results/isic_sources.csv``.
"""

import csv
import sys
from pathlib import Path

import cv2
import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from jaxseg.data.isic import LATE

SIDE = 256
CORNER = 16  # pixels
NAMES = (
    "red", "green", "blue", "red spread", "green spread", "blue spread", "saturation", "bytes", "sharpness", "hair",
    "corner",
)  # fmt: skip
# First and last number of the blocks of ids, which have gaps between them.
FIRST, THIRD, LAST = (0, 1960), (9860, 11402), (LATE, 99999)
MOST = 500  # images on one side of a division by what is seen


def main(folder: str) -> None:
    """Measure all divisions, and write the table."""
    paths = sorted(Path(folder).rglob("ISIC_*[0-9].jpg"))
    if len(paths) != 2000:
        sys.exit(f"{folder} holds {len(paths)} photographs; want the 2000 of ISIC-2017's training archive")
    ids = np.array([int(path.stem.removeprefix("ISIC_")) for path in paths])
    seen = np.array([numbers(path) for path in paths])
    rows = []
    for name, (one, other), left_out in divisions(ids, seen):
        kept = [place for place, number in enumerate(NAMES) if number not in left_out]
        sides = np.concatenate([seen[one], seen[other]])[:, kept]
        auc = told_apart(sides, np.repeat([0, 1], [one.sum(), other.sum()]))
        rows.append({"division": name, "own": int(one.sum()), "other": int(other.sum()), "auc": f"{auc:.3f}"})
        for where, ends in {"first": FIRST, "third": THIRD, "last": LAST}.items():  # % of a block on the other side
            rows[-1][where] = round(100 * other[block(ids, ends)].mean())
        print(rows[-1], flush=True)
    with (Path(__file__).parent / "isic_sources.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, rows[0], lineterminator="\n")
        table.writeheader()
        table.writerows(rows)


def numbers(path: Path) -> list[float]:
    """Return ``NAMES`` of a photograph."""
    photograph = cv2.resize(cv2.imread(str(path)), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(photograph, cv2.COLOR_BGR2GRAY)
    pixels = photograph[..., ::-1].reshape(-1, 3)
    hair = cv2.morphologyEx(grey, cv2.MORPH_BLACKHAT, cv2.getStructuringElement(cv2.MORPH_RECT, (9, 9)))
    ends = slice(None, CORNER), slice(-CORNER, None)
    return [
        *pixels.mean(axis=0),
        *pixels.std(axis=0),
        cv2.cvtColor(photograph, cv2.COLOR_BGR2HSV)[..., 1].mean(),
        path.stat().st_size,
        cv2.Laplacian(grey, cv2.CV_64F).var(),
        hair.mean(),
        min(grey[rows, columns].mean() for rows in ends for columns in ends),
    ]


def block(ids, ends):
    """Return which ids are in a block."""
    return (ids >= ends[0]) & (ids <= ends[1])


def divisions(ids, seen):
    """Yield name, sides and the numbers that a division is made by, or that tell much of those."""
    late = block(ids, LAST)
    yield "early and late ids", (~late, late), ()
    yield "first block, and third", (block(ids, FIRST), block(ids, THIRD)), ()
    yield "first block, and last", (block(ids, FIRST), late), ()
    yield "third block, and last", (block(ids, THIRD), late), ()
    for name, number, sign, left_out in (
        ("dark corners", "corner", 1, ("corner",)),
        ("hair", "hair", -1, ("hair", "sharpness", "bytes")),
    ):
        most = np.zeros(len(ids), bool)
        most[np.argsort(sign * seen[:, NAMES.index(number)])[:MOST]] = True
        yield name, (~most, most), left_out


def told_apart(seen: np.ndarray, side: np.ndarray) -> float:
    """Return the area under the ROC curve of trees that tell the sides apart."""
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    found = cross_val_predict(
        HistGradientBoostingClassifier(random_state=0), seen, side, cv=folds, method="predict_proba"
    )
    return roc_auc_score(side, found[:, 1])


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("name the folder of ISIC-2017's archives, as in: python results/sources.py FOLDER")
    main(sys.argv[1])
