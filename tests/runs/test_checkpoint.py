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
    checkpoints.save(7, variables, training, score=None)
    checkpoints.close()
    checkpoints = Checkpoints(tmp_path / "checkpoints", read_only=True)
    again, rest = checkpoints.restore(7, variables, training)
    np.testing.assert_array_equal(again["params"]["w"], variables["params"]["w"])
    assert rest["opt_state"][1] == 3
    assert again["params"]["w"].dtype == np.float64
    checkpoints.close()


def test_a_folder_without_a_run_is_told(tmp_path):
    with pytest.raises(FileNotFoundError, match="holds no run"):
        load_variables(tmp_path)
    Checkpoints(tmp_path / "checkpoints").close()
    with pytest.raises(FileNotFoundError, match="no finished checkpoint yet"):
        load_variables(tmp_path)
