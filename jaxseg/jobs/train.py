"""Train as a config says, in a run's folder, and leave its pictures and report there."""

from __future__ import annotations

from pathlib import Path

from jaxseg import data
from jaxseg.checks import require
from jaxseg.config import Settings, defaults, plain, resolved, validate
from jaxseg.jobs.evaluate import evaluate_split
from jaxseg.metrics import FIXED, NONE
from jaxseg.models import Network, unused
from jaxseg.runs.folder import RunFolder
from jaxseg.training import Run, devices


def train(config: Settings, workdir: str | Path) -> None:
    """Train as ``config`` says, in the folder ``workdir``; called again on the same folder it goes on where it was.

    Raises:
        ValueError: a setting, a file or the folder is not as it must be.
        FileNotFoundError: the data are not where the config says; the message says where to get them.
        FloatingPointError: the loss or the gradient is no longer finite.
        training.Stopped: after SIGINT or SIGTERM.
    """
    network = validate(config)
    with RunFolder(workdir, resolved(config, network)) as run:
        _train(config, network, run)
    print(f"done: {run.path / 'report.html'}, pictures in {run.path / 'figures'}", flush=True)


def _train(config: Settings, network: Network, run: RunFolder) -> None:
    used = devices.set_up(config.train.batch_size, config.train.devices)
    for name in unused(config.model.to_dict()):
        if config.model[name] != defaults().model.get(name):
            print(f"note: model.{name} {config.model[name]!r} is not used: {config.model.name} has none", flush=True)
    settings = plain(config.data)
    splits = data.load(settings)
    rule = config.eval.threshold_rule
    wanted = "'fixed': there is no val to choose on; data.holdout cuts one from train"
    require(splits.val is not None or rule == FIXED, "eval.threshold_rule", rule, wanted)
    tempers, wanted = config.eval.temperature, "'none': there is no val to fit on; data.holdout cuts one from train"
    require(splits.val is not None or tempers == NONE, "eval.temperature", tempers, wanted)
    for severity, text in [("note", note) for note in splits.notes] + [
        (one.severity, one.text) for one in splits.found
    ]:
        print(f"{severity}: {text}", flush=True)
    for part in dict.fromkeys(("train", "val", "test", *splits.masks)):
        images, masks = getattr(splits, part) or (), f"; {splits.masks[part]}" if part in splits.masks else ""
        print(f"{part}: {len(images)} images ({splits.description['rule'].get(part, 'none')}){masks}", flush=True)
    run.begin(used, splits.description, splits.preprocess.to_json())
    predictor = Run(config, network, run.path, splits, used).fit()
    # The pictures show val, or train where there is no val: test is for evaluate, once the run is chosen.
    split = "train" if splits.val is None else "val"
    evaluate_split(
        run.path,
        settings,
        splits,
        split,
        predictor,
        config.eval.scored_at,
        name=split,
        metrics=config.eval.metrics,
        rule=rule,
        temperature=tempers,
    )
