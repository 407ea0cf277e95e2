"""Look into a network: what it takes before it is trained, what a trained one reads from any pixel of an image."""

from __future__ import annotations

import inspect
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from jaxseg import attention, inference, models, report
from jaxseg.config import Settings, training_batch
from jaxseg.data.images import read_image
from jaxseg.runs.folder import read_config


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
        image: a photograph.
        pixel: row and column in the photograph's own size, from 0 at the top left.
        output: the PNG to write; None: ``figures/attention_<image>_<row>_<column>.png`` of the run.
        checkpoint: the best on val, or the latest.

    Raises:
        FileNotFoundError: there is no such run or image.
        FileExistsError: the picture is there already.
        ValueError: the pixel is off the image, the network has no attention, or a file is damaged.
    """
    y, x = pixel
    path = Path(workdir, "figures", f"attention_{Path(image).stem}_{y}_{x}.png") if output is None else Path(output)
    if path.suffix != ".png":
        raise ValueError(f"{path}: the picture is a PNG; name a file that ends in .png")
    if os.path.lexists(path):
        raise FileExistsError(f"{path} is there already; choose another --output, or move it away")
    # A run that is none, and a pixel off the image, are told before the network is there.
    photograph = read_image(image, tuple(read_config(Path(workdir))["data"]["window"]))
    models.require_on_image([(y, x)], photograph.shape[:2])
    predictor = inference.load(workdir, checkpoint)
    seen = scene(predictor, photograph, f"{Path(image).name}, step {predictor.step} of {Path(workdir).name}")
    figure = report.draw_pixel(seen, (y, x))
    path.parent.mkdir(parents=True, exist_ok=True)
    report.save(figure, path)
    return path


def scene(predictor: inference.Predictor, image: UInt8[np.ndarray, "height width 3"], title: str) -> report.Scene:
    """Return what a picture of attention shows of an image: its prediction, its skips, and words about both.

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
    return report.Scene(f"{name}: {title}", tuple(about), image, predictor(image), skips, predictor.classes)


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
    return words.replace(":  ", "\n").replace(";  ", "\n")
