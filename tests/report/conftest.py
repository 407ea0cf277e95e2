from pathlib import Path

import numpy as np
import pytest

from jaxseg import files
from jaxseg.data.records import Record
from jaxseg.metrics import Evaluation, Tally


def _probability(image):
    return (image[..., 1] / 255).astype(np.float32)


@pytest.fixture
def records():
    """Five images; the truth is their green half, noisier from image to image; the first two have a field of view."""
    rng = np.random.default_rng(0)
    made = []
    for index in range(5):
        image = rng.integers(0, 256, (24, 30, 3), np.uint8)
        mask = (image[..., 1] + rng.normal(0, 10 + 40 * index, (24, 30)) > 127.5).astype(np.uint8)
        fov = np.ones((24, 30), np.uint8)
        fov[:4] = 0
        made.append(Record(f"eye{index}", image, mask, fov if index < 2 else None, 1 - mask, f"eye{index}"))
    return made


@pytest.fixture
def evaluation(records):
    model, human = Tally(), Tally(ranked=False)
    for record in records:
        fov = None if record.fov is None else record.fov == 1
        model.add(record.id, _probability(record.image), record.mask == 1, fov)
        human.add(record.id, record.observer2.astype(np.float32), record.mask == 1, fov)
    return Evaluation(model.summary(), model.rows, human.summary(), threshold=0.5, scored_at="prepared")


class GreenPredictor:
    """The green channel as a probability; notes which of its two ways was asked."""

    step = 200

    def __init__(self):
        self.asked = []

    def __call__(self, image):
        self.asked.append("photograph")
        return _probability(image)

    def prepared(self, image):
        self.asked.append("prepared")
        return _probability(image)

    def describe(self):
        return "whole images"


@pytest.fixture
def predictor():
    return GreenPredictor()


@pytest.fixture
def drawn(monkeypatch):
    """Every figure that is saved, by its file's name."""
    from matplotlib.figure import Figure

    figures, written = {}, []
    draw, write = Figure.savefig, files.write

    def keep(figure, stream, **options):
        draw(figure, stream, **options)
        written.append(figure)

    def name(path, data):
        write(path, data)
        if written:
            figures[Path(path).name] = written.pop()

    monkeypatch.setattr(Figure, "savefig", keep)
    monkeypatch.setattr(files, "write", name)
    return figures


@pytest.fixture
def metrics_rows():
    rows = [{"step": step, "train/loss": 50 / step, "train/learning_rate": 1e-3} for step in range(50, 301, 50)]
    for step, dice in ((100, 0.5), (200, 0.8), (300, 0.7)):
        rows.append({"step": step, "val/full/image_mean/dice": dice, "val/full/image_mean/recall": dice - 0.1})
    return rows
