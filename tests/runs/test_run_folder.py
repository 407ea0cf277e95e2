import json
import shutil

import jax
import pytest

from jaxseg.config import defaults
from jaxseg.runs.folder import RunFolder, read_config, read_starts
from jaxseg.runs.log import MetricsLog


def config(**changes):
    settings = defaults()
    settings.update_from_flattened_dict(changes)
    return json.loads(settings.to_json())


def begin(path, description=None, **changes):
    """Begin a run that reaches a checkpoint."""
    with RunFolder(path, config(**changes)) as run:
        run.begin(jax.devices(), description or {"splits": {}}, {})
        (path / "checkpoints" / "10").mkdir(parents=True, exist_ok=True)


def test_the_same_config_goes_on_and_another_is_refused_with_the_difference(tmp_path):
    begin(tmp_path / "run")
    begin(tmp_path / "run")
    with pytest.raises(ValueError, match=r"another config \(model.attention: none -> ja3; seed: 0 -> 1\)"):
        begin(tmp_path / "run", **{"model.attention": "ja3", "seed": 1})
    starts = json.loads((tmp_path / "run" / "environment.json").read_text())
    assert len(starts) == 2
    assert starts[0]["packages"]["jax"] == jax.__version__


def test_a_folder_that_is_only_looked_at_stays_as_it_is(tmp_path):
    RunFolder(tmp_path / "run", config())
    assert not (tmp_path / "run").exists()


def test_a_run_may_be_moved_watched_otherwise_and_made_longer(tmp_path):
    begin(tmp_path)
    begin(tmp_path, **{"data.dir": "elsewhere", "train.log_every": 7, "eval.scored_at": "original"})
    begin(tmp_path, **{"train.steps": 5000})
    assert json.loads((tmp_path / "config.json").read_text())["train"]["steps"] == 5000


def test_a_run_whose_schedule_depends_on_its_length_keeps_it(tmp_path):
    begin(tmp_path, **{"optimizer.schedule": "cosine"})
    with pytest.raises(ValueError, match=r"train.steps: 1000 -> 5000"):
        begin(tmp_path, **{"optimizer.schedule": "cosine", "train.steps": 5000})


def test_a_folder_with_a_users_files_is_not_touched(tmp_path):
    (tmp_path / "thesis.tex").write_text("text")
    with pytest.raises(ValueError, match="holds files but no run"):
        RunFolder(tmp_path, config())
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]
    with pytest.raises(ValueError, match="is a file; name a folder"):
        RunFolder(tmp_path / "thesis.tex", config())


def test_data_that_changed_stop_a_resumed_run(tmp_path):
    begin(tmp_path, {"train": {"ids": ("a", "b"), "hash": "1"}, "dir": "here"})
    begin(tmp_path, {"train": {"ids": ("a", "b"), "hash": "1"}, "dir": "there"})
    with pytest.raises(ValueError, match=r"the data changed since .* began \(train in data.json differ\)"):
        begin(tmp_path, {"train": {"ids": ("a", "b"), "hash": "2"}, "dir": "there"})


def test_a_run_without_a_checkpoint_has_nothing_to_go_on_from(tmp_path):
    with RunFolder(tmp_path, config()) as run:
        run.begin(jax.devices(), {"splits": {}}, {})
    begin(tmp_path, {"splits": {"train": 1}}, seed=3)
    assert json.loads((tmp_path / "config.json").read_text())["seed"] == 3


def test_two_processes_do_not_train_in_one_folder(tmp_path):
    with RunFolder(tmp_path, config()) as run:
        run.begin(jax.devices(), {"splits": {}}, {})
        with RunFolder(tmp_path, config()) as other, pytest.raises(ValueError, match="another process trains in"):
            other.begin(jax.devices(), {"splits": {}}, {})


