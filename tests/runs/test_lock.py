import subprocess
import sys

import pytest

from jaxseg.runs.lock import lock

HOLD = """
import sys
from pathlib import Path
from jaxseg.runs.lock import lock
with lock(Path(sys.argv[1]), lambda: None):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_lock_is_held_against_another_process_until_that_ends(tmp_path):
    path, asked = tmp_path / "a.lock", []
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert holder.stdout.readline() == b"held\n"

    def busy():
        raise ValueError("somebody holds it")

    with pytest.raises(ValueError, match="somebody holds it"), lock(path, busy):
        pass

    def wait():
        asked.append(True)
        holder.kill()

    with lock(path, wait):
        assert asked == [True]
    with lock(path, busy):  # free again
        pass
    holder.communicate()
