"""Pack predicted masks into a zip file for an evaluation server."""

from __future__ import annotations

import io
import os
import re
import zipfile
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from jaxseg import files
from jaxseg.checks import require
from jaxseg.data.images import code, encode_png, is_picture, passed_over, read_codes, stem
from jaxseg.progress import track


def submission(masks: str | Path, output: str | Path, names: str = "{id}") -> list[str]:
    """Write a zip file of PNG masks, 0 and 255, without folders; the same masks give the same bytes.

    Args:
        masks: a folder of masks of two values, 0 and 1 or 0 and 255, as ``launch/predict.py`` writes.
        output: the zip file; it may not be there yet.
        names: what a mask is called in it, without its ending: ``{id}`` stands for its own name, ``{number}`` for
            the first whole number in that, without leading zeros.

    Returns:
        The names in the file, in the masks' order.

    Raises:
        FileNotFoundError: there is no such folder.
        FileExistsError: there is such a file.
        ValueError: a picture is no mask of two values, a name has no number, or two masks get one name; nothing is
            written.
        OSError: the file cannot be written.
    """
    folder, target = Path(masks), Path(output)
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder; give the masks/ of launch/predict.py's --output")
    if os.path.lexists(target):
        raise FileExistsError(f"{target} is there already; choose another --output, or move it away")
    paths = sorted(filter(is_picture, folder.iterdir()))
    if not paths:
        raise ValueError(
            f"{folder} holds no masks; give the masks/ of launch/predict.py's --output. {passed_over(folder)}"
        )
    named: dict[str, Path] = {}
    for path in paths:
        name = f"{_name(names, stem(path))}.png"
        if name in named:
            raise ValueError(f"{named[name].name} and {path.name} would both become {name}; choose other --names")
        named[name] = path
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as packed:  # stored as they are: PNG is compressed already
        for name, path in track(named.items(), "pack"):
            packed.writestr(zipfile.ZipInfo(name), encode_png(_two_values(path)))
    files.write(target, data.getvalue())
    return list(named)


def _two_values(path: Path) -> UInt8[np.ndarray, "height width"]:
    values = read_codes(path)
    if values.max() not in (0, code(1), code(255)) or not np.isin(values, (0, values.max())).all():
        raise ValueError(f"{path}: holds other values than 0 and 255; only masks of one class are packed")
    return np.where(values > 0, 255, 0).astype(np.uint8)


def _name(names: str, own: str) -> str:
    """Return what a mask is called in the file."""
    number = re.search(r"\d+", own)
    known = {"{id}": own, "{number}": str(int(number[0])) if number else None}
    unknown = set(re.findall(r"{.*?}", names)) - set(known)
    require(not unknown and "/" not in names, "names", names, "a file's name with {id} or {number} in it")
    if "{number}" in names and number is None:
        raise ValueError(f"{own}.png has no number; use {{id}} in --names")
    return re.sub(r"{id}|{number}", lambda found: str(known[found[0]]), names)
