import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "gpu.sh"
STAGES = ("tests", "race", "roofline", "training")


@pytest.mark.slow
def test_one_call_does_all_that_wants_a_gpu(tmp_path):
    """At its smallest, on any machine: each stage leaves its JSON, and the training is scored."""
    command = [SCRIPT, "--tiny", "--minutes=9", f"--output={tmp_path / 'out'}"]
    environment = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "XDG_CACHE_HOME": str(tmp_path)}
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    log = (tmp_path / "out" / "log.txt").read_text()
    assert ran.returncode == 0, log[-3000:]
    found = {stage: json.loads((tmp_path / "out" / f"{stage}.json").read_text()) for stage in STAGES}
    if "skipped" not in found["race"]:  # torch is installed; a slow machine has no time for all of them
        assert any(race.get("ratio", 0) > 0 for race in found["race"])
        assert all("ratio" in race or "skipped" in race or race["cut"] for race in found["race"])
    assert [row["step"] for row in found["training"]["rows"] if "val/full/image_mean/dice" in row]
    assert found["training"]["test"]["full"]["image_mean"]["dice"] >= 0
    assert len(list((tmp_path / "out").iterdir())) <= 8
