"""What the benchmarks name, measure from outside, and print."""

import json
import os
import subprocess
import sys
import time

import bench_cases
import machine
import processes
import pytest
import table
from bench_cases import Case

from jaxseg.models.denseunet import SIZES


@pytest.mark.parametrize(
    ("text", "case"),
    [("small:ja9:128", Case("small", "ja9", 128, 128)), ("161:none:584x565", Case("161", "none", 584, 565))],
)
def test_a_case_is_read_and_written(text, case):
    assert bench_cases.parse(text) == case
    assert str(case) == text


@pytest.mark.parametrize("text", ["small", "large:ja9:128", "small:danet:128", "small:ja9:0", "small:ja9:1x2x3"])
def test_a_wrong_case_says_what_is_wanted(text):
    with pytest.raises(ValueError, match="small:ja9:128"):
        bench_cases.parse(text)


def test_the_sizes_are_those_of_the_network():
    assert tuple(SIZES) == bench_cases.SIZES


def test_records_are_uint8_images_and_binary_masks():
    images, masks = bench_cases.records(Case("micro", "none", 8, 12), 3)
    assert images.shape == (3, 8, 12, 3)
    assert images.dtype == masks.dtype == "uint8"
    assert set(masks.flat) == {0, 1}


def test_a_process_is_measured_from_outside(tmp_path):
    program = "import time; held = bytearray(200 * 2**20); print('one', flush=True); time.sleep(0.5); print('two')"
    ran = processes.run([sys.executable, "-c", program], os.environ)
    assert ran.seconds > 0.5
    assert ran.peak > 200 * 2**20
    (first, one), (second, two) = ran.lines
    assert (one, two) == ("one", "two")
    assert first <= second
    assert second >= 0.5


def test_a_failed_process_is_told():
    with pytest.raises(RuntimeError, match="exit 3"):
        processes.run([sys.executable, "-c", "raise SystemExit(3)"], os.environ)


def test_torch_is_hidden(tmp_path):
    environment = os.environ | {"PYTHONPATH": processes.without_torch(str(tmp_path))}
    ran = subprocess.run([sys.executable, "-c", "import torch"], env=environment, capture_output=True, text=True)
    assert "left out" in ran.stderr


def test_a_machine_tells_of_its_neighbours():
    with machine.watched() as others:
        time.sleep(0.5)  # the system counts in hundredths of a second
    assert machine.about()["versions"]["jaxseg"]
    assert all(-0.5 < cores <= machine.cores() + 0.5 for cores in others.values())


ROW = "train --case=micro:none:32"
FOUND = {
    "race": "train", "ratio": 0.9, "range": [0.8, 1.1], "jaxseg_ms": 9.0,
    "torch_ms": 10.0, "ratio_compile": 1.2, "range_compile": [1.1, 1.3], "torch_compile_ms": 7.5, "device": "cpu",
    "processor": "a processor", "date": "2026-01-01",
}  # fmt: skip


def test_a_row_of_the_table():
    row, below = table.line({"row": ROW} | FOUND).splitlines()
    assert row.split() == [*ROW.split(), "0.90", "[0.80,", "1.10]", "9.0", "10.0"]
    assert below.split()[-5:] == ["1.20", "[1.10,", "1.30]", "9.0", "7.5"]
    assert "failed (exit 1)" in table.line({"row": "train", "failed": 1})


def test_the_table_is_written_after_each_row(tmp_path, monkeypatch, capsys):
    script = tmp_path / "run.py"
    script.write_text(f"import sys\nif 'bad' in sys.argv[1]: sys.exit(1)\nprint({json.dumps(json.dumps(FOUND))})\n")
    monkeypatch.setattr(table, "RUN", script)
    results = table.measure(("good", "bad"), tmp_path / "out")
    assert [found["row"] for found in results] == ["good", "bad"]
    assert json.loads((tmp_path / "out/races.json").read_text()) == results
    assert (tmp_path / "out/races.png").read_bytes()[:4] == b"\x89PNG"
    assert "failed" in capsys.readouterr().out
