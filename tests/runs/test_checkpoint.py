import errno
import json
import os
import re
import shutil

import numpy as np
import pytest

from jaxseg.runs.checkpoint import Checkpoints, load_variables


def save(checkpoints, step, score, *, ema=None):
    variables = {"params": {"w": np.full(3, step, np.float32)}, "batch_stats": {}, "ema": ema}
    checkpoints.save(step, variables, {"step": np.int32(step), "opt_state": ()}, score=score)


def test_latest_and_best_stay_and_the_rest_goes(tmp_path):
    checkpoints = Checkpoints(tmp_path / "checkpoints")
    for step, score in [(10, 0.5), (20, 0.9), (30, 0.7), (40, 0.8), (50, None)]:
        save(checkpoints, step, score)
    assert (checkpoints.latest(), checkpoints.best()) == (50, 20)
    checkpoints.close()
    assert sorted(p.name for p in (tmp_path / "checkpoints").iterdir() if p.name.isdigit()) == ["20", "50"]
    # Another process reads what this one wrote, the scores included.
    step, variables = load_variables(tmp_path, "best")
    assert step == 20
    np.testing.assert_array_equal(variables["params"]["w"], np.full(3, 20))
    assert load_variables(tmp_path, "latest")[0] == 50


def test_without_val_the_best_is_the_latest(tmp_path):
    checkpoints = Checkpoints(tmp_path / "checkpoints")
    for step in (1, 2):
        save(checkpoints, step, None)
    checkpoints.close()
    assert load_variables(tmp_path, "best")[0] == 2


def test_the_moving_average_is_what_predicts(tmp_path):
    checkpoints = Checkpoints(tmp_path / "checkpoints")
    save(checkpoints, 1, 0.5, ema={"w": np.zeros(3, np.float32)})
    checkpoints.close()
    np.testing.assert_array_equal(load_variables(tmp_path)[1]["params"]["w"], np.zeros(3))


def test_a_restored_checkpoint_is_what_was_saved(tmp_path):
    checkpoints = Checkpoints(tmp_path / "checkpoints")
    variables = {"params": {"w": np.random.default_rng(0).normal(size=(4, 4))}, "batch_stats": {}, "ema": None}
    training = {"step": np.int32(7), "opt_state": ({"mu": np.ones(2, np.float32)}, np.int32(3))}
    checkpoints.save(7, variables, training, score=None, log={"seconds": 1.5, "losses": (0.1, 3)})
    checkpoints.close()
    checkpoints = Checkpoints(tmp_path / "checkpoints", read_only=True)
    step, again, rest, log = checkpoints.resume(variables, training)
    assert (step, log) == (7, {"seconds": 1.5, "losses": [0.1, 3]})
    np.testing.assert_array_equal(again["params"]["w"], variables["params"]["w"])
    assert rest["opt_state"][1] == 3
    assert again["params"]["w"].dtype == np.float64
    checkpoints.close()


@pytest.fixture
def three(tmp_path):
    """Steps 10, the best, and 20 and 30, of which a kill left the older one."""
    checkpoints = Checkpoints(tmp_path / "checkpoints")
    for step, score in [(10, 0.9), (20, 0.5), (30, 0.7)]:
        save(checkpoints, step, score)
        if step == 20:
            checkpoints.latest()
            shutil.copytree(tmp_path / "checkpoints" / "20", tmp_path / "20")
    checkpoints.close()
    (tmp_path / "20").rename(tmp_path / "checkpoints" / "20")
    return tmp_path


def flip(path, place):
    data = bytearray(path.read_bytes())
    data[place % len(data)] ^= 1 << place % 8
    path.write_bytes(data)


