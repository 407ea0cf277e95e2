"""Submit a study to a cluster: its shards as jobs, through submitit (an extra), which speaks to Slurm."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jaxseg.checks import require
from jaxseg.config import Settings
from jaxseg.jobs.reproduce import leave_the_gpus, reproduce
from jaxseg.study import only, trials

_MINUTES, _TIMEOUTS = 240, 100  # of a job, and how often it is submitted again; submitit's own are 5 and 3


class Shard(NamedTuple):
    """What a job does: ``reproduce`` on its shard of a study."""

    study: Settings
    workdir: str
    names: tuple[str, ...]
    parallel: int
    command: tuple[str, ...]  # that submitted it: what its runs say they were made by

    def __call__(self, part: str) -> None:
        """Do the shard."""
        sys.argv = list(self.command)
        leave_the_gpus()
        reproduce(self.study, self.workdir, names=self.names, part=part, parallel=self.parallel)

    def checkpoint(self, part: str) -> Any:
        """Return what submitit submits in place of a job that reached its time limit: the same once more."""
        from submitit.helpers import DelayedSubmission  # pyright: ignore[reportMissingImports]

        return DelayedSubmission(self, part)


def submit(
    study: Settings,
    workdir: str | Path,
    *,
    shards: int,
    names: Sequence[str] = (),
    parallel: int = 0,
    options: Mapping[str, Any] = {},
) -> list[Any]:
    """Submit the runs of a study as an array of jobs, print their numbers, and return submitit's jobs without waiting.

    Each job is ``reproduce`` on its shard. One that reaches its time limit is submitted again and goes on. What jobs
    print is in ``<workdir>-jobs/``. The page is written by every job; ``reproduce`` without shards writes the last.

    Args:
        study: what ``jaxseg.study.study`` returns.
        workdir: the study's folder, which all machines see.
        shards: the number of jobs.
        names: submit only these runs, as ``reproduce`` takes them.
        parallel: runs at a time in each job, likewise.
        options: of submitit's ``update_parameters``, such as ``slurm_partition``, ``gpus_per_node`` and
            ``timeout_min`` (four hours where it is not given); and ``cluster``: "local" runs the jobs on this machine.

    Raises:
        ValueError: submitit is not installed or refuses an option, there is no cluster, or a setting of the study is
            not as it must be.
    """
    try:
        from submitit import AutoExecutor  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise ValueError("submitit is not installed; pip install -e '.[cluster]' brings it") from error

    found = only(trials(study), names) if names else trials(study)
    require(0 < shards <= len(found), "--submit", shards, f"1 to {len(found)}, the number of runs")
    asked = dict(options)
    try:
        cluster = asked.pop("cluster", None)
        executor = AutoExecutor(f"{workdir}-jobs", cluster, slurm_max_num_timeout=_TIMEOUTS)
        executor.update_parameters(**{"name": "jaxseg", "timeout_min": _MINUTES, **asked})
    except (TypeError, NameError, ValueError) as error:
        raise ValueError(f"submitit does not take {dict(options)}: {error}") from error
    if executor.cluster == "local" and cluster is None:
        raise ValueError("no Slurm is found here; --submit_option=cluster=local runs the jobs on this machine")
    parts = [f"{shard}/{shards}" for shard in range(shards)]
    jobs = executor.map_array(Shard(study, str(workdir), tuple(names), parallel, tuple(sys.argv)), parts)
    numbers = [str(job.job_id) for job in jobs]
    print(f"{shards} jobs on {executor.cluster}: {', '.join(numbers)}; they print to {workdir}-jobs", flush=True)
    return jobs
