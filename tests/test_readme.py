"""What the README shows is true: its Python runs, its commands and links exist."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


def test_the_first_two_sh_blocks_make_the_demo_and_the_tests():
    demo, tests = blocks("sh")[:2]
    assert "configs/demo_ja9.py" in demo
    assert demo.splitlines()[-1] == "python launch/evaluate.py --workdir=runs/demo --split=test"
    assert tests.splitlines()[-1] == "python -m pytest"
    assert all("python3 -m venv" in block and "pip install -e" in block for block in (demo, tests))


def test_the_python_runs():
    (program,) = blocks("python")
    names: dict = {}
    exec(program, names)
    assert names["y"].shape == names["x"].shape
    assert names["rows"].composed.shape[-2:] == names["x"].shape[1:3]


def test_every_link_leads_somewhere():
    for target in re.findall(r"\]\((?!https?://)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


def test_every_launcher_and_config_that_it_names_exists():
    for path in set(re.findall(r"\b(?:launch|configs)/\w+\.py", README)):
        assert (ROOT / path).exists(), path
