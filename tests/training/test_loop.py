"""The loop's options, on runs of a few steps with the smallest network."""

import json
import os
import signal
import time

import jax
import numpy as np
import pytest

from jaxseg import data, inference, models
from jaxseg.config import defaults, validate
from jaxseg.interrupt import Stopped
from jaxseg.jobs.train import train
from jaxseg.runs.checkpoint import Checkpoints, load_variables
from jaxseg.runs.log import read_metrics
from jaxseg.training import Run, devices
from jaxseg.training.packed import unpacked


def small(cache, **changes):
    config = defaults()
    config.model.name = "unet"
    config.model.options = dict(width=2)
    config.data.cache_dir = str(cache)
    config.data.synthetic = dict(kind="lesion", size=32, train=6, val=2, test=2)
    config.train.update(steps=4, batch_size=2, log_every=1, eval_every=2)
    with config.unlocked():
        config.update_from_flattened_dict(changes)
    return config


FIRST = {"train.accumulate": 2, "train.ema_decay": 0.5, "optimizer.schedule": "cosine"}


def logged(workdir, name):
    rows = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
    return [row[name] for row in rows if name in row]


def losses(workdir):
    return logged(workdir, "train/loss")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("loop")
    train(small(folder / "cache", **FIRST), folder / "resident")
    train(small(folder / "cache", **FIRST, **{"data.device_limit": 0.0}), folder / "streamed")
    return folder


def test_a_set_that_streams_trains_as_one_that_resides(runs):
    assert losses(runs / "resident") == losses(runs / "streamed")
    one, two = (jax.tree.leaves(load_variables(runs / name, "latest")) for name in ("resident", "streamed"))
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a, b)


def test_accumulation_updates_every_second_step_and_the_average_follows(runs):
    checkpoints = Checkpoints(runs / "resident" / "checkpoints", read_only=True)
    variables = checkpoints.variables(checkpoints.latest())
    checkpoints.close()
    moved = [
        float(np.abs(a - b).max())
        for a, b in zip(jax.tree.leaves(variables["params"]), jax.tree.leaves(variables["ema"]), strict=True)
    ]
    assert max(moved) > 0
    rates = logged(runs / "resident", "train/learning_rate")
    np.testing.assert_allclose(rates, [1e-3, 1e-3, 5e-4, 5e-4], rtol=1e-5)  # cosine over two updates


def test_val_is_scored_with_the_moving_average(runs):
    """The logged scores are those of the average, which prediction uses, and not those of the parameters themselves."""
    splits = data.load(small(runs / "cache").data.to_dict())
    predictor = inference.load(runs / "resident", "latest")
    logged_auc = logged(runs / "resident", "val/full/pooled/auc")[-1]
    assert inference.score(predictor, splits.val, progress=False).summary["full"]["pooled"]["auc"] == logged_auc
    checkpoints = Checkpoints(runs / "resident" / "checkpoints", read_only=True)
    predictor.variables = {**predictor.variables, "params": checkpoints.variables(predictor.step)["params"]}
    checkpoints.close()
    assert inference.score(predictor, splits.val, progress=False).summary["full"]["pooled"]["auc"] != logged_auc


def test_the_largest_selected_score_is_the_best_and_scoring_builds_no_network(runs, monkeypatch):
    """Dice falls from the first scoring of val to the second, recall rises; the third is that of the report."""
    workdir, scored, score = runs / "by recall", [], inference.score
    built, build = [], models.build
    monkeypatch.setattr(models, "build", lambda *given, **options: built.append(given) or build(*given, **options))

    def told(*given, **options):
        found = score(*given, **options)
        dice, recall = [(0.9, 0.1), (0.5, 0.7), (0.3, 0.3)][len(scored)]
        found.summary["full"]["image_mean"].update(dice=dice, recall=recall)
        scored.append(found)
        return found

    monkeypatch.setattr(inference, "score", told)
    train(small(runs / "cache", **FIRST, **{"eval.select": "recall"}), workdir)
    assert (len(scored), len(built)) == (3, 2)  # to train and to score, and for the words of the page
    assert load_variables(workdir, "best")[0] == 4
    report = json.loads((workdir / "eval" / "val.json").read_text())
    assert (report["checkpoint_step"], report["checkpoint_rule"]) == (4, "best val/full/image_mean/recall")


