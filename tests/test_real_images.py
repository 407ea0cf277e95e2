"""The main job on real images, word for word as the configs' docstrings have it; slow, and only where there are images.

``JAXSEG_DATA`` names a folder with ``chase_db1/`` and ``isic2017/`` in their owners' layouts.
"""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from config_files import module_of

ROOT = Path(__file__).parents[1]


def commands(config, folder, workdir):
    """Return the commands of the docstring's block for two cores, with the reader's folders filled in."""
    text = module_of(ROOT / "configs" / f"{config}.py").__doc__.partition("Two CPU cores:")[2].replace("\\\n", " ")
    lines = [line.strip() for line in text.splitlines() if line.strip().startswith("python ")]
    assert len(lines) == 2
    filled = [line.replace("=FOLDER", f"={folder}").replace(f"runs/{config}", str(workdir)) for line in lines]
    return [[sys.executable, *shlex.split(line)[1:]] for line in filled]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("config", "data", "dice"),
    [("demo_ja9", None, 0.85), ("chase_ja9", "chase_db1", 0.75), ("isic_ja9", "isic2017", 0.83)],
)
def test_the_documented_run_reaches_its_dice_on_images_it_did_not_train_on(config, data, dice, tmp_path):
    if data is not None and "JAXSEG_DATA" not in os.environ:
        pytest.skip("JAXSEG_DATA does not name a folder with the real images")
    folder = Path(os.environ.get("JAXSEG_DATA", ".")) / (data or "")
    # The conftest's flags are for tests that compile much and compute little.
    environment = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"}
    for command in commands(config, folder, tmp_path / "run"):
        ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stderr
    scores = json.loads((tmp_path / "run" / "eval" / "test.json").read_text())
    assert scores["full"]["image_mean"]["dice"] >= dice
