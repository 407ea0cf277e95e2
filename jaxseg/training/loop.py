"""The training loop: steps, validation, checkpoints; the only place of this room with time, files and printing."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import Any

import jax

from jaxseg import data, inference, losses, models, optimizer
from jaxseg.config import Settings, plain
from jaxseg.data import stream
from jaxseg.data.augment import Augment
from jaxseg.interrupt import Stopped, StopRequest
from jaxseg.metrics import flatten, metric
from jaxseg.progress import Progress, clock
from jaxseg.runs import checkpoint, programs
from jaxseg.runs.folder import read_config
from jaxseg.runs.log import MetricsLog
from jaxseg.training import devices as on
from jaxseg.training import feed, memory
from jaxseg.training.packed import packed_as, unpacked
from jaxseg.training.step import (
    DEVICES,
    Sample,
    TrainState,
    initial_state,
    parallel_step,
    parallel_steps,
    steps_at_once,
)
from jaxseg.training.watch import Watch

_UNSCORED = "unscored"  # in the log's state: val was due at that step, and a signal came before it was scored


class Run:
    """A run's network, state and data on its devices.

    Args:
        config: checked by ``config.validate``.
        network: what it returned.
        path: the run's folder.
        splits: the data.
        devices: from ``devices.set_up``.
    """

    def __init__(self, config: Settings, network: models.Network, path: Path, splits: data.Splits, devices: on.Devices):
        self.config, self.path, self.splits, self.devices = config, path, splits, devices
        # The axis counts in training alone: the same module predicts.
        self.network = network.clone(numerics=dataclasses.replace(network.numerics, axis_name=DEVICES))
        train = config.train
        self.learning_rate, self.optimizer = optimizer.build(
            **config.optimizer.to_dict(), updates=train.steps // train.accumulate, accumulate=train.accumulate
        )
        self.checkpoints = checkpoint.Checkpoints(path / "checkpoints")
        self.made_of = [_of_the_programs(plain(config)), splits.preprocess.to_json()]
        # Its variables come with each scoring of val.
        self.predictor = inference.Predictor(self.network, {}, splits.preprocess, **inference.options(plain(config)))
        self._logged: dict[str, Any] = {}  # the log's state at the step that the run starts from
        self.room = memory.room(devices)  # of a CPU what is free, so before the state lies there
        state = self._restored() or self._new()
        self.start = int(state.step)
        self.state = on.replicate(state, devices)
        self.resident = self._fits_the_devices()
        self.at_once = self._steps_at_once()
        self.step = (parallel_step if self.at_once == 1 else parallel_steps)(
            devices,
            model=self.network,
            loss=losses.build(config.loss.name, **config.loss.options.to_dict()),
            optimizer=self.optimizer,
            sample=_sample(config, splits),
            ema_decay=train.ema_decay,
        )

    def _init(self, key: jax.Array) -> TrainState:
        variables = models.initial_variables(self.network, key, self.splits.preprocess.channels)
        return initial_state(variables, self.optimizer, ema=self.config.train.ema_decay > 0)

    def _restored(self) -> TrainState | None:
        if self.checkpoints.latest() is None:
            return None
        wanted = jax.eval_shape(self._init, jax.random.key(0))
        items = _items(jax.eval_shape(unpacked, wanted))
        step, variables, training, self._logged = self.checkpoints.resume(*items)
        print(f"resuming from step {step} of {self.path}", flush=True)
        return packed_as(wanted, TrainState(**variables, **training))

    def _new(self) -> TrainState:
        # It runs once, so compiling it quickly is worth more than quick code.
        init = jax.jit(self._init, compiler_options={"xla_backend_optimization_level": 0})
        key = jax.random.key(self.config.seed)
        state = programs.Program("start", init, key, made_of=self.made_of).compiled()(key)
        if not self.config.train.init_from:
            return state
        step, variables = checkpoint.load_variables(self.config.train.init_from)
        print(f"starting from the weights of {self.config.train.init_from}, step {step}", flush=True)
        _require_same_classes(self.predictor.classes, self.config.train.init_from)
        _require_same_inputs(self.splits.preprocess.inputs, self.config.train.init_from)
        started = {"params": state.params.tree(), "batch_stats": state.batch_stats}
        _require_same_shapes(started, variables, self.config.train.init_from)
        return initial_state(variables, self.optimizer, ema=state.ema is not None)

    def fit(self) -> inference.Predictor:
        """Take the steps that are left, and return the predictor of the best checkpoint.

        Val is scored and a checkpoint saved every ``train.eval_every`` steps.
        """
        self._introduce()
        try:
            if self.start < self.config.train.steps or _UNSCORED in self._logged:
                self._steps()
            else:
                print(f"all {self.config.train.steps} steps are done", flush=True)
            self.predictor.step, variables = self.checkpoints.load("best")
        finally:
            self.checkpoints.close()
        self.predictor.variables = jax.device_put(variables)
        return self.predictor

    def _steps(self) -> None:
        program, notes = self._program()
        settings, source = self.config.train, self._feed()
        log = MetricsLog(self.path, self.start, self._logged)
        progress = Progress(settings.steps, "train", start=self.start)
        if program.notes is None:
            progress.say(
                "the first step compiles: this takes from seconds to minutes, by network, image size and device; a "
                "later start reuses the compiled program"
            )
        watch = Watch(
            log,
            progress,
            learning_rate=lambda step: self.learning_rate(step // settings.accumulate),
            images_of=self._images_of,
            batch_size=settings.batch_size,
            log_every=settings.log_every,
            steps=settings.steps,
            state=self._logged,
        )
        try:
            step = program.compiled(**notes)
            with StopRequest() as stop:
                done = self.start
                if _UNSCORED in self._logged:
                    score = self._score(done, unpacked(on.first(self.state)), log, progress, stop)
                    self.checkpoints.rate(done, score, watch.state)
                while done < settings.steps:
                    count = min(self.at_once, settings.eval_every - done % settings.eval_every, settings.steps - done)
                    self.state, figures = step(self.state, *source(done, count))
                    watch.add(done, figures, count)
                    done += count
                    if done % settings.eval_every == 0 or done == settings.steps:
                        watch.drain()
                        state = unpacked(on.first(self.state))
                        try:
                            score = self._score(done, state, log, progress, stop)
                        except Stopped:  # the next start scores it, before it goes on
                            self._save(done, state, None, watch.state | {_UNSCORED: True})
                            raise
                        self._save(done, state, score, watch.state)
                        watch.resume()
                    if stop.signal is not None:
                        watch.drain()
                        if self.checkpoints.latest() != done:
                            self._save(done, unpacked(on.first(self.state)), None, watch.state)
                        raise _stopped(done, stop.signal)
        finally:
            progress.close()
            source.close()
            log.close()

    def _introduce(self) -> None:
        settings = self.config.model.to_dict()
        count = sum(p.size for p in jax.tree.leaves(self.state.params)) // len(self.devices)
        print(
            f"{models.describe(settings)}, attention {self.network.attention}: {count:,} parameters; "
            f"{len(self.devices)} x {self.devices[0].device_kind}",
            flush=True,
        )

    def _program(self) -> tuple[programs.Program, dict[str, int]]:
        """Return the step's program, and what it takes, told before the images lie there and anything is compiled."""
        config, records = self.config, self.splits.train
        given = feed.shapes(
            records, self.devices, batch_size=config.train.batch_size, fov=config.loss.region == "fov",
            at_once=self.at_once, resident=self.resident,
        )  # fmt: skip
        program = programs.Program("step", self.step, self.state, *given, made_of=self.made_of)
        notes = program.notes or memory.of_step(self.step, (self.state, *given))
        need = memory.Need(**notes, room=self.room)
        frame = tuple(config.data.patch_size) or stream.canvas_size(records)
        memory.require(need, self.devices, config, self.network, frame)
        print(memory.told(need, self.devices), flush=True)
        return program, notes

    def _feed(self) -> feed.Resident | feed.Streamed:
        records, fov = self.splits.train, self.config.loss.region == "fov"
        shared: dict[str, Any] = {"seed": self.config.seed, "batch_size": self.config.train.batch_size, "fov": fov}
        if self.resident:
            return feed.Resident(records, self.devices, at_once=self.at_once, **shared)
        return feed.Streamed(records, self.devices, start=self.start, **shared)

    def _fits_the_devices(self) -> bool:
        copies = len(self.devices) if self.devices[0].platform == "cpu" else 1  # the CPU's devices share its memory
        bytes_there = stream.canvas_bytes(self.splits.train, fov=self.config.loss.region == "fov")
        return copies * bytes_there <= self.config.data.device_limit * 2**30

    def _steps_at_once(self) -> int:
        asked = self.config.train.steps_at_once
        if asked > 1 and not self.resident:
            raise ValueError(
                f"train.steps_at_once is {asked}, and the training set is streamed, one step at a time; set it to 1, "
                f"or raise data.device_limit ({self.config.data.device_limit:g} GiB)"
            )
        return asked or (steps_at_once(self.devices) if self.resident else 1)

    def _images_of(self, step: int) -> list[str]:
        ids = self.splits.train.ids
        return [ids[i] for i in stream.indices(self.config.seed, step, self.config.train.batch_size, len(ids))]

    def _score(
        self, step: int, state: TrainState, log: MetricsLog, progress: Progress, stop: StopRequest
    ) -> float | None:
        """Score val, and log it; raises Stopped where a signal has come, or comes meanwhile."""
        if self.splits.val is None:
            return None

        def check() -> None:
            if stop.signal is not None:
                raise _stopped(step, stop.signal)

        began = time.monotonic()
        params = state.params if state.ema is None else state.ema
        self.predictor.variables = jax.device_put({"params": params, "batch_stats": state.batch_stats})
        asked = self.config.eval.metrics
        summary = inference.score(self.predictor, self.splits.val, metrics=asked, progress=False, check=check).summary
        log.write(step, flatten(summary, "val"))
        select, took = self.config.eval.select, clock(time.monotonic() - began)
        score = summary["full"]["image_mean"][select]
        told = "undefined" if score is None else f"{score:.4f}"
        heading = metric(select).heading
        over = "images and classes" if self.predictor.classes else "images"
        progress.say(f"step {step}: val {heading} {told} (full image, mean over {over}), scored in {took}")
        return score

    def _save(self, step: int, state: TrainState, score: float | None, log: dict[str, Any]) -> None:
        self.checkpoints.save(step, *_items(state), score=score, log=log)


