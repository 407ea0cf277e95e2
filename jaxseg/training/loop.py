"""Training from a config to a finished run folder; the only place with time, files and printing."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import optax

from jaxseg import checkpoint, data, evaluation, inference, models, optimizer
from jaxseg.config import Settings, validate
from jaxseg.data import stream
from jaxseg.data.augment import Augment
from jaxseg.inference import Predictor
from jaxseg.metrics import flatten
from jaxseg.progress import Progress, clock
from jaxseg.training import devices as on
from jaxseg.training import feed
from jaxseg.training.interrupt import StopRequest
from jaxseg.training.run_folder import MetricsLog, RunFolder
from jaxseg.training.step import DEVICES, Sample, TrainState, initial_state, parallel_step
from jaxseg.training.watch import Watch


class Stopped(Exception):
    """Training was asked to stop and did, with everything saved; ``signal`` is the signal that asked."""

    def __init__(self, message: str, signal: int):
        super().__init__(message)
        self.signal = signal


def train(config: Settings, workdir: str | Path) -> None:
    """Train as ``config`` says, in the folder ``workdir``; called again on the same folder it goes on where it was.

    Raises:
        ValueError: a setting, a file or the folder is not as it must be.
        FileNotFoundError: the data are not where the config says; the message says where to get them.
        FloatingPointError: the loss or the gradient is no longer finite.
        Stopped: after SIGINT or SIGTERM.
    """
    validate(config)
    with RunFolder(workdir, json.loads(config.to_json())) as run:
        _train(config, run)
    print(f"done: {run.path / 'report.md'}, pictures in {run.path / 'figures'}", flush=True)


def _train(config: Settings, run: RunFolder) -> None:
    devices = on.set_up(config.train.batch_size, config.train.devices, config.data.cache_dir)
    splits = data.load(config.data.to_dict())
    for note in splits.notes:
        print(f"note: {note}", flush=True)
    for part, ids in ((name, getattr(splits, name)) for name in ("train", "val", "test")):
        print(f"{part}: {len(ids or ())} images ({splits.description['rule'].get(part, 'none')})", flush=True)
    run.begin(devices, splits.description, splits.preprocess.to_json())
    Run(config, run, splits, devices).fit()
    # The pictures show val, or train where there is no val: test is for evaluate, once the run is chosen.
    split = "train" if splits.val is None else "val"
    predictor = inference.load(run.path)
    evaluation.score(run.path, config.data.to_dict(), splits, split, predictor, config.eval.scored_at)


class Run:
    """A run's network, state and data on its devices."""

    def __init__(self, config: Settings, folder: RunFolder, splits: data.Splits, devices: on.Devices):
        self.config, self.folder, self.splits, self.devices = config, folder, splits, devices
        self.learning_rate, self.optimizer = _optimizer(config)
        self.checkpoints = checkpoint.Checkpoints(folder.path / "checkpoints")
        self.predictor = _predictor(config, splits)  # its variables come with each scoring of val
        state = self._restored() or self._new()
        self.start = int(state.step)
        self.state = on.replicate(state, devices)
        self.step = parallel_step(
            devices,
            model=models.build(**config.model.to_dict(), axis_name=DEVICES),
            optimizer=self.optimizer,
            sample=_sample(config, splits),
            seed=config.seed,
            ema_decay=config.train.ema_decay,
        )

    def _init(self, key: jax.Array) -> TrainState:
        variables = self.predictor.model.init(key, jnp.zeros((1, 32, 32, 3)), train=False)
        return initial_state(variables, self.optimizer, ema=self.config.train.ema_decay > 0)

    def _restored(self) -> TrainState | None:
        latest = self.checkpoints.latest()
        if latest is None:
            return None
        print(f"going on from step {latest} of {self.folder.path}", flush=True)
        variables, training = self.checkpoints.restore(latest, *_items(jax.eval_shape(self._init, jax.random.key(0))))
        return TrainState(**variables, **training)

    def _new(self) -> TrainState:
        state = jax.jit(self._init)(jax.random.key(self.config.seed))
        if not self.config.train.init_from:
            return state
        step, variables = checkpoint.load_variables(self.config.train.init_from)
        print(f"starting from the weights of {self.config.train.init_from}, step {step}", flush=True)
        started = {"params": state.params, "batch_stats": state.batch_stats}
        _require_same_shapes(started, variables, self.config.train.init_from)
        return initial_state(variables, self.optimizer, ema=state.ema is not None)

    def fit(self) -> None:
        """Take the steps that are left; val is scored and a checkpoint saved every ``train.eval_every`` of them."""
        settings = self.config.train
        self._introduce()
        if self.start >= settings.steps:
            print(f"all {settings.steps} steps are done", flush=True)
            self.checkpoints.close()
            return
        log = MetricsLog(self.folder.path, self.start)
        progress = Progress(settings.steps, "train", start=self.start)
        source = self._feed()
        watch = Watch(
            log,
            progress,
            learning_rate=lambda step: self.learning_rate(step // settings.accumulate),
            images_of=self._images_of,
            batch_size=settings.batch_size,
            log_every=settings.log_every,
            steps=settings.steps,
        )
        try:
            with StopRequest() as stop:
                for step in range(self.start, settings.steps):
                    self.state, figures = self.step(self.state, *source(step))
                    watch.add(step, figures)
                    done = step + 1
                    if done % settings.eval_every == 0 or done == settings.steps:
                        watch.drain()
                        state = on.first(self.state)
                        self._save(done, state, self._score(done, state, log, progress))
                        watch.resume()
                    if stop.signal is not None and done < settings.steps:
                        watch.drain()
                        self._stop(done, stop.signal)
        finally:
            progress.close()
            source.close()
            log.close()
            self.checkpoints.close()

    def _introduce(self) -> None:
        model, kind = self.config.model, self.devices[0].device_kind
        count = sum(p.size for p in jax.tree.leaves(self.state.params)) // len(self.devices)
        print(
            f"{model.name} {model.size}, attention {model.attention}: {count:,} parameters; "
            f"{len(self.devices)} x {kind}; the first step compiles",
            flush=True,
        )

    def _feed(self) -> feed.Resident | feed.Streamed:
        seed, batch_size, records = self.config.seed, self.config.train.batch_size, self.splits.train
        copies = len(self.devices) if self.devices[0].platform == "cpu" else 1  # the CPU's devices share its memory
        if copies * stream.canvas_bytes(records) > self.config.data.device_limit * 2**30:
            return feed.Streamed(records, self.devices, seed=seed, batch_size=batch_size, start=self.start)
        return feed.Resident(records, self.devices, seed=seed, batch_size=batch_size)

    def _images_of(self, step: int) -> list[str]:
        ids = self.splits.train.ids
        return [ids[i] for i in stream.indices(self.config.seed, step, self.config.train.batch_size, len(ids))]

    def _score(self, step: int, state: TrainState, log: MetricsLog, progress: Progress) -> float | None:
        if self.splits.val is None:
            return None
        began = time.monotonic()
        params = state.params if state.ema is None else state.ema
        self.predictor.variables = jax.device_put({"params": params, "batch_stats": state.batch_stats})
        summary = inference.evaluate(self.predictor, self.splits.val, progress=False).summary
        log.write(step, {name: value for name, value in flatten(summary, "val").items() if value is not None})
        score = summary["full"]["image_mean"]["dice"]
        took = clock(time.monotonic() - began)
        progress.say(f"step {step}: val Dice {score:.4f} (full image, mean over images), scored in {took}")
        return score

    def _save(self, step: int, state: TrainState, score: float | None) -> None:
        self.checkpoints.save(step, *_items(state), score=score)

    def _stop(self, step: int, signal: int) -> None:
        if self.checkpoints.latest() != step:
            self._save(step, on.first(self.state), None)
        raise Stopped(f"stopped at step {step} and saved; the same command goes on from there", signal)


def _items(state: TrainState) -> tuple[dict[str, Any], dict[str, Any]]:
    """Split a state into a checkpoint's two items: what prediction needs, and the rest."""
    variables = {"params": state.params, "batch_stats": state.batch_stats, "ema": state.ema}
    return variables, {"step": state.step, "opt_state": state.opt_state}


def _optimizer(config: Settings) -> tuple[optax.Schedule, optax.GradientTransformation]:
    settings, accumulate = config.optimizer, config.train.accumulate
    learning_rate = optimizer.schedule(
        settings.schedule,
        settings.learning_rate,
        updates=config.train.steps // accumulate,
        warmup=settings.warmup_steps,
        power=settings.power,
    )
    transform = optimizer.adam(
        learning_rate,
        beta1=settings.beta1,
        beta2=settings.beta2,
        eps=settings.eps,
        weight_decay=settings.weight_decay,
        weight_decay_kind=settings.weight_decay_kind,
        accumulate=accumulate,
    )
    return learning_rate, transform


def _predictor(config: Settings, splits: data.Splits) -> Predictor:
    settings = {name: config.eval[name] for name in ("tile", "overlap", "flips", "threshold")}
    return Predictor(models.build(**config.model.to_dict()), {}, splits.preprocess, **settings)


def _sample(config: Settings, splits: data.Splits) -> Sample:
    augment = Augment(**config.data.augment.to_dict())
    patch_size, preprocess = tuple(config.data.patch_size), splits.preprocess

    def sample(arrays: stream.Arrays, key: jax.Array, places: jax.Array) -> stream.Batch:
        return stream.sample(arrays, key, places, augment, patch_size, preprocess.mean, preprocess.std)

    return sample


def _require_same_shapes(wanted: Any, given: Any, source: str) -> None:
    def shapes(tree: Any) -> dict[str, tuple[int, ...]]:
        return {jax.tree_util.keystr(path): leaf.shape for path, leaf in jax.tree_util.tree_leaves_with_path(tree)}

    here, there = shapes(wanted), shapes(given)
    different = sorted(name for name in here.keys() | there.keys() if here.get(name) != there.get(name))
    if different:
        name = different[0]
        raise ValueError(
            f"train.init_from {source} is another network: {len(different)} arrays differ, the first is {name} "
            f"(there {there.get(name, 'absent')}, here {here.get(name, 'absent')}); use its model settings"
        )
