"""What the tests of every room share."""

import os
import sys
from pathlib import Path

from hypothesis import settings

sys.path.insert(0, str(Path(__file__).parent))  # for tests/oracles.py

# Tests compile far more than they compute: LLVM's optimisation costs more than it saves. Set before JAX starts.
os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_backend_optimization_level=0"

# A first call may compile, and the machine may be busy: no deadline. Every run draws the same examples.
settings.register_profile("jaxseg", deadline=None, derandomize=True)
settings.load_profile("jaxseg")