def flip_text(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def emptied(folder):
    shutil.rmtree(folder)
    folder.mkdir()


DAMAGES = {
    "no arrays": lambda folder: shutil.rmtree(folder / "variables"),
    "empty": emptied,
    "no record": lambda folder: shutil.rmtree(folder / "record"),
    "cut record": lambda folder: os.truncate(folder / "record" / "metadata", 20),
    "another score": lambda folder: flip_text(folder / "record" / "metadata", "0.7", "0.6"),
    "cut manifest": lambda folder: os.truncate(folder / "variables" / "manifest.ocdbt", 20),
    "no list of items": lambda folder: (folder / "_CHECKPOINT_METADATA").unlink(),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_skipped_with_a_word(three, damage, capsys):
    DAMAGES[damage](three / "checkpoints" / "30")
    step, variables = load_variables(three, "latest")
    np.testing.assert_array_equal(variables["params"]["w"], np.full(3, 20))
    told = capsys.readouterr().out
    assert step == 20
    assert re.fullmatch(r"note: the checkpoint \S+/checkpoints/30 is damaged \(.+\); taking step 20\n", told)


def test_no_flipped_bit_gives_other_weights(three, capsys):
    """Every file of the newest checkpoint, a bit at a time: what comes is what was saved, or the checkpoint before."""
    found = set()
    for path in sorted(path for path in (three / "checkpoints" / "30").rglob("*") if path.is_file()):
        whole = path.read_bytes()
        for place in np.random.default_rng(0).integers(0, max(len(whole), 1), 6 if whole else 0):
            flip(path, int(place))
            step, variables = load_variables(three, "latest")
            np.testing.assert_array_equal(variables["params"]["w"], np.full(3, step))
            assert (step == 30) == ("30 is damaged" not in capsys.readouterr().out)
            found.add(step)
            path.write_bytes(whole)
    assert found == {20, 30}  # some files hold nothing that is read


def test_the_best_that_is_damaged_gives_way_to_the_next_best(three, capsys):
    shutil.rmtree(three / "checkpoints" / "10" / "variables")
    assert load_variables(three, "best")[0] == 30
    assert "checkpoints/10 is damaged" in capsys.readouterr().out
    (three / "checkpoints" / "10" / "record" / "metadata").unlink()
    assert load_variables(three, "best")[0] == 30
    assert "checkpoints/10 is damaged" in capsys.readouterr().out


def test_where_no_checkpoint_is_sound_all_are_named(three):
    for step in (10, 20, 30):
        shutil.rmtree(three / "checkpoints" / str(step) / "variables")
    with pytest.raises(ValueError, match=r"30 is damaged .*; .*20 is damaged .*; .*10 is damaged .*no checkpoint is"):
        load_variables(three, "latest")


def test_a_run_goes_on_from_the_newest_sound_checkpoint_and_keeps_the_damaged_one(three):
    variables = {"params": {"w": np.zeros(3, np.float32)}, "batch_stats": {}, "ema": None}
    training = {"step": np.int32(0), "opt_state": ()}
    shutil.rmtree(three / "checkpoints" / "30" / "training")
    assert load_variables(three, "latest")[0] == 30  # its variables are sound
    checkpoints = Checkpoints(three / "checkpoints")
    step, again, _, _ = checkpoints.resume(variables, training)
    assert step == 20
    np.testing.assert_array_equal(again["params"]["w"], np.full(3, 20))
    save(checkpoints, 30, 0.8)
    checkpoints.close()
    assert sorted(path.name for path in (three / "checkpoints").iterdir()) == ["10", "30", "30.damaged"]


def test_a_run_of_an_earlier_version_is_read_by_its_own_score(three):
    for step, score in (("10", 0.1), ("20", 0.9), ("30", 0.2)):
        folder = three / "checkpoints" / step
        shutil.rmtree(folder / "record")
        flip_text(folder / "_CHECKPOINT_METADATA", '"record"', '"metrics"')
        (folder / "metrics").mkdir()
        (folder / "metrics" / "metrics").write_text(json.dumps({"score": score}))
    assert load_variables(three, "best")[0] == 20


def test_a_folder_without_a_run_is_told(tmp_path):
    with pytest.raises(FileNotFoundError, match="holds no run"):
        load_variables(tmp_path)
    Checkpoints(tmp_path / "checkpoints").close()
    with pytest.raises(FileNotFoundError, match="no finished checkpoint yet"):
        load_variables(tmp_path)


def test_room_is_reserved_before_a_checkpoint_is_written(tmp_path, monkeypatch):
    checkpoints = Checkpoints(tmp_path / "checkpoints")
    save(checkpoints, 1, 0.5)
    asked = []

    def refuse(number):
        def reserve(file, start, size):
            asked.append(size)
            raise OSError(number, os.strerror(number))

        return reserve

    monkeypatch.setattr(os, "posix_fallocate", refuse(errno.ENOSPC))
    with pytest.raises(OSError, match=r"No space left on device: '.*/checkpoints'"):
        save(checkpoints, 2, 0.6)
    assert asked == [3 * 4 + 4]
    assert load_variables(tmp_path, "best")[0] == 1
    monkeypatch.setattr(os, "posix_fallocate", refuse(errno.EOPNOTSUPP))  # a file system that reserves nothing
    save(checkpoints, 3, 0.7)
    monkeypatch.delattr(os, "posix_fallocate")  # a system that has no such call
    save(checkpoints, 4, 0.8)
    checkpoints.close()
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["4"]
