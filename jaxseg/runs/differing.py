"""Where runs differ: in settings and images, which make them other models, and in their software and devices."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from jaxseg.runs.folder import FREE, flat
from jaxseg.runs.scored import Scored

_EVALUATED = ("scored_at", "prediction", "temperature_rule")  # of eval/<split>.json
_ENVIRONMENT = ("python", "platform", "processor", "packages", "git", "devices", "XLA_FLAGS")
_DATA = ("name", "builder_version", "content_hash")
_ABSENT = "absent"


def settings(run: Scored) -> dict[str, Any]:
    """Return what makes a run's model, by name: runs that agree in all of it differ by their seed alone.

    That is its config without the seed and what a resumed run may change; how it was scored (``eval/threshold`` ..., of
    a threshold that val chose the rule); and its images (``data: train`` is a digest of the ids and files of a split).
    """
    config = {name: value for name, value in flat(run.config).items() if name != "seed" and not name.startswith(FREE)}
    scored = {"eval/threshold": run.facts.get("threshold_rule", run.facts.get("threshold"))}
    scored |= {f"eval/{name}": run.facts.get(name) for name in _EVALUATED}
    members = run.facts.get("members", ())
    scored["networks"] = len(members) or 1  # more in an ensemble
    # What was asked for: by what a checkpoint was chosen may differ between seeds, where val gave one no score.
    own = "latest" if "latest" in run.evaluation.split("_") else "best"
    scored["eval/checkpoint"] = ", ".join(sorted({member["checkpoint"] for member in members})) or own
    images = {f"data: {name}": run.data.get(name) for name in _DATA}
    images |= {f"data: {split}": _digest(held) for split, held in run.data["splits"].items()}
    return config | scored | images


def environment(run: Scored) -> dict[str, Any]:
    """Return software and devices of a run's last start, by name."""
    return flat({name: run.start[name] for name in _ENVIRONMENT if name in run.start})


def differing(of: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the names whose values are not the same everywhere, each with every one's value ("absent" for none).

    Args:
        of: values by their name, of each run or model.
    """
    names = dict.fromkeys(name for values in of.values() for name in values)
    told = {name: {who: values.get(name, _ABSENT) for who, values in of.items()} for name in names}
    return {name: values for name, values in told.items() if len(set(map(json.dumps, values.values()))) > 1}


def first_difference(first: Scored, other: Scored) -> str | None:
    """Return the first image by which two runs' splits differ, in words; None where all are the same files."""
    if alone := sorted(set(first.ids) ^ set(other.ids)):
        owner, lacking = (first, other) if alone[0] in first.ids else (other, first)
        return f"{alone[0]} is an image of {owner.workdir} and none of {lacking.workdir}"
    for name in first.ids:
        for role in first.digests[name] | other.digests[name]:
            if first.digests[name].get(role) != other.digests[name].get(role):
                return f"the {role} of {name} is another file in {other.workdir} than in {first.workdir}"
    return None


def _digest(images: Mapping[str, Any]) -> str:
    """Return the number of a split's images and a digest of their ids and files."""
    content = json.dumps(images["digests"], sort_keys=True)
    return f"{images['num_images']} images, {hashlib.sha256(content.encode()).hexdigest()[:12]}"
