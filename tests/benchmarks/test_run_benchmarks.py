"""The benchmarks' command line."""

import sys

import pytest
import run


@pytest.fixture
def without_torch(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)


@pytest.mark.parametrize(
    "command", [["train", "--case=micro:none:32"], ["infer", "--case=micro:none:32", "--json"], []]
)
def test_without_torch_one_line_says_what_to_install(without_torch, command):
    with pytest.raises(SystemExit) as stopped:
        run.main(command)
    assert "pip install 'jaxseg[bench]'" in str(stopped.value)
    assert "\n" not in str(stopped.value)
