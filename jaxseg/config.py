"""The one definition of every setting: ``defaults()`` says what it is, ``validate()`` which combinations make sense."""

from __future__ import annotations

import os
from typing import Any

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from jaxseg import attention, models
from jaxseg.data import DATASETS
from jaxseg.data.augment import Augment
from jaxseg.data.preprocess import Preprocess
from jaxseg.optimizer import SCHEDULES, WEIGHT_DECAY_KINDS

# An ml_collections.ConfigDict; static checkers cannot know its fields.
Settings = Any

SCORED_AT = ("prepared", "original")


def defaults() -> Settings:
    """Return every setting with its default; a file in ``configs/`` changes what its experiment needs.

    The constants are the paper's (supplement, section 1) where it states them. A comment marks each choice
    that the paper leaves open.
    """
    return ConfigDict(dict(seed=0, model=_model(), data=_data(), train=_train(), optimizer=_optimizer(), eval=_eval()))


def _model() -> dict[str, Any]:
    return dict(
        name="denseunet",
        size="161",
        attention="none",
        attention_options={},  # arguments of the mechanism, e.g. {'activation': 'identity'}
        levels=(0, 1, 2, 3),  # Paper: not stated. Skips that carry attention, for strides 2, 4, 8, 16.
        head="plain",  # "author": BatchNorm and ReLU on the logits.
        dtype="float32",  # "bfloat16" computes in bfloat16; parameters, statistics and softmax stay float32.
    )


def _data() -> dict[str, Any]:
    return dict(
        name="synthetic",  # synthetic, drive, isic2017, chase_db1, folder
        dir="",  # the owner's layout, or images/ masks/ [fov/]
        # Prepared records live in cache_dir/<content hash>/, compiled programs in cache_dir/compiled/.
        cache_dir=os.path.join(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "jaxseg"),
        image_size=(),  # (height, width) to resize to; () keeps the native size
        patch_size=(),  # (height, width) of a training crop; () trains on whole images
        holdout=0,  # training images held out as val, where the set has no val split of its own
        test=0,  # images cut off as test, where the set has no test split of its own
        split_seed=0,
        labels=(),  # a folder's foreground: () for {0, 1} and {0, 255}, else label values or "#rrggbb" colours
        # Paper: CLAHE and normalisation, parameters not stated.
        clahe=dict(mode="lab", clip_limit=2.0, tiles=8),  # mode: none, lab, rgb, green, gray
        # Paper: augmentation not stated.
        augment=dict(
            flips=False,
            quarter_turns=False,
            foreground=0.0,  # probability that a crop is centred on a foreground pixel
            rotate=0.0,  # largest angle, degrees
            scale=0.0,  # zoom drawn from [1 - scale, 1 + scale]
            brightness=0.0,  # shift drawn from [-brightness, brightness], in fractions of the grey range
            contrast=0.0,  # gain drawn from [1 - contrast, 1 + contrast]
        ),
        device_limit=8.0,  # GiB; a larger training set is streamed by Grain instead of living on the device
        synthetic=dict(kind="fundus", size=96, train=48, val=8, test=16),  # the embedded default
    )


def _train() -> dict[str, Any]:
    return dict(
        steps=1000,
        batch_size=4,  # images in one step, over all devices
        accumulate=1,  # steps that share one optimiser update
        ema_decay=0.0,  # 0 switches the moving average of the parameters off
        log_every=50,
        eval_every=500,
        init_from="",  # workdir of a run whose weights start this one
        devices=0,  # 0: all GPUs; on a CPU the largest divisor of the batch that the cores allow
    )


def _optimizer() -> dict[str, Any]:
    return dict(
        learning_rate=1e-3,
        schedule="constant",  # constant, cosine, polynomial
        warmup_steps=0,  # counted, like the schedule, in updates: train.steps / train.accumulate
        power=0.9,  # of the polynomial schedule
        beta1=0.9,
        beta2=0.99,
        eps=1e-8,
        weight_decay=1e-8,
        weight_decay_kind="decoupled",  # "l2" adds it to the gradient
    )


def _eval() -> dict[str, Any]:
    return dict(
        threshold=0.5,
        tile=(),  # (height, width) of overlapping tiles; () predicts whole images
        overlap=0.5,
        flips=False,  # average over the four flips
        scored_at="prepared",  # "original" scores at the images' own size
    )


def validate(config: Settings) -> None:
    """Check every setting that can be checked without reading data or touching a device.

    Raises:
        ValueError: naming the setting, what it is, and what it may be.
        FileNotFoundError: no data.dir; the line says where to get the images.
    """
    _validate_model(config)
    _require(0 <= config.seed < 2**31, "seed", config.seed, "0 to 2**31 - 1")
    _validate_data(config.data)
    _validate_train(config.train)
    _validate_optimizer(config)
    _validate_eval(config.eval)


