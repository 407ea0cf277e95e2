"""The files of ``configs/`` as modules, as a launcher reads them."""

import importlib.util
from pathlib import Path
from types import ModuleType

FOLDER = Path(__file__).parents[1] / "configs"
STUDIES = sorted((FOLDER / "studies").glob("*.py"))
CONFIGS = sorted({*FOLDER.rglob("*.py")} - {*STUDIES})


def module_of(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