def _stopped(step: int, signal: int) -> Stopped:
    return Stopped(f"stopped at step {step} and saved; run the same command to resume", signal)


def _of_the_programs(settings: dict[str, Any]) -> dict[str, Any]:
    """Return the settings that may change what is compiled: all but the few that surely do not."""
    data = {name: value for name, value in settings["data"].items() if name not in ("dir", "cache_dir")}
    train = {name: value for name, value in settings["train"].items() if name not in ("log_every", "eval_every")}
    return {**settings, "data": data, "train": train, "eval": None, "seed": None}


def _items(state: TrainState) -> tuple[dict[str, Any], dict[str, Any]]:
    """Split an unpacked state into a checkpoint's two items: what prediction needs, and the rest."""
    variables = {"params": state.params, "batch_stats": state.batch_stats, "ema": state.ema}
    return variables, {"step": state.step, "opt_state": state.opt_state}


def _sample(config: Settings, splits: data.Splits) -> Sample:
    augment = Augment(**config.data.augment.to_dict())
    patch_size, preprocess = tuple(config.data.patch_size), splits.preprocess

    def sample(arrays: stream.Arrays, key: jax.Array, places: jax.Array) -> stream.Batch:
        return stream.sample(arrays, key, places, augment, patch_size, preprocess.mean, preprocess.std)

    return sample


def _require_same_classes(wanted: tuple[str, ...], source: str) -> None:
    given = tuple(read_config(Path(source))["data"]["classes"])
    if given != wanted:
        raise ValueError(
            f"train.init_from {source} was trained on the classes {given}, and this run has {wanted}; give "
            "data.classes the same names in the same order"
        )


def _require_same_inputs(wanted: tuple[str, ...], source: str) -> None:
    given = tuple(read_config(Path(source))["data"]["inputs"])
    if given != wanted:
        raise ValueError(
            f"train.init_from {source} sees the inputs {given}, and this run {wanted}; give data.inputs the same names "
            "in the same order"
        )


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