@pytest.mark.parametrize("name", ["config.json", "environment.json", "data.json"])
@pytest.mark.parametrize("content", ["{", "[1]", '"text"', '{"splits": 1, "digest": "0"}', None])
def test_a_damaged_file_stops_a_resumed_run_with_its_name(tmp_path, name, content, capsys):
    begin(tmp_path)
    (tmp_path / name).unlink() if content is None else (tmp_path / name).write_text(content)
    if content is None and name == "environment.json":
        begin(tmp_path)
        assert "environment.json is gone; it begins again with this start" in capsys.readouterr().out
        return
    with pytest.raises((ValueError, OSError), match=rf"{name}|holds files but no run"):
        begin(tmp_path)


def test_a_setting_that_was_edited_is_seen(tmp_path):
    begin(tmp_path)
    text = (tmp_path / "config.json").read_text()
    (tmp_path / "config.json").write_text(text.replace('"threshold": 0.5', '"threshold": 0.4'))
    with pytest.raises(ValueError, match=r"config.json: not what training wrote \(it differs from its 'digest'\)"):
        read_config(tmp_path)


@pytest.mark.parametrize("lost", ["the folder", "the steps", "the steps of a finished run"])
def test_a_run_whose_checkpoints_are_gone_does_not_begin_again(tmp_path, lost):
    begin(tmp_path, **{"train.eval_every": 10})
    log = MetricsLog(tmp_path, 0)
    log.write(5 if lost == "the steps of a finished run" else 15, {"train/loss": 1.0})
    log.close()
    shutil.rmtree(tmp_path / "checkpoints")
    if lost != "the folder":
        (tmp_path / "checkpoints").mkdir()
    if lost == "the steps of a finished run":
        (tmp_path / "report.md").write_text("a report")
    with pytest.raises(ValueError, match=r"tells of \d+ steps, and there is no checkpoint to go on from; restore"):
        begin(tmp_path, **{"train.eval_every": 10})
    assert (tmp_path / "metrics.jsonl").stat().st_size


def test_a_run_that_was_killed_before_its_first_checkpoint_begins_again(tmp_path):
    with RunFolder(tmp_path, config()) as run:
        run.begin(jax.devices(), {"splits": {}}, {})
    log = MetricsLog(tmp_path, 0)
    log.write(7, {"train/loss": 1.0})
    log.close()
    (tmp_path / "checkpoints").mkdir()
    begin(tmp_path)
    assert len(read_starts(tmp_path)) == 1  # the first was never taken up


def test_a_run_that_was_killed_in_its_first_row_begins_again(tmp_path):
    with RunFolder(tmp_path, config()) as run:
        run.begin(jax.devices(), {"splits": {}}, {})
    (tmp_path / "metrics.jsonl").write_text('{"step": 7, "tr')
    begin(tmp_path)
    assert len(read_starts(tmp_path)) == 1


def test_a_damaged_config_is_named(tmp_path):
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ValueError, match=r"config.json: not what training wrote \(.*\); restore it"):
        RunFolder(tmp_path, config())


def test_settings_that_an_older_run_lacks_are_what_it_did(tmp_path):
    begin(tmp_path)
    old = config(**{"model.size": "tiny"})
    del old["model"]["options"], old["eval"]["select"]
    (tmp_path / "config.json").write_text(json.dumps(old))
    assert read_config(tmp_path) == config(**{"model.size": "tiny"})
    begin(tmp_path, **{"model.size": "tiny"})  # so the run goes on under today's settings
    with pytest.raises(ValueError, match=r"eval.select: dice -> auc"):
        begin(tmp_path, **{"model.size": "tiny", "eval.select": "auc"})


def test_groups_that_an_earlier_run_does_not_tell_are_no_change(tmp_path):
    begin(tmp_path, {"splits": {}})
    begin(tmp_path, {"splits": {}, "groups": {"test": {"a": "p"}}})
    begin(tmp_path, {"splits": {}, "groups": {"test": {"a": "p"}}})
    with pytest.raises(ValueError, match=r"\(groups in data.json differ\)"):
        begin(tmp_path, {"splits": {}, "groups": {"test": {"a": "q"}}})
