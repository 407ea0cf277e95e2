"""The one definition of every setting: ``defaults()`` says what it is, ``validate()`` which combinations make sense.

A rule about a setting stands where the setting is used; ``validate`` calls it.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
from typing import Any

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict
from ml_collections.config_dict import placeholder

from jaxseg import attention, data, losses, models, optimizer
from jaxseg.checks import fraction, nearest, one_of, require, size
from jaxseg.data.augment import Augment
from jaxseg.metrics import FIXED, NONE, ON_VAL, REGIONS, RULES, Walk, check_threshold, chosen

# An ml_collections.ConfigDict; static checkers cannot know its fields.
Settings = Any

SCORED_AT = ("prepared", "original")


def defaults() -> Settings:
    """Return every setting with its default; a file in ``configs/`` changes what its experiment needs.

    The constants are the paper's (supplement, section 1) where it states them. A comment marks each choice
    that the paper leaves open.
    """
    sections = dict(model=_model(), data=_data(), train=_train(), loss=_loss(), optimizer=_optimizer(), eval=_eval())
    return ConfigDict(dict(seed=0, **sections))


def _model() -> dict[str, Any]:
    return dict(
        name="denseunet",  # a key of models.MODELS
        options={},  # what the network takes beside these settings, e.g. {'width': 16}
        size="161",  # of denseunet, hdenseunet and dacn: 161, 121, base, small, tiny, micro
        head="plain",  # of denseunet; "author": BatchNorm and ReLU on the logits.
        attention="none",
        attention_options={},  # arguments of the mechanism, e.g. {'activation': 'identity'}
        # Paper: not stated. Skips that carry attention, e.g. (0, 3); None is all: of denseunet at strides 2, 4, 8, 16.
        levels=placeholder(tuple),
        dtype="float32",  # "bfloat16" computes in bfloat16; parameters, statistics and softmax stay float32.
        remat=False,  # each block computed twice: small JA-9 on a CPU takes a sixth less memory and a tenth more time
    )


def _data() -> dict[str, Any]:
    return dict(
        name="synthetic",  # synthetic, drive, stare, chase_db1, hrf, isic2016, isic2017, isic2018, folder
        dir="",  # the owner's layout, or images/ masks/ [fov/]
        # Prepared records live in cache_dir/<content hash>/. Compiled programs do not: see runs/compilation.py.
        cache_dir=os.path.join(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "jaxseg"),
        image_size=(),  # (height, width) to resize to; () keeps the native size
        window=(),  # (low, high) of photographs of 16 bits that become 0 and 255; () refuses such photographs
        patch_size=(),  # (height, width) of a training crop; () trains on whole images
        holdout=0,  # training images held out as val, where the set has no val split of its own
        test=0,  # images cut off as test, where the set has no test split of its own
        split_seed=0,
        folds=0,  # of a cross-validation: test is one of so many parts of the training images; 0 is none
        fold=0,  # which of them, 0 to folds - 1
        # Images of another source, which are shifted_val and shifted_test and in no other split: "late_ids" of isic2017
        # and isic2018, "camera" of synthetic; "" puts none apart. A folder lists its own in shifted_val.txt and so on.
        shift="",
        mask_name="",  # a folder's masks: "" for those of the images or a plain pattern, else "{id}_mask" or the like
        group_pattern="",  # a folder's people: a regular expression that finds one in a name, such as r"(\d+)[LR]"
        labels=(),  # a folder's foreground: () for {0, 1} and {0, 255}, else label values or "#rrggbb" colours
        # Several foregrounds: name -> grey value, "#rrggbb" colour, or list of them, in the order of the class numbers.
        classes={},
        background=(0,),  # beside classes: the values of the background, a tuple
        ignore=(),  # beside classes: those of pixels that neither loss nor scores count, as in (255,)
        # Paper: CLAHE and normalisation, parameters not stated.
        clahe=dict(mode="lab", clip_limit=2.0, tiles=8),  # mode: none, lab, rgb, green, gray
        # What the network sees, in this order: rgb, r_prime, v_star, gray, intrinsic, shading_attenuated, green, luma.
        # CLAHE acts on rgb alone; see data/illumination.py.
        inputs=("rgb",),
        angle="min_entropy",  # of the intrinsic image; "released" is the authors' code, always 1 degree
        # Paper: augmentation not stated.
        augment=dict(
            flips=False,
            quarter_turns=False,
            foreground=0.0,  # probability that a crop is centred on a foreground pixel
            rotate=0.0,  # largest angle, degrees
            scale=0.0,  # zoom drawn from [1 - scale, 1 + scale]
            brightness=0.0,  # shift drawn from [-brightness, brightness], in fractions of the grey range
            contrast=0.0,  # gain drawn from [1 - contrast, 1 + contrast]
            colour=0.0,  # each channel's gain drawn from [1 - colour, 1 + colour], as under other light
            blur=0.0,  # a Gaussian whose standard deviation is drawn from [0, blur], in pixels
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
        steps_at_once=0,  # how many are sent to the devices together; 0: 1 on a CPU, 8 on GPUs
    )


def _loss() -> dict[str, Any]:
    return dict(
        name="cross_entropy",  # a key of losses.LOSSES
        options={},  # its own, e.g. {'smoothing': 1.0}
        region="full",  # "fov" counts the pixels in the field of view alone
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
        select="dice",  # score on val (full image, mean over images) whose largest value picks the best checkpoint
        metrics=(),  # that take time, beside the others: names of metrics.METRICS, as in ("hd95", "surface_dice@2")
        threshold=0.5,
        # What chooses the threshold on val once training is over: fixed (nothing), dice, jaccard, youden. Which step is
        # best is found at eval.threshold; every later prediction is at the chosen one.
        threshold_rule="fixed",
        # "val" fits a temperature of the probabilities on val once training is over, before a threshold is chosen, and
        # every later prediction is at it; see metrics.tempered.
        temperature="none",
        thresholds=(),  # with data.classes, one a class in their order; () takes the most probable class
        tile=(),  # (height, width) of overlapping tiles; () predicts whole images
        overlap=0.5,
        flips=False,  # average over the four flips
        # Joins the fragments of one foreground to its largest component, within reach pixels; 0 leaves them apart. All
        # three numbers are guesses, see metrics.Walk.
        reconnect=dict(reach=0.0, window=21, stop=0.1),
        scored_at="prepared",  # "original" scores at the images' own size
    )


def validate(config: Settings) -> models.Network:
    """Check every setting that can be checked without reading data or touching a device.

    Returns:
        The network that ``config.model`` describes: its settings are checked by building it.

    Raises:
        ValueError: naming the setting, what it is, and what it may be.
        FileNotFoundError: no data.dir; the line says where to get the images.
    """
    _check_names_and_types(config, defaults())
    network = _network(config)
    require(0 <= config.seed < 2**31, "seed", config.seed, "0 to 2**31 - 1")
    _validate_data(config.data)
    _validate_train(config)
    _validate_loss(config)
    _validate_eval(config)
    return network


def plain(settings: Settings) -> dict[str, Any]:
    """Return settings, or a section of them, as plain JSON; ``to_dict`` would lose the order of the classes."""
    return json.loads(settings.to_json())


def resolved(config: Settings, network: models.Network) -> dict[str, Any]:
    """Return the settings as plain JSON: without those that the network does not have, and with the levels it has."""
    settings = plain(config)
    settings["model"]["levels"] = list(network.levels or ())
    for name in models.unused(settings["model"]):
        del settings["model"][name]
    return settings


def training_batch(config: Settings) -> tuple[models.Network, tuple[int, int, int, int]]:
    """Return the network, and what one training step shows it, (images, height, width, channels); reads no data.

    Raises:
        ValueError: as ``validate``, and where the images keep sizes of their own, which only their files tell.
    """
    _check_names_and_types(config, defaults())
    network = _network(config)
    _validate_train(config)
    settings = config.data
    size("data.image_size", settings.image_size, "each image's own size")
    _validate_patch(settings)
    own = (settings.synthetic.size,) * 2 if settings.name == "synthetic" else ()
    sides = settings.patch_size or settings.image_size or own
    wanted = (
        "(height, width): with data.image_size () too, the images keep sizes of their own; give one, as "
        "--config.data.patch_size='(584, 565)'"
    )
    require(len(sides) == 2, "data.patch_size", settings.patch_size, wanted)
    return network, (config.train.batch_size, *sides, data.Preprocess.from_config(plain(settings)).channels)


# What a setting may be, by the type of its default.
_TYPES = {
    bool: (bool, "true or false"),
    int: (int, "a whole number"),
    float: (int | float, "a finite number"),
    str: (str, "a text"),
}


def _check_names_and_types(settings: Settings, known: Settings, place: str = "") -> None:
    """Raise ValueError unless ``settings`` has the names of ``known`` and values of their types, numbers finite."""
    for name in known:
        if name not in settings:
            raise ValueError(f"{place}{name} is missing; begin with jaxseg.config.defaults(), which has every setting")
    for name, value in settings.items():
        if name not in known:
            where = place.removesuffix(".") or "the config"
            raise ValueError(f"{where} has no setting {name!r}{nearest(name, known)}; it has {', '.join(known)}")
        default, whole = known[name], f"{place}{name}"
        if isinstance(default, ConfigDict):
            require(isinstance(value, ConfigDict), whole, value, "a section of settings (a ConfigDict)")
            if len(default):  # else a dictionary of any names, such as options
                _check_names_and_types(value, default, f"{whole}.")
        elif type(default) in _TYPES:
            types, wanted = _TYPES[type(default)]
            fits = isinstance(value, types) and isinstance(value, bool) == (types is bool)  # to Python, True is an int
            require(fits and (not isinstance(value, float) or math.isfinite(value)), whole, value, wanted)


def _network(config: Settings) -> models.Network:
    """Build the network, and its mechanism on an abstract input: options of a wrong type show only there.

    What does not fit these 16 channels alone (a ValueError when called) may fit those of the skips.
    """
    settings = config.model.to_dict()
    options = settings["attention_options"]
    features = jax.ShapeDtypeStruct((1, 8, 8, 16), jnp.float32)
    try:
        module = attention.build(settings["attention"], **options)
        with contextlib.suppress(ValueError):
            jax.eval_shape(lambda x: module.init(jax.random.key(0), x, train=False, gate=x), features)
    except (TypeError, ZeroDivisionError) as error:
        raise ValueError(f"model.attention_options {options} do not fit model.attention: {error}") from error
    return models.build(**models.arguments(settings), num_classes=data.num_classes(plain(config.data)))


def _validate_data(settings: Settings) -> None:
    data.configure(plain(settings))
    require(bool(settings.cache_dir), "data.cache_dir", settings.cache_dir, "a folder")
    _validate_patch(settings)
    require(settings.device_limit >= 0, "data.device_limit", settings.device_limit, "GiB, 0 or more")
    augment = Augment(**settings.augment.to_dict())
    if frame := settings.patch_size or settings.image_size:
        augment.check(tuple(frame))


def _validate_patch(settings: Settings) -> None:
    size("data.patch_size", settings.patch_size, "whole images")
    if settings.image_size and settings.patch_size:
        fits = all(p <= i for p, i in zip(settings.patch_size, settings.image_size, strict=True))
        wanted = f"a crop within data.image_size {settings.image_size}"
        require(fits, "data.patch_size", settings.patch_size, wanted)


def _validate_train(config: Settings) -> None:
    train = config.train
    for name in ("steps", "batch_size", "accumulate", "log_every", "eval_every"):
        require(train[name] >= 1, f"train.{name}", train[name], "1 or more")
    for name in ("devices", "steps_at_once"):
        require(train[name] >= 0, f"train.{name}", train[name], "0 (choose) or more")
    whole = train.steps % train.accumulate == 0
    require(whole, "train.accumulate", train.accumulate, f"a divisor of train.steps {train.steps}")
    fraction("train.ema_decay", train.ema_decay, "0 (off) to below 1")
    updates = train.steps // train.accumulate
    optimizer.build(**config.optimizer.to_dict(), updates=updates, accumulate=train.accumulate)


def _validate_loss(config: Settings) -> None:
    loss = losses.build(config.loss.name, **config.loss.options.to_dict())
    one_of("loss.region", config.loss.region, REGIONS)
    # Weights that are not as many as the classes show only where there are logits.
    logits = jax.ShapeDtypeStruct((1, 8, 8, data.num_classes(plain(config.data))), jnp.float32)
    jax.eval_shape(loss, logits, jax.ShapeDtypeStruct((1, 8, 8), jnp.int32))


def _validate_eval(config: Settings) -> None:
    settings, classes = config.eval, tuple(plain(config.data.classes))
    named = isinstance(settings.metrics, tuple) and all(isinstance(name, str) for name in settings.metrics)
    require(named, "eval.metrics", settings.metrics, "a tuple of names, such as ('hd95',), or ()")
    higher = [name for name, metric in chosen(settings.metrics).items() if not metric.lower]
    one_of("eval.select", settings.select, higher)
    require(0 < settings.threshold < 1, "eval.threshold", settings.threshold, "between 0 and 1")
    if classes:
        wanted = "0.5, its default: with data.classes, eval.thresholds counts"
        require(settings.threshold == 0.5, "eval.threshold", settings.threshold, wanted)
        check_threshold("eval.thresholds", tuple(settings.thresholds), classes)
    else:
        require(not settings.thresholds, "eval.thresholds", settings.thresholds, "(): it is for data.classes")
    one_of("eval.threshold_rule", settings.threshold_rule, [FIXED, *RULES])
    alone = not classes or settings.threshold_rule == FIXED
    require(
        alone, "eval.threshold_rule", settings.threshold_rule, f"{FIXED!r} with data.classes: it is for one foreground"
    )
    one_of("eval.temperature", settings.temperature, [NONE, ON_VAL])
    alone = not classes or settings.temperature == NONE
    require(alone, "eval.temperature", settings.temperature, f"{NONE!r} with data.classes: it is for one foreground")
    size("eval.tile", settings.tile, "whole images")
    fraction("eval.overlap", settings.overlap, "the part of a tile that neighbours share, 0 to below 1")
    Walk(**settings.reconnect.to_dict()).check(classes)
    one_of("eval.scored_at", settings.scored_at, SCORED_AT)