def training_batch(config: Settings) -> tuple[int, int, int, int]:
    """Check the network and say what one training step shows it: (images, height, width, channels); reads no data.

    Raises:
        ValueError: as ``validate``, and where the size of the images is the owner's alone to know.
    """
    _validate_model(config)
    _validate_train(config.train)
    _validate_sizes(config.data)
    data = config.data
    own = (data.synthetic.size,) * 2 if data.name == "synthetic" else ()
    size = data.patch_size or data.image_size or own
    wanted = "the images keep sizes of their own; give one, as --config.data.patch_size='(584, 565)'"
    _require(
        len(size) == 2, "data.patch_size", data.patch_size, f"(height, width): with data.image_size () too, {wanted}"
    )
    return (config.train.batch_size, *size, 3)


def _validate_model(config: Settings) -> None:
    """Build the network, and its mechanism on an abstract input: options of a wrong type show only there."""
    settings = config.model.to_dict()
    features = jax.ShapeDtypeStruct((1, 8, 8, 16), jnp.float32)
    try:
        models.build(**settings)
        module = attention.build(settings["attention"], **settings["attention_options"])
        jax.eval_shape(lambda x: module.init(jax.random.key(0), x, train=False, gate=x), features)
    except (TypeError, ZeroDivisionError) as error:
        options = settings["attention_options"]
        raise ValueError(f"model.attention_options {options} do not fit model.attention: {error}") from error


def _require(holds: bool, setting: str, value: object, wanted: str) -> None:
    if not holds:
        raise ValueError(f"{setting} is {value!r}; want {wanted}")


def _is_size(value: object) -> bool:
    return isinstance(value, tuple | list) and (
        len(value) == 0 or (len(value) == 2 and all(isinstance(v, int) and v > 0 for v in value))
    )


def _validate_data(data: Settings) -> None:
    _require(data.name in DATASETS, "data.name", data.name, f"one of {', '.join(DATASETS)}")
    if not data.dir and data.name != "synthetic":
        raise DATASETS[data.name].nothing(f"data.dir is empty, and {data.name} needs the folder of its images")
    _require(bool(data.cache_dir), "data.cache_dir", data.cache_dir, "a folder")
    _require(0 <= data.split_seed < 2**32, "data.split_seed", data.split_seed, "0 to 2**32 - 1")
    _validate_sizes(data)
    for name in ("holdout", "test"):
        _require(data[name] >= 0, f"data.{name}", data[name], "a number of images, 0 or more")
    _require(not data.labels or data.name == "folder", "data.labels", data.labels, "() for all but data.name 'folder'")
    _require(data.device_limit >= 0, "data.device_limit", data.device_limit, "GiB, 0 or more")
    Preprocess.from_config(data.to_dict())
    augment = Augment(**data.augment.to_dict())
    if frame := data.patch_size or data.image_size:
        augment.check(tuple(frame))


def _validate_sizes(data: Settings) -> None:
    for name in ("image_size", "patch_size"):
        _require(_is_size(data[name]), f"data.{name}", data[name], "(height, width), or () for none")
    if data.image_size and data.patch_size:
        fits = all(p <= i for p, i in zip(data.patch_size, data.image_size, strict=True))
        _require(fits, "data.patch_size", data.patch_size, f"a crop within data.image_size {data.image_size}")


def _validate_train(train: Settings) -> None:
    for name in ("steps", "batch_size", "accumulate", "log_every", "eval_every"):
        _require(train[name] >= 1, f"train.{name}", train[name], "1 or more")
    _require(train.devices >= 0, "train.devices", train.devices, "0 (choose) or more")
    whole = train.steps % train.accumulate == 0
    _require(whole, "train.accumulate", train.accumulate, f"a divisor of train.steps {train.steps}")
    _require(0 <= train.ema_decay < 1, "train.ema_decay", train.ema_decay, "0 (off) to below 1")


def _validate_optimizer(config: Settings) -> None:
    settings, updates = config.optimizer, config.train.steps // config.train.accumulate
    _require(settings.schedule in SCHEDULES, "optimizer.schedule", settings.schedule, f"one of {', '.join(SCHEDULES)}")
    kind = settings.weight_decay_kind
    _require(kind in WEIGHT_DECAY_KINDS, "optimizer.weight_decay_kind", kind, f"one of {', '.join(WEIGHT_DECAY_KINDS)}")
    _require(settings.learning_rate > 0, "optimizer.learning_rate", settings.learning_rate, "above 0")
    warmup = settings.warmup_steps
    _require(0 <= warmup < updates, "optimizer.warmup_steps", warmup, f"0 to {updates - 1}, below the run's updates")
    for name in ("beta1", "beta2"):
        _require(0 <= settings[name] < 1, f"optimizer.{name}", settings[name], "0 to below 1")
    for name in ("eps", "weight_decay", "power"):
        _require(settings[name] >= 0, f"optimizer.{name}", settings[name], "0 or more")


def _validate_eval(settings: Settings) -> None:
    _require(0 < settings.threshold < 1, "eval.threshold", settings.threshold, "between 0 and 1")
    _require(_is_size(settings.tile), "eval.tile", settings.tile, "(height, width), or () for whole images")
    _require(0 <= settings.overlap < 1, "eval.overlap", settings.overlap, "0 to below 1")
    _require(settings.scored_at in SCORED_AT, "eval.scored_at", settings.scored_at, f"one of {', '.join(SCORED_AT)}")
