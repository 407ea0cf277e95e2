"""A folder of photographs: prepared, predicted and scored; prediction races against a PyTorch loop that does the same.

Photographs of 584 x 565 are generated, a network with random weights is saved as a run, and
``jaxseg.inference.predict_folder`` writes its three pictures of each. The loop reads the same files with OpenCV, makes
the same CLAHE and normalisation, asks the twin, and writes the same pictures as PNG files of weak compression; their
pixels are compared before any time is taken.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import bench_cases
import cv2
import equality
import machine
import numpy as np
import ours
import race
import torch
import twin

from jaxseg import data, inference
from jaxseg.config import defaults, resolved, validate
from jaxseg.data import generate
from jaxseg.data.preprocess import Preprocess
from jaxseg.runs.checkpoint import Checkpoints

HEIGHT, WIDTH = 584, 565
FLIPS = ((), (0,), (1,), (0, 1))  # of each generated photograph, so that few have to be painted
KINDS = ("masks", "probabilities", "overlays")
CYAN, TINT = np.array([0, 229, 255], np.float32), 0.15


def measure(*, network: str = "small:ja9", images: int = 40, turns: int = 3, device: str = "auto") -> dict[str, Any]:
    """Return images a second of each part, and ``ratio``, the time of prediction over that of the PyTorch loop.

    Args:
        network: size:attention.
        images: how many.
        turns: whole calls of each side.
        device: "cpu", "gpu", or "auto".

    Raises:
        ValueError: a network or a device that does not exist.
        equality.Mismatch: the two write other pictures.
    """
    case = bench_cases.parse(f"{network}:{HEIGHT}x{WIDTH}")
    _, place = race.placed(device, race.single)
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        paint(root / "set", images)
        config = defaults()
        config.model.size, config.model.attention = case.size, case.attention
        config.data.update(name="folder", dir=str(root / "set"), cache_dir=str(root / "cache"), holdout=0, test=0)
        began = time.perf_counter()
        splits = data.load(config.data.to_dict())
        found = {"prepare_per_second": round(images / (time.perf_counter() - began), 2)}
        variables = ours.variables(case)
        save(root / "run", config, splits.preprocess, variables)
        predictor = inference.load(root / "run")
        loop, source = Loop(equality.twin_of(case, variables, place), splits.preprocess), root / "set/images"
        contenders = {
            "jaxseg": Calls(
                root / "jaxseg", lambda to: inference.predict_folder(predictor, source, to, progress=False)
            ),
            "torch": Calls(root / "torch", lambda to: loop.predict(source, to)),
        }
        for name, calls in contenders.items():
            found[f"{name}_first_seconds"] = round(race.timed(calls.run, 1), 2)
        rounded = equality.computed("float32", place) == "rounded"
        apart = compare(root / "jaxseg", root / "torch", rounded=rounded)
        with machine.watched() as others:
            times = race.in_turns({name: calls.run for name, calls in contenders.items()}, turns=turns, steps=1)
        inference.score(predictor, splits.train[:2], progress=False)  # compiles, where it has programs of its own
        began = time.perf_counter()
        inference.score(predictor, splits.train, progress=False)
        found["evaluate_per_second"] = round(images / (time.perf_counter() - began), 2)
    told = race.ratios(times)
    rates = {f"{name}_per_second": round(1000 * images / told[f"{name}_ms"], 2) for name in contenders}
    head = {"race": "folder", "case": str(case), "images": images, "turns": turns}
    return head | told | rates | found | {"apart": apart} | others | race.where(place)


def paint(folder: Path, images: int) -> None:
    """Write so many photographs, PNG, and their masks."""
    for kind in ("images", "masks"):
        (folder / kind).mkdir(parents=True)
    for index in range(images):
        which, flip = divmod(index, len(FLIPS))
        if not flip:
            photograph, vessels, _ = generate.fundus(0, which, HEIGHT)
        for kind, picture in (("images", photograph[..., ::-1]), ("masks", 255 * vessels)):
            cv2.imwrite(str(folder / kind / f"{index:03d}.png"), np.flip(picture[:, :WIDTH], FLIPS[flip]))


def save(folder: Path, config: Any, preprocess: Preprocess, variables: dict[str, Any]) -> None:
    """Write what prediction reads of a run."""
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(resolved(config, validate(config))))
    (folder / "preprocess.json").write_text(json.dumps(preprocess.to_json()))
    checkpoints = Checkpoints(folder / "checkpoints")
    checkpoints.save(1, variables | {"ema": None}, {"step": 1}, score=None)
    checkpoints.close()


class Calls:
    """Whole calls of one side, each into an empty folder."""

    def __init__(self, folder: Path, predict: Any):
        self.folder, self.predict = folder, predict

    def run(self, steps: int) -> None:
        """Predict all images so many times."""
        for _ in range(steps):
            shutil.rmtree(self.folder, ignore_errors=True)
            self.predict(self.folder)


class Loop:
    """The loop over files that a user of PyTorch writes."""

    def __init__(self, network: twin.DenseUNet, preprocess: Preprocess):
        self.network, self.preprocess = network.eval(), preprocess
        self.device = next(network.parameters()).device

    def predict(self, images: Path, output: Path) -> None:
        """Write masks, probabilities and overlays of every image of a folder."""
        for kind in KINDS:
            (output / kind).mkdir(parents=True)
        for path in sorted(images.iterdir()):
            image = cv2.cvtColor(cv2.imread(str(path), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
            probability = self.probability(image)
            mask = probability > 0.5
            grey = np.rint(probability * 65535).astype(np.uint16)
            tinted = cv2.cvtColor(overlay(image, mask), cv2.COLOR_RGB2BGR)
            for kind, picture in zip(KINDS, (np.uint8(255) * mask, grey, tinted), strict=True):
                cv2.imwrite(str(output / kind / path.name), picture, [cv2.IMWRITE_PNG_COMPRESSION, 1])

    @torch.inference_mode()
    def probability(self, image: np.ndarray) -> np.ndarray:
        """Return the probability of the foreground, [height, width]."""
        normalised = self.preprocess.normalise(self.preprocess.prepare(image))
        given = torch.from_numpy(normalised[None]).permute(0, 3, 1, 2).to(self.device)
        return torch.softmax(self.network(given), 1)[0, 1].cpu().numpy()


def overlay(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return the photograph with the mask tinted and outlined, as ``predict_folder`` draws it."""
    radius = max(1, round(min(mask.shape) / 400))
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    inner = cv2.erode(mask.astype(np.uint8), cross, iterations=radius, borderType=cv2.BORDER_REPLICATE)
    opacity = np.where(mask & (inner == 0), 1.0, np.where(mask, TINT, 0.0)).astype(np.float32)[..., None]
    return np.rint(image * (1 - opacity) + CYAN * opacity).astype(np.uint8)


def compare(ours: Path, theirs: Path, *, rounded: bool) -> dict[str, float]:
    """Return the largest share of pixels, over the images, that differ in each kind of picture.

    Probabilities differ where they are more than two grey values of 65535 apart (more than 655 where rounded).

    Raises:
        equality.Mismatch: more than a hundredth differ.
    """
    found = {}
    for kind, allowed in zip(KINDS, (0, 655 if rounded else 2, 0), strict=True):
        shares = []
        for path in sorted((ours / kind).iterdir()):
            a, b = (cv2.imread(str(p), cv2.IMREAD_UNCHANGED).astype(int) for p in (path, theirs / kind / path.name))
            shares.append(float((np.abs(a - b) > allowed).mean()))
        found[kind] = equality.within(f"{kind} in {ours}", max(shares), 0.01)
    return found
