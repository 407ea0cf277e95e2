"""A run that is killed, or asked to stop, and started again is the run that was left alone, to the last bit."""

import signal
import time

import pytest
from little_run import EVERY, STEPS, arguments, assert_equal, finish, rows, start, untimed


def stop_after(process, workdir, step, number):
    deadline = time.monotonic() + 240
    while not any(row["step"] > step for row in rows(workdir)):
        assert process.poll() is None, process.stdout.read()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(number)
    return process.communicate(timeout=120)[0]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("resume")
    alone, stopped, cache = folder / "alone", folder / "stopped", folder / "cache"
    finish(*arguments(alone, cache))
    process = start(*arguments(stopped, cache))
    told = stop_after(process, stopped, EVERY // 2, signal.SIGTERM)
    asked = process.returncode
    process = start(*arguments(stopped, cache))
    stop_after(process, stopped, EVERY + EVERY // 2, signal.SIGKILL)
    killed = process.returncode
    end = finish(*arguments(stopped, cache))
    return dict(alone=alone, stopped=stopped, told=told, asked=asked, killed=killed, end=end)


def test_sigterm_saves_says_so_and_leaves(runs):
    assert runs["asked"] == 128 + signal.SIGTERM
    assert "and saved; run the same command to resume" in runs["told"]


def test_the_killed_run_went_on_from_its_checkpoint(runs):
    assert runs["killed"] == -signal.SIGKILL
    assert "resuming from step " in runs["end"]


def test_parameters_and_log_are_equal_to_the_last_bit(runs):
    """The rows come every seventh step, and the run was taken up between two of them."""
    assert_equal(runs["stopped"], runs["alone"])
    assert [row["step"] for row in untimed(runs["alone"]) if "train/loss" in row] == [*range(7, STEPS, 7), STEPS]
    seconds = [row["seconds"] for row in rows(runs["stopped"])]
    assert seconds == sorted(seconds)


def test_a_finished_run_leaves_its_record(runs):
    names = {str(path.relative_to(runs["alone"])) for path in runs["alone"].rglob("*") if path.is_file()}
    assert {"config.json", "environment.json", "data.json", "preprocess.json", "metrics.jsonl", "report.md"} <= names
    assert any(name.startswith("figures/") and name.endswith(".png") for name in names)
