"""The benchmarks' command line."""

import sys
from pathlib import Path

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


def test_the_readme_tells_of_every_command():
    readme = (Path(run.__file__).parent / "README.md").read_text()
    assert not [name for name in run.COMMANDS if f"| `{name}" not in readme]
