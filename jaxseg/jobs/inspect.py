"""Look into a network: what it takes before it is trained, what a trained one reads from any pixel of an image."""

from __future__ import annotations

import inspect
import operator
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import UInt8

from jaxseg import attention, data, inference, models, report
from jaxseg.checks import nearest
from jaxseg.config import Settings, training_batch
from jaxseg.data.images import Mask, Picture, read_image
from jaxseg.data.layout import EVERY
from jaxseg.runs.folder import read, read_config

_TOLD = 8  # ids of a split that an error names


def layer_table(config: Settings, depth: int = 1) -> str:
    """Return the layers of a config's network, and what a training step needs, as text; no data is read.

    Args:
        config: the settings.
        depth: 1 gives a row to each outermost module, 2 to those inside them too, and so on.

    Raises:
        ValueError: a setting is wrong, or no setting says how large the images are.
    """
    return models.summarise(*training_batch(config)).text(depth)


def inspect_attention(
    workdir: str | Path,
    image: str | Path,
    pixel: Sequence[int],
    *,
    output: str | Path | None = None,
    checkpoint: str = "best",
) -> Path:
    """Draw the attention of a run's network at every skip as it looks from a pixel of an image; return the picture.

    Args:
        workdir: the run's folder.
        image: the file of a photograph, or one of the run's own images by its split and id, as in
            ``test:fundus_0_2000015``; its truth is drawn too.
        pixel: row and column in the photograph's own size, from 0 at the top left.
        output: the PNG to write; None: ``figures/attention_<image>_<row>_<column>.png`` of the run.
        checkpoint: the best on val, or the latest.

    Raises:
        FileNotFoundError: there is no such run or image.
        FileExistsError: the picture is there already.
        ValueError: the split has no such image, the pixel is off the image, the network has no attention, or a file is
            damaged.
    """
    y, x = pixel
    workdir = Path(workdir)
    split, colon, name = str(image).partition(":")
    of_run = bool(colon) and split in EVERY
    stem = name.replace("/", "_") if of_run else Path(image).stem
    path = workdir / "figures" / f"attention_{stem}_{y}_{x}.png" if output is None else Path(output)
    if path.suffix != ".png":
        raise ValueError(f"{path}: the picture is a PNG; name a file that ends in .png")
    if os.path.lexists(path):
        raise FileExistsError(f"{path} is there already; choose another --output, or move it away")
    # A run that is none, and a pixel off the image, are told before the network is there.
    config = read_config(workdir)["data"]
    if of_run:
        shown = _of_run(workdir, config, split, name)
    else:
        shown = Shown(Path(image).name, read_image(image, tuple(config["window"])), None)
    models.require_on_image([(y, x)], shown.image.shape[:2])
    predictor = inference.load(workdir, checkpoint)
    seen = scene(predictor, shown.image, f"{shown.name}, step {predictor.step} of {workdir.name}", shown.truth)
    figure = report.draw_pixel(seen, (y, x))
    path.parent.mkdir(parents=True, exist_ok=True)
    report.save(figure, path)
    return path


class Shown(NamedTuple):
    """A photograph to look at; ``truth`` is the class of each pixel, where that is known."""

    name: str
    image: Picture
    truth: Mask | None


def _of_run(workdir: Path, config: dict[str, Any], split: str, name: str) -> Shown:
    """Return an image of the data that a run was trained with, as published: neither resized nor equalised.

    Raises:
        ValueError: the run has no such split, the split no such id, or the folder no such image any more.
        FileNotFoundError: the folder of the images is gone.
    """
    listed = workdir / "data.json"
    splits = read(listed, operator.itemgetter("splits"))
    if split not in splits:
        raise ValueError(f"{workdir} has no {split} images; it has {', '.join(splits)}, and {listed} lists them")
    ids = splits[split]["ids"]
    if name not in ids:
        told = ", ".join(ids) if len(ids) <= _TOLD else f"{', '.join(ids[:_TOLD])}, ...; {listed} lists them all"
        raise ValueError(f"{split} has no image {name!r}{nearest(name, ids)}; it has {len(ids)}: {told}")
    records = data.load_split(config, split)
    if name not in records.ids:
        raise ValueError(
            f"{config['dir']} has no image {name!r} in {split} any more, though {workdir} was trained with it; "
            "restore it, or name the file of a photograph"
        )
    record = records[records.ids.index(name)]
    return Shown(f"{split}: {name}", record.image, record.mask)


def scene(
    predictor: inference.Predictor,
    image: UInt8[np.ndarray, "height width 3"],
    title: str,
    truth: UInt8[np.ndarray, "height width"] | None = None,
) -> report.Scene:
    """Return what a picture of attention shows of an image: its prediction, its skips, and words about both.

    Args:
        predictor: of a run.
        image: a photograph.
        title: says which image this is; the name of the mechanism comes before it.
        truth: the class of each pixel, 0 for the background; None where it is not known.

    Raises:
        ValueError: the network has no attention.
    """
    skips = predictor.skips(image)
    name = predictor.model.attention
    about = [describe(name)]
    if predictor.tile or predictor.flips:
        about.append(
            f"The prediction is that of {predictor.describe()}; the attention that of the whole image at once."
        )
    return report.Scene(f"{name}: {title}", tuple(about), image, predictor(image), skips, predictor.classes, truth)


def draw_structures(seen: report.Scene, level: int, pixel: tuple[int, int], figure: Any = None) -> Any:
    """Draw the paper's nine structures at one skip of a network with a joint one, all with the weights of that one.

    Args:
        seen: from ``scene``.
        level: which skip.
        pixel: row and column in the image.
        figure: a figure to clear and draw on; None makes one.

    Returns:
        The figure.

    Raises:
        ValueError: the pixel is off the image, or the skip carries no joint structure.
    """
    skip: Any = seen.skips[level]
    arranged = {f"{name}\n{describe(name)}": other for name, other in skip.structures().items()}
    about = f"The nine structures at skip {level}, stride {skip.stride}: one network's weights, arranged in nine ways."
    return report.draw_comparison(seen._replace(about=(about,)), arranged, pixel, figure)


def describe(name: str) -> str:
    """Return what a mechanism computes, in its own words, each formula on a line of its own."""
    words = (inspect.getdoc(attention.MECHANISMS[name]) or name).split("\n\n")[0]
    return words.replace(":  ", "\n").replace(";  ", "\n").replace("``", "")
