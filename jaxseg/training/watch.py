"""Reads the loss and the gradient's norm of every training step, checks that they are finite, and logs their means."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any

import jax
import numpy as np

from jaxseg.progress import Progress
from jaxseg.runs.log import MetricsLog
from jaxseg.training.devices import first

# Figures are read so many sendings late, so that the host never waits for the step that it has just sent.
_LAG = 2


class Watch:
    """Reads the figures of every step, raises at the first loss or gradient that is not finite, and logs the others.

    Args:
        log: gets a row every ``log_every`` steps and at the last step: the mean loss since the row before, the
            gradient's norm and the learning rate of the row's step, and images per second.
        progress: shows every step with its loss and the images per second.
        learning_rate: the learning rate as a function of the step, counted from 0.
        images_of: the names of a step's images, for the message about a loss that is not finite.
        batch_size: images per step, over all devices.
        log_every: steps from one row of the log to the next.
        steps: steps of the whole run.
        state: what ``state`` was at the step that the run starts from, None of a new run.
    """

    def __init__(
        self,
        log: MetricsLog,
        progress: Progress,
        *,
        learning_rate: Callable[[int], Any],
        images_of: Callable[[int], list[str]],
        batch_size: int,
        log_every: int,
        steps: int,
        state: Mapping[str, Any] | None = None,
    ):
        self._log, self._progress, self._learning_rate, self._images_of = log, progress, learning_rate, images_of
        self._batch_size, self._log_every, self._steps = batch_size, log_every, steps
        self._pending: deque[tuple[int, int, dict[str, jax.Array]]] = deque()
        self._loss, self._count = (state or {}).get("losses", (0.0, 0))  # sum and number since the last row of the log
        self._timed, self._seconds = 0, 0.0
        self._read_steps = 0
        self._last: tuple[float, int] | None = None  # when so many steps were done

    @property
    def state(self) -> dict[str, Any]:
        """What the log and this need to go on exactly from the steps that were read; plain JSON."""
        return {**self._log.state, "losses": (self._loss, self._count)}

    def add(self, step: int, figures: dict[str, jax.Array], count: int = 1) -> None:
        """Take the figures of steps that may still be running; those sent ``_LAG`` times before are read.

        Args:
            step: the first of them, counted from 0.
            figures: ``loss`` and ``gradient_norm``, each [devices], or [devices, most] with ``count`` of them filled.
            count: how many steps were sent together.

        Raises:
            FloatingPointError: the loss or gradient of an earlier step is not finite.
        """
        self._pending.append((step, count, figures))
        if len(self._pending) > _LAG:
            self._settle()

    def drain(self) -> None:
        """Wait for every step taken so far, and read its figures; raises as ``add``."""
        while self._pending:
            self._settle()

    def resume(self) -> None:
        """Leave the time since ``drain``, in which val was scored, out of the images per second."""
        self._last = None

    def _settle(self) -> None:
        step, count, figures = self._pending.popleft()
        losses, norms = (np.atleast_1d(first(figures)[name])[:count] for name in ("loss", "gradient_norm"))
        rate = self._rate(count)
        for i in range(count):
            self._read(step + i, float(losses[i]), float(norms[i]), rate)

    def _read(self, step: int, loss: float, norm: float, rate: float | None) -> None:
        if not (math.isfinite(loss) and math.isfinite(norm)):
            raise FloatingPointError(
                f"step {step + 1}: loss {loss}, gradient norm {norm}, on images {', '.join(self._images_of(step))}; "
                "look at these images, or train with a lower optimizer.learning_rate in another --workdir"
            )
        self._log.check()
        self._loss, self._count = self._loss + loss, self._count + 1
        speed = {"speed": f"{rate:.1f} images/s"} if rate else {}
        self._progress.advance(loss=f"{loss:.4f}", **speed)
        if (step + 1) % self._log_every == 0 or step + 1 == self._steps:
            row = {
                "train/loss": self._loss / self._count,
                "train/gradient_norm": norm,
                "train/learning_rate": float(self._learning_rate(step)),
            }
            self._log.write(step + 1, row | ({"train/images_per_second": rate} if rate else {}))
            self._loss, self._count = 0.0, 0
            self._timed, self._seconds = 0, 0.0

    def _rate(self, count: int) -> float | None:
        """Count steps, and return images per second since the last row; None where no step was timed since."""
        self._read_steps += count
        # A device may be done with steps whose figures wait to be read: a CPU is done with all that were sent.
        done = self._read_steps + sum(sent for _, sent, figures in self._pending if _ready(figures))
        last, self._last = self._last, (monotonic(), done)
        if last is not None:  # else the time since the step before is unknown: this one compiled, or val was scored
            self._seconds, self._timed = self._seconds + self._last[0] - last[0], self._timed + done - last[1]
        return self._timed * self._batch_size / self._seconds if self._timed else None


def _ready(figures: dict[str, Any]) -> bool:
    return all(figure.is_ready() for figure in figures.values())
