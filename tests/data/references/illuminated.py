"""Record the illumination-based inputs of two images from public code.

    PYTHONPATH=../../attention/references python illuminated.py CLONE_OF_ILLUMINATION_BASED_TRANSFORMATIONS

illuminated     kakumarabhishek/Illumination-based-Transformations-Skin-Lesion-Segmentation 26e3ddf (MIT):
                transformations.py, with 24 x 32 in place of the 128 x 128 that stand in it

It runs with numpy 1.23, which has the names that it uses. It computes in float32. The second image has three black
pixels, and one without blue.
"""

import re
import sys
import warnings
from pathlib import Path

import numpy as np
from recording import load

ROWS, COLUMNS = 24, 32


def images() -> np.ndarray:
    """Return two photographs of a disc under light whose colour changes from left to right, [2, rows, columns, 3]."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:ROWS, :COLUMNS]
    found = []
    for skin, disc, light in (
        ((200, 150, 130), (110, 60, 50), (0.4, 0.0, -0.4)),
        ((170, 120, 110), (60, 50, 70), (-0.3, 0.3, 0.1)),
    ):
        inside = (rows - 13) ** 2 + (columns - 14) ** 2 < 60
        lit = np.exp(np.array(light) * (columns[..., None] / COLUMNS - 0.5)) * (0.8 + 0.4 * rows[..., None] / ROWS)
        paint = np.where(inside[..., None], disc, skin)
        noise = np.exp(0.02 * rng.normal(size=paint.shape))
        found.append(np.clip(np.rint(paint * lit * noise), 1, 255).astype(np.uint8))
    found[1][3, 4:7] = 0
    found[1][20, 5, 2] = 0
    return np.stack(found)


def main(clone: Path) -> None:
    warnings.simplefilter("ignore")  # of what numpy and torch have renamed since
    np.seterr(invalid="ignore")  # R' of black is 0 / 0

    def resized(text: str) -> str:
        return re.sub(r"128,\s*128", f"{ROWS}, {COLUMNS}", text)

    utils, colours = load(clone / "utils.py", resized), load(clone / "skimg_local.py")
    theirs = load(clone / "transformations.py", resized, utils=utils, skimg_local=colours)
    arrays: dict[str, list] = {}
    for image in images():
        red, value = theirs.select_channels(image)
        intrinsic, attenuated = theirs.calculate_Intrinsic_SA(image)
        made = {
            "image": image,
            "r_prime": red,
            "v_star": value,
            "gray": theirs.calculate_GRAY(image),
            "intrinsic": intrinsic,
            "shading_attenuated": attenuated,
            "least": utils.entropy_intrinsic(theirs.torch.from_numpy(image) + theirs.eps),  # of the angles, from 1
        }
        for name, array in made.items():
            arrays.setdefault(name, []).append(np.asarray(array))
    stored = {name: np.stack(both) for name, both in arrays.items()}
    path = Path(sys.argv[0]).with_name("illuminated.npz")
    np.savez_compressed(path, **stored)
    print(f"{path.name}: {path.stat().st_size / 1024:.1f} KiB", stored["least"] + 1)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
