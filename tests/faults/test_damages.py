"""Every file of a run's folder, cut, flipped or gone: a line names it, or what it held is recovered and told."""

import json
import shutil

import pytest
from launches import launched
from little_run import arguments, assert_equal, finish

WAYS = {
    "cut": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "flipped": lambda path: path.write_bytes(_flipped(path.read_bytes())),
    "gone": lambda path: path.unlink(),
}


def _flipped(content):
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1] if content else []) + content[middle + 1 :]


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sound")
    finish(*arguments(folder / "run", folder / "cache"))
    (scored,) = launched([["evaluate.py", f"--workdir={folder / 'run'}"]])
    assert scored["code"] == 0, scored
    return folder / "run", folder / "cache"


@pytest.mark.slow
def test_a_damaged_file_is_recognised_or_recovered(sound, tmp_path):
    run, cache = sound
    names = sorted(path.relative_to(run).as_posix() for path in run.rglob("*") if path.is_file())
    cases = [(name, way) for name in names for way in WAYS]
    lines = []
    for place, (name, way) in enumerate(cases):
        shutil.copytree(run, copy := tmp_path / str(place))
        WAYS[way](copy / name)
        lines += [["evaluate.py", f"--workdir={copy}"], arguments(copy, cache)]
    outcomes = launched(lines)
    wanted = json.loads((run / "eval" / "test.json").read_text())
    count = {"recognised": 0, "recovered": 0}
    for place, (name, way) in enumerate(cases):
        copy, what = tmp_path / str(place), f"{name} {way}"
        for outcome, command in zip(outcomes[2 * place : 2 * place + 2], ("evaluate", "train"), strict=True):
            told = outcome["err"].strip().splitlines()
            if outcome["code"]:
                assert (outcome["code"], len(told)) == (1, 1), (what, command, outcome)
                known_by = "checkpoints" if name.startswith("checkpoints/") else name
                assert told[0].startswith("error: "), (what, told)
                assert known_by in told[0] or (name, way) == ("config.json", "gone"), (what, told)
                count["recognised"] += 1
                continue
            assert not told, (what, command, outcome)
            count["recovered"] += 1
            if command == "train":
                assert_equal(copy, run, log=what != "metrics.jsonl gone")
            elif "note:" not in outcome["out"]:  # else another step was taken, and told
                rule = {"checkpoint_rule": "unknown (metrics.jsonl is gone)"} if what == "metrics.jsonl gone" else {}
                assert json.loads((copy / "eval" / "test.json").read_text()) == wanted | rule, what
    print(f"{len(cases)} damages of {len(names)} files, two commands each: {count}")
