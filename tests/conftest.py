"""What the tests of every room share."""

import atexit
import gc
import os
import shutil
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from hypothesis import settings

sys.path.insert(0, str(Path(__file__).parent))  # for tests/oracles.py

# Tests compile far more than they compute: LLVM's optimisation costs more than it saves. Set before JAX starts.
# Each worker has a core of its own, so a program is not cut in parts that several threads compile.
QUICK = " --xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
QUICK += " --xla_cpu_parallel_codegen_split_count=1"
if version("jaxlib") < "0.11":  # later ones no longer know the flag, and an unknown one ends the process
    QUICK += " --xla_cpu_use_fusion_emitters=false"
os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + QUICK
gc.set_threshold(200_000, 50, 50)  # a trace makes many objects and keeps them: looking for garbage finds little

# Nothing of the user's own cache is read or written; the workers share the folder of the process that starts them.
if "PYTEST_XDIST_WORKER" not in os.environ:
    os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp(prefix="jaxseg-tests-")
    atexit.register(shutil.rmtree, os.environ["XDG_CACHE_HOME"], ignore_errors=True)

# A first call may compile, and the machine may be busy: no deadline. Every run draws the same examples.
settings.register_profile("jaxseg", deadline=None, derandomize=True)
settings.load_profile("jaxseg")

# A worker takes a file at a time: the longest go first, so that no core waits for one at the end.
LONGEST = (
    "mistakes/test_mistakes.py",
    "faults/test_resume.py",
    "training/test_loop.py",
    "training/test_devices.py",
    "jobs/test_train.py",
    "pages/test_study_page.py",
    "models/test_every_mechanism.py",
)


def pytest_collection_modifyitems(items):
    turns = {(Path(__file__).parent / name).resolve(strict=True): turn for turn, name in enumerate(LONGEST)}
    items.sort(key=lambda item: turns.get(item.path, len(turns)))
