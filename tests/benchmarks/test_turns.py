"""How turns are taken and ratios made, and that every command runs."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the races are against PyTorch: pip install 'jaxseg[bench]'")

import race
import run

ROOT = Path(__file__).parents[2]


@pytest.fixture
def clock(monkeypatch):
    """A clock that the contenders move."""
    now = [0.0]
    monkeypatch.setattr(race.time, "perf_counter", lambda: now[0])
    return now


def test_turns_alternate_and_last_alike(clock):
    log = []

    def contender(name, seconds):
        def run(steps):
            log.append((name, steps))
            clock[0] += steps * seconds

        return run

    times = race.in_turns({"jaxseg": contender("a", 0.25), "torch": contender("b", 0.5)}, turns=4, seconds=2.0)
    assert log[-8:] == [("a", 8), ("b", 4), ("b", 4), ("a", 8), ("a", 8), ("b", 4), ("b", 4), ("a", 8)]
    assert times == {"jaxseg": [250.0] * 4, "torch": [500.0] * 4}


def test_a_step_longer_than_a_turn_is_a_turn(clock):
    def run(steps):
        clock[0] += 7 * steps

    assert race.in_turns({"jaxseg": run}, turns=2, seconds=1.0) == {"jaxseg": [7000.0] * 2}


def test_ratios_are_those_of_turns_that_follow_each_other():
    times = {"jaxseg": [1.0, 10.0, 4.0], "torch": [2.0, 10.0, 2.0], "torch_compile": [1.0, 5.0, 4.0]}
    assert race.ratios(times) == {
        "ratio": 1.0, "range": [0.5, 2.0], "ratio_compile": 1.0, "range_compile": [1.0, 2.0],
        "jaxseg_ms": 4.0, "torch_ms": 2.0, "torch_compile_ms": 4.0,
    }  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "keys"),
    [
        ("train --case=micro:ja9:32 --turns=1 --seconds=.1", ["ratio", "range", "jaxseg_ms", "torch_ms"]),
        ("infer --case=micro:pwa:33x40 --turns=1 --seconds=.1 --dtype=bfloat16", ["ratio", "others_cores"]),
        ("memory --case=micro:none:32", ["ratio_cold", "ratio_warm", "torch_mib"]),
        ("attention --grids=8 --turns=1 --seconds=.1", ["rows"]),
        ("folder --network=micro:none --images=4 --turns=1", ["ratio", "prepare_per_second", "evaluate_per_second"]),
        ("roofline --case=micro:sa:32 --turns=1 --seconds=.1", ["rows", "copy_gbs", "float32_gflops"]),
        ("start", ["cold_seconds", "warm_seconds", "torch_seconds", "phases"]),
    ],
)
def test_every_command_prints_one_object(command, keys):
    program = [sys.executable, str(ROOT / "benchmarks/run.py"), *command.split(), "--json"]
    ran = subprocess.run(program, capture_output=True, text=True, check=False)
    assert not ran.returncode, ran.stderr
    found = json.loads(ran.stdout)
    assert set(keys) <= set(found)
    assert found["processor"]


@pytest.mark.parametrize(
    ("command", "line"),
    [
        ("infer --case=huge:ja9:128", "case is 'huge:ja9:128'"),
        ("infer --case=micro:none:32 --device=gpu", "device is gpu, and PyTorch sees none"),
        ("start --against=/nowhere", "--against a checkout"),
    ],
)
def test_a_mistake_is_one_line(command, line, monkeypatch):
    monkeypatch.setattr(race.torch.cuda, "is_available", lambda: False)
    with pytest.raises(SystemExit, match=line) as stopped:
        run.main(command.split())
    assert "\n" not in str(stopped.value)
