"""Preparing a folder of photographs of 3000 x 2000 pixels, beside decoding and resizing them alone.

    python benchmarks/preparation.py [--images=24] [--size=256]

Preparation reads each photograph and its mask, resizes both, makes CLAHE, writes them as PNG into the cache and takes a
digest of every file; ``--size=0`` keeps their own size. The floor reads the same files with OpenCV, and resizes them,
by as many threads as there are cores.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np

from jaxseg import data
from jaxseg.config import defaults
from jaxseg.data import generate

WIDTH, HEIGHT = 3000, 2000
PAINTED = 3  # the others are these, shifted
TURNS = 3


def paint(folder: Path, images: int) -> None:
    """Write so many photographs as JPEG, and their masks."""
    for kind in ("images", "masks"):
        (folder / kind).mkdir(parents=True)
    drawn = [generate.lesion(0, index, 640) for index in range(PAINTED)]
    for index in range(images):
        photograph, lesion = (
            cv2.resize(np.roll(a, 7 * index, 1), (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
            for a in drawn[index % PAINTED]
        )
        grain = np.random.default_rng(index).normal(0, 4, photograph.shape)  # a camera's, which JPEG has to keep
        noisy = np.clip(photograph + grain, 0, 255).astype(np.uint8)
        cv2.imwrite(str(folder / "images" / f"{index:03d}.jpg"), noisy[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])
        cv2.imwrite(str(folder / "masks" / f"{index:03d}.png"), 255 * (lesion > 0).astype(np.uint8))


def floor(folder: Path, size: int) -> float:
    """Return the seconds that decoding and resizing all files take."""

    def read(path: Path) -> None:
        picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        if size:
            cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA)

    began = time.perf_counter()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(read, sorted(folder.rglob("*.*"))))
    return time.perf_counter() - began


def prepared(folder: Path, cache: Path, size: int) -> float:
    """Return the seconds that preparing the set takes."""
    config = defaults()
    config.data.update(name="folder", dir=str(folder), cache_dir=str(cache), holdout=0, test=0)
    if size:
        config.data.image_size = (size, size)
    began = time.perf_counter()
    data.load(config.data.to_dict())
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=24, help="how many photographs")
    parser.add_argument("--size", type=int, default=256, help="height and width of what is prepared; 0: their own")
    options = parser.parse_args()
    cv2.setNumThreads(1)  # one thread an image
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "set"
        paint(folder, options.images)
        turns = []
        for turn in range(TURNS):
            alone = floor(folder, options.size)
            turns.append((alone, prepared(folder, Path(temporary) / f"cache{turn}", options.size)))
    alone, whole = (1000 * np.median([pair[k] for pair in turns]) / options.images for k in (0, 1))
    ratios = [whole / alone for alone, whole in turns]
    print(f"decoding and resizing {alone:.0f} ms an image, preparation {whole:.0f} ms")
    print(f"ratio {np.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main()
