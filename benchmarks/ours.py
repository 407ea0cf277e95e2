"""jaxseg's side of the races: the training step and the network as its users run them. PyTorch is not imported."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import bench_cases
import jax
import jax.numpy as jnp
import numpy as np
import optax
from bench_cases import Case

from jaxseg import losses, models, optimizer
from jaxseg.config import defaults
from jaxseg.data import stream
from jaxseg.data.augment import Augment
from jaxseg.data.records import Record, Records
from jaxseg.runs import programs
from jaxseg.training import devices as on
from jaxseg.training import feed
from jaxseg.training.packed import unpacked
from jaxseg.training.step import DEVICES, initial_state, parallel_step, parallel_steps, steps_at_once

MOST_STEPS = 10**6  # of a run whose learning rate is constant: no schedule looks at it


def network(case: Case, dtype: str, axis_name: str | None = None) -> models.Network:
    """Return the network of a case."""
    return models.build("denseunet", size=case.size, attention=case.attention, dtype=dtype, axis_name=axis_name)


def variables(case: Case, seed: int = 0) -> dict[str, Any]:
    """Return random parameters and statistics, none of them zero, so that every part of the network has a say."""
    model = network(case, "float32")
    shapes = jax.eval_shape(lambda: model.init(jax.random.key(0), jnp.zeros((1, 32, 32, 3)), train=False))
    rng = np.random.default_rng(seed)

    def draw(path: Any, leaf: Any) -> np.ndarray:
        name = path[-1].key
        if name == "kernel":
            values = rng.normal(size=leaf.shape) / np.sqrt(np.prod(leaf.shape[:-1]) / 2)
        elif name in ("scale", "var"):
            values = rng.uniform(0.5, 1.5, size=leaf.shape)
        else:
            values = rng.normal(size=leaf.shape) / 4
        return values.astype(leaf.dtype)

    return jax.tree_util.tree_map_with_path(draw, shapes)


def adam() -> dict[str, Any]:
    """Return the optimiser's default settings."""
    return defaults().optimizer.to_dict()


class Training:
    """The product's training step: pmapped over the devices of ``set_up``, its records resident, Adam, cross entropy.

    Nothing is augmented, so that both sides of a race do the same work.

    Args:
        case: the network and its images.
        dtype: of its features.
        batch: images in a step.
        devices: that share the batch.
        variables: to start from.
    """

    def __init__(self, case: Case, *, dtype: str, batch: int, devices: on.Devices, variables: Mapping[str, Any]):
        self.batch, self.adam = batch, adam()
        _, transform = optimizer.build(**self.adam, updates=MOST_STEPS, accumulate=1)
        self.state = on.replicate(initial_state(variables, transform, ema=False), devices)
        images, masks = bench_cases.records(case, 2 * batch)
        pairs = zip(images, masks, strict=True)
        made = Records.of([Record(str(k), image, mask, None, None, str(k)) for k, (image, mask) in enumerate(pairs)])
        self.at_once = steps_at_once(devices)
        self.feed = feed.Resident(made, devices, seed=0, batch_size=batch, at_once=self.at_once)
        step = (parallel_step if self.at_once == 1 else parallel_steps)(
            devices,
            model=network(case, dtype, DEVICES),
            loss=losses.build("cross_entropy"),
            optimizer=transform,
            sample=_sample,
            ema_decay=0.0,
        )
        made_of = [case, dtype, batch, self.adam]
        self.step = programs.Program("step", step, self.state, *self.feed(0, self.at_once), made_of=made_of).compiled()
        self.done = 0

    def run(self, steps: int) -> None:
        """Take so many steps, and wait for the last."""
        end = self.done + steps
        while self.done < end:
            count = min(self.at_once, end - self.done)
            self.state, self.figures = self.step(self.state, *self.feed(self.done, count))
            self.done += count
        jax.block_until_ready((self.state, self.figures))

    def indices(self, step: int) -> np.ndarray:
        """Return which records a step takes."""
        return stream.indices(0, step, self.batch, 2 * self.batch)

    def after_first(self) -> tuple[float, dict[str, Any], dict[str, Any]]:
        """Return loss, gradients and running statistics of the first step, which is the only one so far."""
        state = unpacked(on.first(self.state))
        # Adam's first moment starts at zero: after one step it is (1 - beta1) times the gradient.
        moment = optax.tree_utils.tree_get(state.opt_state, "mu")
        gradients = jax.tree.map(lambda m: m / (1 - self.adam["beta1"]), moment)
        return float(on.first(self.figures)["loss"].flat[0]), gradients, state.batch_stats


def _sample(arrays: stream.Arrays, key: jax.Array, places: jax.Array) -> stream.Batch:
    return stream.sample(arrays, key, places, Augment(), (), bench_cases.MEAN, bench_cases.STD)


class Inference:
    """The network's probabilities of the foreground, of normalised images on its device.

    Args:
        case: the network.
        images: float32 [batch, height, width, 3], of any size.
        dtype: of its features.
        variables: of the network.
    """

    def __init__(self, case: Case, images: np.ndarray, *, dtype: str, variables: Mapping[str, Any]):
        model = network(case, dtype)
        self.variables, self.images = jax.device_put(variables), jax.device_put(images)
        self.apply = jax.jit(lambda variables, images: model.apply(variables, images, train=False))
        # As the product's: logits are no result, which costs XLA's CPU backend half as much again.
        self.forward = jax.jit(
            lambda variables, images: jax.nn.softmax(model.apply(variables, images, train=False))[..., 1]
        )

    def run(self, steps: int) -> None:
        """Predict so many times, and wait for the last."""
        for _ in range(steps):
            self.found = self.forward(self.variables, self.images)
        jax.block_until_ready(self.found)

    def logits(self) -> np.ndarray:
        """Return the logits, float32 [batch, height, width, classes], from a program of their own."""
        return np.asarray(self.apply(self.variables, self.images))

    def probabilities(self) -> np.ndarray:
        """Return the probabilities of the last run, float32 [batch, height, width]."""
        return np.asarray(self.found)


def normalised(case: Case, batch: int) -> np.ndarray:
    """Return images as the network sees them, float32 [batch, height, width, 3]."""
    images, _ = bench_cases.records(case, batch)
    return ((images - np.float32(bench_cases.MEAN)) / np.float32(bench_cases.STD)).astype(np.float32)
