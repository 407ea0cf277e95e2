"""What the launchers print when nothing is wrong; tests/mistakes has what they print when something is."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from scored_runs import scored_run

ROOT = Path(__file__).parents[2]
LAUNCHERS = sorted(path.name for path in (ROOT / "launch").glob("*.py"))


def launch(script, *arguments, **variables):
    command = [sys.executable, ROOT / "launch" / script, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | variables)


def test_a_network_is_inspected_without_its_data():
    small = ["--config.model.size=micro", "--config.model.attention=none", "--config.data.patch_size=(32, 32)"]
    ran = launch("inspect_model.py", f"--config={ROOT / 'configs' / 'folder_ja9.py'}", *small)
    assert (ran.returncode, ran.stderr) == (0, "")
    for word in ("stem", "16 x 16 x 8", "8,518", "a training step on 4 x 32 x 32 x 3"):
        assert word in ran.stdout


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_help_says_of_every_flag_what_happens_without_it(launcher):
    told = re.split(r"^  --", launch(launcher, "--help").stdout, flags=re.MULTILINE)[1:]
    assert told
    for flag in told:
        assert any(word in flag.split() for word in ("Required.", "Default:", "(default:")), flag
        assert "None" not in flag


def test_runs_are_compared(tmp_path):
    runs = [scored_run(tmp_path / f"{name}-run", model__attention=name) for name in ("none", "sa")]
    ran = launch("compare.py", *map(str, runs), "--metric=jaccard", f"--output={tmp_path / 'out'}")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.startswith("Jaccard, full image, mean over images; test, 12 images in 6 groups")
    assert len(list((tmp_path / "out").iterdir())) == 4
    ran = launch("compare.py", *map(str, runs), f"--output={tmp_path / 'out'}")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr == (
        f"error: {tmp_path}/out/comparison.json is there already; choose another --output, or move it away\n"
    )


def test_help_says_what_a_depth_is():
    told = " ".join(launch("inspect_model.py", "--help").stdout.split())
    assert "1 shows the outermost modules, 2 the modules inside" in told


def test_the_whole_trace_of_a_mistake_is_shown_on_request():
    ran = launch("evaluate.py", "--workdir=nowhere", JAXSEG_TRACEBACK="1")
    assert ran.returncode == 1
    assert "Traceback" in ran.stderr
    assert "nowhere: no such folder" in ran.stderr


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_a_command_line_is_read_before_the_libraries_are_imported(launcher):
    """So help comes at once, and a signal or a lack of memory during these seconds ends in one line."""
    program = f"import runpy, sys; runpy.run_path({str(ROOT / 'launch' / launcher)!r}); print('jax' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert ran.stdout == "False\n", ran.stderr