def test_a_warm_start_begins_with_the_other_runs_weights(runs):
    config = small(runs / "cache", **FIRST, **{"train.init_from": str(runs / "resident")})
    used, splits = devices.set_up(2, 1), data.load(config.data.to_dict())
    run = Run(config, validate(config), runs / "warm", splits, used)
    _, there = load_variables(runs / "resident")
    assert run.start == 0
    state = unpacked(devices.first(run.state))
    for here in (state.params, state.ema):
        jax.tree.map(np.testing.assert_array_equal, there["params"], here)


def test_weights_of_another_network_are_refused(runs, tmp_path):
    other = small(
        runs / "cache", **{"train.init_from": str(runs / "resident"), "model.levels": (0,), "model.attention": "pwa"}
    )
    with pytest.raises(ValueError, match=r"is another network: \d+ arrays differ, the first is .*attention0"):
        train(other, tmp_path / "other")


def test_the_loss_in_the_field_of_view_needs_one(runs):
    config = small(runs / "cache", **{"loss.region": "fov"})
    used, splits = devices.set_up(2, 1), data.load(config.data.to_dict())
    with pytest.raises(ValueError, match=r"lesion_0_0000000 has no field of view, and loss.region is 'fov'"):
        Run(config, validate(config), runs / "fov", splits, used).fit()


def test_a_finished_run_predicts_and_says_that_it_is_done(runs, capsys):
    predictor = inference.load(runs / "resident")
    image = np.random.default_rng(0).integers(0, 255, (37, 50, 3)).astype(np.uint8)
    probability = predictor(image)
    assert probability.shape == (37, 50)
    assert 0 <= probability.min() < probability.max() <= 1
    train(small(runs / "cache", **FIRST), runs / "resident")
    assert "all 4 steps are done" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize("step", [2, 4])
def test_a_signal_while_val_is_scored_saves_at_once_and_the_score_follows(runs, tmp_path, monkeypatch, step):
    """At step 4 all steps are done, and only the score is missing."""
    with monkeypatch.context() as patch:
        predicted, scored = inference.Predictor.prepared, []

        def interrupted(self, image):
            scored.append(1)
            if len(scored) == step:  # two images every second step
                os.kill(os.getpid(), signal.SIGTERM)
                time.sleep(0.1)  # the main thread hears of it
            return predicted(self, image)

        patch.setattr(inference.Predictor, "prepared", interrupted)
        with pytest.raises(Stopped, match=f"stopped at step {step} and saved"):
            train(small(runs / "cache", **FIRST), tmp_path / "run")
    rows = [row for row in read_metrics(tmp_path / "run") if "val/full/pooled/auc" in row]
    assert [row["step"] for row in rows] == [*range(2, step, 2)]
    train(small(runs / "cache", **FIRST), tmp_path / "run")
    found, wanted = (
        [
            {key: value for key, value in row.items() if key not in ("seconds", "train/images_per_second")}
            for row in rows
        ]
        for rows in (read_metrics(tmp_path / "run"), read_metrics(runs / "resident"))
    )
    assert found == wanted
    for which in ("best", "latest"):
        (at, ours), (wanted_at, theirs) = (load_variables(run, which) for run in (tmp_path / "run", runs / "resident"))
        assert at == wanted_at
        jax.tree.map(np.testing.assert_array_equal, ours, theirs)
    checkpoints = Checkpoints(tmp_path / "run" / "checkpoints", read_only=True)
    assert "unscored" not in checkpoints.log()


@pytest.mark.slow
def test_bfloat16_trains_to_what_float32_does(tmp_path):
    ends = []
    for dtype in ("float32", "bfloat16"):
        config = small(tmp_path / "cache", **{"model.dtype": dtype, "train.steps": 150, "train.eval_every": 150})
        config.model.options.width, config.optimizer.learning_rate = 4, 3e-3
        train(config, tmp_path / dtype)
        params = load_variables(tmp_path / dtype)[1]["params"]
        assert {leaf.dtype for leaf in jax.tree.leaves(params)} == {np.dtype("float32")}
        ends.append(np.mean(losses(tmp_path / dtype)[-20:]))
    assert ends[1] == pytest.approx(ends[0], rel=0.25)
    assert ends[0] < 0.5 * losses(tmp_path / "float32")[0]
