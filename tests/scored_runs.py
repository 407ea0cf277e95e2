"""Folders of runs that are scored, made without a training: the files that comparisons read."""

import json

import numpy as np

from jaxseg import files
from jaxseg.config import defaults
from jaxseg.metrics import Evaluation, Tally
from jaxseg.report.tables import write_scores
from jaxseg.runs.sealed import seal

IDS = tuple(f"{person:02}{side}" for person in range(6) for side in "LR")


def scored_run(
    folder, *, seed=0, noise=0.2, ids=IDS, digests=None, groups=True, classes=(), jax="0.10", processor="EPYC",
    wider=(), missed=(), **changes
):  # fmt: skip
    """Write a run's settings, images, environment and scores on test; return its folder.

    Args:
        folder: the place.
        seed: of the run, which draws its errors.
        noise: how wrong its probabilities are.
        ids: the images.
        digests: of their files, where not those of every other run.
        groups: whether both sides of a person are one group; None as an earlier run, which does not tell.
        classes: names of classes.
        jax: the version that it was trained with.
        processor: likewise.
        wider: images without a foreground: recall is undefined.
        missed: images in which it predicts no foreground: Matthews's coefficient is undefined.
        changes: of settings, by their names with __ for a dot.
    """
    config = defaults()
    config.seed = seed
    config.update_from_flattened_dict({name.replace("__", "."): value for name, value in changes.items()})
    files_of = {name: {"image": f"i{name}", "mask": f"m{name}"} for name in ids} | (digests or {})
    data = {"name": "folder", "dir": str(folder), "builder_version": "1", "content_hash": "c", "notes": []}
    data["splits"] = {"test": {"num_images": len(ids), "ids": list(ids), "digests": files_of}}
    if groups is not None:
        data["groups"] = {"test": {name: name[:2] for name in ids} if groups else {}}
    start = {"python": "3.11", "packages": {"jax": jax}, "processor": processor, "devices": ["cpu:cpu"]}
    start["time"] = str(folder)
    folder.mkdir(parents=True)
    files.write_json(folder / "config.json", seal(json.loads(config.to_json())))
    files.write_json(folder / "data.json", seal(data))
    files.write_json(folder / "environment.json", [seal(start)])
    tally = Tally(classes=classes)
    for name in ids:
        truth = np.random.default_rng(sum(map(ord, name))).integers(0, 2 + len(classes[1:]), (8, 8)).astype(np.uint8)
        truth = truth * (name not in wider)
        shape = (8, 8, 1 + len(classes)) if classes else (8, 8)
        errors = np.random.default_rng([seed, sum(map(ord, name))]).normal(0, noise, shape)
        right = np.eye(shape[-1])[truth] if classes else truth
        seen = 0.0 if name in missed else 1.0
        tally.add(name, np.clip((right * 0.6 + 0.2 + errors) * seen, 0, 1).astype(np.float32), truth)
    threshold = () if classes else config.eval.threshold
    evaluation = Evaluation(tally.summary(), tally.rows, None, threshold=threshold, scored_at="prepared")
    write_scores(folder / "eval", "test", evaluation, {"seed": seed, "prediction": "whole images"}, name="test")
    return folder
