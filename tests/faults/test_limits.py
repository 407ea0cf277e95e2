"""What ends a command from outside ends it in one line: signals in any phase, limits, a folder that is taken away."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from little_run import ROOT, arguments, assert_equal, finish, rows


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """A run and the cache of its images."""
    folder = tmp_path_factory.mktemp("undisturbed")
    finish(*arguments(folder / "run", folder / "cache"))
    return folder / "run", folder / "cache"


def begin(*rest, limit="true", **variables):
    script, *flags = rest
    command = ["bash", "-c", f'{limit}; exec "$@"', "bash", sys.executable, str(ROOT / "launch" / script), *flags]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([str(word) for word in command], env=os.environ | variables, **streams)


def line_of(process, code):
    """Return the line with which a process ends."""
    _, err = process.communicate(timeout=120)
    lines = err.splitlines()
    assert (process.returncode, len(lines)) == (code, 1), err
    return lines[0]


def caught(process):
    """Return the set of signals for which a process has handlers, as bits."""
    status = Path(f"/proc/{process.pid}/status")
    if not status.exists():
        pytest.skip("there is no /proc here to tell whether Python has started")
    return int(re.search(r"^SigCgt:\s*(\w+)", status.read_text(), re.MULTILINE)[1], 16)


def wait_for_a_row(process, run):
    while not rows(run):
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("number", "seconds"),
    [
        pytest.param(number, seconds, marks=() if usual else pytest.mark.slow)
        for number, quick in ((signal.SIGINT, 0.5), (signal.SIGTERM, 0))
        for seconds in (0, 0.5, 1)
        for usual in [seconds == quick]
    ],
)
def test_a_signal_ends_imports_and_preparation_at_once(tmp_path, number, seconds):
    process = begin(*arguments(tmp_path / "run", tmp_path / "cache"))
    while not caught(process) >> (signal.SIGTERM - 1) & 1:  # Python itself starts
        time.sleep(0.01)
    time.sleep(seconds)
    process.send_signal(number)
    began = time.monotonic()
    assert line_of(process, 128 + number) == "interrupted"
    assert time.monotonic() - began < 1


@pytest.mark.slow
def test_a_signal_ends_a_compile_at_once(tmp_path):
    """Python itself hears of it when the compiler returns, which takes minutes for a large network."""
    network = ["--config.model.name=denseunet", "--config.model.options={}", "--config.model.size=121"]
    process = begin(*arguments(tmp_path / "run", tmp_path / "cache"), *network, XDG_CACHE_HOME=str(tmp_path / "empty"))
    for line in process.stdout:
        if "compiles" in line:
            break
    time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    began = time.monotonic()
    assert line_of(process, 128 + signal.SIGTERM) == "interrupted"
    assert time.monotonic() - began < 1


@pytest.mark.slow
def test_a_second_signal_does_not_wait_for_the_step(tmp_path):
    process = begin(*arguments(tmp_path / "run", tmp_path / "cache"), "--config.train.steps=100000")
    wait_for_a_row(process, tmp_path / "run")
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)
    said = line_of(process, 128 + signal.SIGINT)
    assert re.fullmatch(r"interrupted|stopped at step \d+ and saved; run the same command to resume", said)


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        ("ulimit -f 1", ["config.json: File too large", "ulimit -f"]),
        pytest.param("ulimit -f 60", ["run/checkpoints: File too large", "ulimit -f"], marks=pytest.mark.slow),
        ("ulimit -v 900000", ["the limit on address space (ulimit -v) is 0.86 GiB", "raise it"]),
    ],
)
def test_a_limit_is_told_and_the_run_goes_on_without_it(tmp_path, undisturbed, limit, words):
    run, (alone, cache) = tmp_path / "run", undisturbed
    said = line_of(begin(*arguments(run, cache), limit=limit, JAX_ENABLE_COMPILATION_CACHE="false"), 1)
    assert said.startswith("error: ")
    for word in words:
        assert word in said
    if "checkpoints" in words[0]:
        finish(*arguments(run, cache))
        assert_equal(run, alone)


def test_a_run_outlives_the_reader_of_what_it_prints(tmp_path, undisturbed):
    run, (alone, cache) = tmp_path / "run", undisturbed
    process = begin(*arguments(run, cache))
    process.stdout.readline()
    process.stdout.close()
    assert (process.wait(timeout=120), process.stderr.read()) == (0, "")
    process.stderr.close()
    assert_equal(run, alone)


def test_a_full_disk_under_what_is_printed_is_told(tmp_path, undisturbed):
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full here")
    said = line_of(begin(*arguments(tmp_path / "run", undisturbed[1]), limit="exec >/dev/full"), 1)
    assert said.startswith("error: stdout: No space left on device; make room there")


@pytest.mark.slow
def test_a_run_whose_folder_is_deleted_ends_at_once(tmp_path):
    run = tmp_path / "run"
    process = begin(
        *arguments(run, tmp_path / "cache"), "--config.train.steps=99999", "--config.train.eval_every=99999"
    )
    wait_for_a_row(process, run)
    shutil.rmtree(run)
    began = time.monotonic()
    assert "metrics.jsonl was moved or deleted under its run" in line_of(process, 1)
    assert time.monotonic() - began < 5
    assert not run.exists()
