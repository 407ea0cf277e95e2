"""What the tests of every room share."""

import sys
from pathlib import Path

from hypothesis import settings

sys.path.insert(0, str(Path(__file__).parent))  # for tests/oracles.py

# A first call may compile, and the machine may be busy: no deadline. Every run draws the same examples.
settings.register_profile("jaxseg", deadline=None, derandomize=True)
settings.load_profile("jaxseg")
