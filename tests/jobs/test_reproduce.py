"""A study of small runs, started as a launcher starts it."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from little import little

from jaxseg.jobs.pool import Ended
from jaxseg.jobs.reproduce import Grid, _asked, _done, _tell, command_of, reproduce
from jaxseg.study import study, trials

ROOT = Path(__file__).parents[2]


def small(cache, models=None, *, seeds=(0,), **changes):
    models = models or {"plain": {}, "gated": {"model": {"attention": "pwa"}}}
    return study("Little runs", little(cache, **changes), models, seeds=seeds)


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    made = small(folder / "cache", {"plain": {}, "diverges": {"optimizer": {"learning_rate": 1e30}}})
    with pytest.raises(ValueError, match="1 of 2 runs failed") as told:
        reproduce(made, folder / "W")
    return made, folder / "W", str(told.value)


def test_each_run_is_an_ordinary_one_and_its_output_is_kept(done):
    _, workdir, _ = done
    run = workdir / "runs" / "plain" / "0"
    assert (run / "eval" / "test.json").exists()
    assert (run / "eval" / "curves" / "test.json").exists()
    assert json.loads((run / "config.json").read_text())["seed"] == 0
    assert "val Dice" in (workdir / "logs" / "plain" / "0.txt").read_text()
    record = json.loads((workdir / "study.json").read_text())
    assert json.loads((run / "environment.json").read_text())[0]["command"][-1] == "--only=plain/0"
    assert record["runs"][0] == {"model": "plain", "seed": 0, "fold": None, "workdir": "runs/plain/0"}
    assert [one["name"] for one in record["models"]] == ["plain", "diverges"]


@pytest.mark.slow
def test_a_second_seed_takes_up_the_programs_of_the_first(tmp_path):
    reproduce(small(tmp_path / "cache", {"plain": {}}, seeds=(0, 1)), tmp_path / "W", parallel=1)
    first, second = ((tmp_path / "W" / "logs" / "plain" / f"{seed}.txt").read_text() for seed in (0, 1))
    assert "the first step compiles" in first
    assert "the first step compiles" not in second


@pytest.mark.parametrize(
    "chosen",
    [[], ["--only=A"], ["--only", "A", "--shard", "0/4"], ["-parallel=1", "--submit=3", "--submit_option", "a=b"]],
)
def test_the_command_of_one_run_chooses_it_alone(chosen):
    words = ["launch/reproduce.py", "--study", "configs/studies/demo.py", *chosen, "--study.seeds=(0,)", "--workdir=W"]
    made = command_of(words, "DenseUNet/0")
    assert made == [*(word for word in words if word not in chosen), "--only=DenseUNet/0"]


def test_the_time_left_is_learnt_from_the_logs_of_runs(tmp_path):
    """Two at a time: of four runs one is done, in 100 s, and another has done 40 s of as much."""
    found = trials(small(tmp_path, {"plain": {}, "gated": {"model": {"attention": "pwa"}}}, seeds=(0, 1)))
    for name, seconds in {"plain/0": 100.0, "gated/0": 40.0}.items():
        (tmp_path / "runs" / name).mkdir(parents=True)
        (tmp_path / "runs" / name / "metrics.jsonl").write_text(json.dumps({"step": 2, "seconds": seconds}) + "\n")
    grid = Grid(found, [trial for trial in found if trial.name != "plain/0"], tmp_path, 2)
    assert grid.time_left() == ", about 2 min left"  # (60 + 100 + 100) / 2
    assert grid.at_work(["gated/0", "plain/1"]) == "at work: gated/0 step 2/4, plain/1 step 0/4, about 2 min left"
    ended = grid.ended(Ended("gated/0", 1, 3.0, "no room"), stopping=False)
    assert ended == "gated/0: failed (no room) after 3 s; 0/3 runs done, about 2 min left"
    assert grid.ended(Ended("plain/1", 130, 3.0, ""), stopping=True) == "plain/1: stopped after 3 s; 0/3 runs done"
    ended = grid.ended(Ended("gated/1", 0, 80.0, ""), stopping=False)
    assert ended == "gated/1: done after 80 s; 1/3 runs done, about 2 min left"  # plain/1, as long as plain/0


def test_a_run_that_fails_stops_no_other_and_is_told_with_its_words(done):
    _, workdir, told = done
    assert told.startswith("1 of 2 runs failed: diverges/0 (error: ")
    assert "step 2: loss nan" in told
    assert f"{workdir / 'logs'} holds what they printed" in told


def test_what_is_done_is_not_done_again(done, capsys):
    made, workdir, _ = done
    before = {path: path.stat().st_mtime_ns for path in (workdir / "runs" / "plain").rglob("*") if path.is_file()}
    reproduce(made, workdir, names=["plain"])
    assert "1 runs, 1 of them done" in capsys.readouterr().out
    assert before == {path: path.stat().st_mtime_ns for path in before}


def test_a_run_is_done_where_it_has_the_scores_and_curves_that_are_asked_for(done):
    made, workdir, _ = done
    trial = trials(made)[0]
    asked = _asked(trial, workdir)
    assert _done(trial, asked, workdir, ["test"])
    assert not _done(trial, asked, workdir, ["test", "val"])
    assert not _done(trial, {**asked, "eval": {**asked["eval"], "metrics": ["hd95"]}}, workdir, ["test"])
    curves = workdir / "runs" / trial.name / "eval" / "curves" / "test.json"
    curves.rename(curves.with_suffix(".away"))  # as an evaluation without curves leaves it
    assert not _done(trial, asked, workdir, ["test"])
    curves.with_suffix(".away").rename(curves)


@pytest.mark.slow
def test_scores_by_other_settings_are_made_anew(done, capsys):
    _, workdir, _ = done
    other = small(workdir.parent / "cache", {"plain": {}})
    other.config.eval.metrics = ("hd95",)
    reproduce(other, workdir)
    assert "1 runs, 0 of them done" in capsys.readouterr().out
    assert (
        "hd95"
        in json.loads((workdir / "runs" / "plain" / "0" / "eval" / "test.json").read_text())["full"]["image_mean"]
    )


def test_what_stands_in_the_way_of_a_page_is_no_fault_of_a_part_of_the_study(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("jaxseg.jobs.reproduce.write_page", lambda workdir: (_ for _ in ()).throw(ValueError("why")))
    _tell(tmp_path, whole=False)
    assert "note: no page yet: why" in capsys.readouterr().out
    with pytest.raises(ValueError, match="why"):
        _tell(tmp_path, whole=True)


def test_a_part_of_a_study_stands_for_the_page_once_the_others_are_done(done, tmp_path, monkeypatch):
    made, workdir, _ = done
    workdir, asked = shutil.copytree(workdir, tmp_path / "W"), []
    monkeypatch.setattr("jaxseg.jobs.reproduce._tell", lambda workdir, whole: asked.append(whole))
    reproduce(made, workdir, names=["plain"])
    plain = study(made.title, made.config, {"plain": {}})
    reproduce(plain, workdir, names=["plain"])
    assert asked == [False, True]  # the other diverged


def test_a_split_that_is_not_there_is_told_before_any_work(tmp_path):
    made = small(tmp_path / "cache", {"plain": {}})
    made.splits = ("test", "shifted_test")
    with pytest.raises(ValueError, match="plain/0: synthetic has no shifted_test images here"):
        reproduce(made, tmp_path / "W")
    assert not (tmp_path / "W").exists()


def test_runs_of_another_config_are_refused_before_any_work(done):
    _, workdir, _ = done
    changed = small(workdir.parent / "cache", {"new": {}, "plain": {}}, steps=6)
    with pytest.raises(ValueError, match=r"plain/0: --workdir .* holds a run of another config \(train.steps: 4 -> 6"):
        reproduce(changed, workdir)
    assert not (workdir / "runs" / "new").exists()


def test_a_mistake_names_its_run(tmp_path):
    made = small(tmp_path, {"plain": {}, "wrong": {"model": {"attention": "jaa9"}}})
    with pytest.raises(ValueError, match=r"wrong/0: attention is 'jaa9' \(did you mean 'ja9'"):
        reproduce(made, tmp_path / "W")
    assert not (tmp_path / "W").exists()


def test_a_folder_of_other_things_is_refused(tmp_path):
    (tmp_path / "mine.txt").touch()
    with pytest.raises(ValueError, match="holds files but no study"):
        reproduce(small(tmp_path), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["interrupted", "killed"])
def test_a_study_that_is_stopped_goes_on(tmp_path, number):
    command = [
        sys.executable, ROOT / "launch" / "reproduce.py", f"--study={ROOT / 'configs/studies/demo.py'}",
        f"--workdir={tmp_path / 'W'}", "--study.config.train.steps=300", "--study.config.train.eval_every=20",
        "--study.config.model.size=micro", "--study.seeds=(0,)", "--study.config.data.synthetic.size=40",
        f"--study.config.data.cache_dir={tmp_path / 'cache'}", "--only=DenseUNet,DenseUNet-PWA",
    ]  # fmt: skip
    first = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=os.environ)
    logs = [tmp_path / "W" / "runs" / name / "0" / "metrics.jsonl" for name in ("DenseUNet", "DenseUNet-PWA")]
    until = time.monotonic() + 300
    while not all(log.exists() and log.read_text().count("\n") > 2 for log in logs):
        assert time.monotonic() < until
        time.sleep(0.2)
    first.send_signal(number)
    said = first.communicate(timeout=120)[0]
    assert first.returncode == (130 if number == signal.SIGINT else -9), said
    again = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert again.returncode == 0, again.stdout + again.stderr
    assert "2 runs, 0 of them done" in again.stdout
    for log in logs:
        steps = [json.loads(line)["step"] for line in log.read_text().splitlines() if '"train/loss"' in line]
        assert steps == sorted(set(steps))
        assert steps[-1] == 300
        assert len(json.loads((log.parent / "environment.json").read_text())) == 2  # the second start went on


@pytest.mark.slow
def test_the_demo_study_takes_minutes_and_goes_on_after_a_kill(tmp_path):
    """As it is shipped: DenseUNet alone and with three kinds of attention, two seeds each; on two cores."""
    command = [sys.executable, ROOT / "launch" / "reproduce.py", f"--study={ROOT / 'configs/studies/demo.py'}"]
    command += [f"--workdir={tmp_path / 'W'}"]
    began = time.monotonic()
    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path / "cache"), "XLA_FLAGS": ""}  # as a user's
    first = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)
    while not list((tmp_path / "W").glob("done/*/*.json")):
        assert first.poll() is None, first.communicate()
        time.sleep(0.5)
    first.kill()
    first.communicate()
    again = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert again.returncode == 0, again.stdout + again.stderr
    assert "8 runs, 1 of them done" in again.stdout
    assert (tmp_path / "W" / "report.html").stat().st_size > 100_000
    assert time.monotonic() - began < 15 * 60
