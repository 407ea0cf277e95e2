"""Checkpoints of a run: the latest step and the best one on val, written by Orbax while training goes on.

A checkpoint has two items. ``variables`` is what prediction needs (``params``, ``batch_stats`` and, where one is kept,
the moving average ``ema``); ``training`` is what an exact resume needs besides. Arrays are saved from host memory, so
a run of eight GPUs is read on a laptop without any of them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import orbax.checkpoint as ocp
from orbax.checkpoint import checkpoint_managers

from jaxseg import checks

Tree = Any  # a pytree of arrays


class Checkpoints:
    """The folder ``checkpoints/`` of a run: ``<step>/`` for the latest step and for the best one.

    Args:
        directory: the folder; made if it is not there.
        read_only: open for reading: nothing is created or removed.
    """

    def __init__(self, directory: str | Path, *, read_only: bool = False):
        self._path = Path(directory)
        best = checkpoint_managers.BestN(get_metric_fn=_score, n=1, keep_checkpoints_without_metrics=False)
        keep = checkpoint_managers.AnyPreservationPolicy([best, checkpoint_managers.LatestN(1)])
        self._manager = ocp.CheckpointManager(
            self._path.absolute(),
            options=ocp.CheckpointManagerOptions(
                preservation_policy=keep, best_fn=_score, best_mode="max", read_only=read_only, create=not read_only
            ),
        )

    def save(self, step: int, variables: Tree, training: Tree, *, score: float | None) -> None:
        """Save in the background; ``score`` (higher is better) is None where val was not scored at this step."""
        self._manager.save(
            step,
            args=ocp.args.Composite(
                variables=ocp.args.StandardSave(jax.device_get(variables)),
                training=ocp.args.StandardSave(jax.device_get(training)),
            ),
            metrics=None if score is None else {"score": score},
        )

    def latest(self) -> int | None:
        """Return the newest finished step, or None before the first."""
        return self._manager.latest_step()

    def best(self) -> int | None:
        """Return the step with the highest score; the newest where no step has one (a run without val)."""
        best = self._manager.best_step()
        return self.latest() if best is None else best

    def restore(self, step: int, variables: Tree, training: Tree) -> tuple[Tree, Tree]:
        """Return both items of a step, in the structure and dtypes of the two given trees."""
        items = self._manager.restore(
            step,
            args=ocp.args.Composite(
                variables=ocp.args.StandardRestore(jax.device_get(variables)),
                training=ocp.args.StandardRestore(jax.device_get(training)),
            ),
        )
        return items["variables"], items["training"]

    def variables(self, step: int) -> Tree:
        """Return the item ``variables`` of a step as it was saved, in host memory."""
        self._manager.wait_until_finished()  # The step may be the one that is being written.
        return self._manager.restore(step, args=ocp.args.Composite(variables=ocp.args.StandardRestore()))["variables"]

    def load(self, which: str) -> tuple[int, Tree]:
        """Return ``(step, {"params", "batch_stats"})`` for prediction; ``params`` is the moving average where one is.

        Args:
            which: "best" on val, or "latest".

        Raises:
            FileNotFoundError: there is no checkpoint yet.
        """
        step = self.best() if which == "best" else self.latest()
        if step is None:
            raise FileNotFoundError(
                f"{self._path} holds no finished checkpoint yet; let the run reach its first evaluation"
            )
        variables = self.variables(step)
        params = variables["params"] if variables.get("ema") is None else variables["ema"]
        return step, {"params": params, "batch_stats": variables["batch_stats"]}

    def close(self) -> None:
        """Wait, then let go of the folder."""
        self._manager.close()


def _score(metrics: dict[str, float]) -> float:
    return metrics["score"]


def load_variables(workdir: str | Path, which: str = "best") -> tuple[int, Tree]:
    """Return ``(step, {"params", "batch_stats"})`` of a run; ``params`` is the moving average where one was kept.

    Args:
        workdir: the run's folder.
        which: "best" on val, or "latest".

    Raises:
        ValueError: another ``which``.
        FileNotFoundError: there is no such run, or it has no checkpoint yet.
    """
    checks.one_of("checkpoint", which, ("best", "latest"))
    directory = Path(workdir) / "checkpoints"
    if not directory.is_dir():
        raise FileNotFoundError(f"{workdir} holds no run (no checkpoints/); give the --workdir of a training run")
    checkpoints = Checkpoints(directory, read_only=True)
    try:
        return checkpoints.load(which)
    finally:
        checkpoints.close()
