from pathlib import Path

import pytest
from config_files import CONFIGS, FOLDER, module_of
from ml_collections import ConfigDict

from jaxseg.config import defaults, resolved, training_batch, validate


def load(path: Path) -> ConfigDict:
    module = module_of(path)
    assert f"--config=configs/{name_of(path)}" in module.__doc__, "its docstring shows the command"
    words = ["unet-tiny"] if path.parent.name == "protocol" else []
    return module.get_config(*words)


def name_of(path: Path) -> str:
    return path.relative_to(FOLDER).as_posix()


@pytest.mark.parametrize("path", CONFIGS, ids=name_of)
def test_every_config_is_valid(path):
    config = load(path)
    if path.stem == "folder_ja9":
        with pytest.raises(FileNotFoundError, match=r"data\.dir is empty.*--config\.data\.dir=FOLDER"):
            validate(config)
        config.data.dir = "somewhere"
    validate(config)


def test_the_papers_experiments_are_there_with_its_settings():
    names = {path.stem for path in CONFIGS}
    for data, steps in (("drive", 60_000), ("isic", 100_000), ("chase", 60_000)):
        for model, attention in (("baseline", "none"), ("sa", "sa"), ("pwa", "pwa"), ("ja9", "ja9")):
            assert f"{data}_{model}" in names
            config = load(FOLDER / f"{data}_{model}.py")
            assert (config.model.attention, config.model.size) == (attention, "161")
            assert (config.train.steps, config.train.batch_size) == (steps, 4)
            optimizer = config.optimizer
            assert (optimizer.learning_rate, optimizer.beta1, optimizer.beta2, optimizer.eps) == (1e-3, 0.9, 0.99, 1e-8)


MISTAKES = {
    "model.name": ("unett", "model.name is 'unett' (did you mean 'unet'?)"),
    "model.options": ({"width": 8}, "model.options of 'denseunet' has no option 'width'"),
    "model.levels": ((0, 4), "levels is (0, 4)"),
    "model.head": ("fancy", "head is 'fancy'"),
    "model.dtype": ("float16", "dtype is 'float16'"),
    "model.attention_options": ({"activation": "sigmoid"}, "activation"),
    "seed": (-1, "seed is -1"),
    "data.cache_dir": ("", "data.cache_dir is ''"),
    "data.name": ("drvie", "data.name is 'drvie'"),
    "data.image_size": ((128,), "data.image_size"),
    "data.holdout": (-1, "data.holdout is -1"),
    "data.labels": ((3,), "data.labels"),
    "data.clahe.mode": ("hsv", "data.clahe.mode is 'hsv'"),
    "data.augment.foreground": (1.5, "foreground"),
    "train.steps": (0, "train.steps is 0"),
    "train.accumulate": (3, "train.accumulate is 3; want a divisor of train.steps 1000"),
    "train.ema_decay": (1.0, "train.ema_decay is 1.0"),
    "optimizer.warmup_steps": (1000, "optimizer.warmup_steps is 1000; want 0 to 999"),
    "optimizer.weight_decay_kind": ("adamw", "optimizer.weight_decay_kind is 'adamw'"),
    "optimizer.beta2": (1.0, "optimizer.beta2 is 1.0"),
    "loss.region": ("fof", "loss.region is 'fof' (did you mean 'fov'?)"),
    "data.ignore": ((255,), "data.ignore is (255,); want (): it is for masks of several classes"),
    "eval.thresholds": ((0.5,), "eval.thresholds is (0.5,); want (): it is for data.classes"),
    "eval.select": ("dise", "eval.select is 'dise' (did you mean 'dice'?)"),
    "eval.threshold_rule": ("yuden", "eval.threshold_rule is 'yuden' (did you mean 'youden'?)"),
    "eval.metrics": (("hd59",), "eval.metrics is 'hd59' (did you mean 'hd95'?)"),
    "eval.tile": ((64,), "eval.tile is (64,); want (height, width) in pixels, or () for whole images"),
    "eval.threshold": (1.0, "eval.threshold is 1.0"),
    "eval.reconnect.reach": (21.0, "eval.reconnect.window is 21; want an odd number, 22 pixels or more"),
    "eval.overlap": (1.0, "eval.overlap is 1.0"),
    "eval.scored_at": ("raw", "eval.scored_at is 'raw'"),
}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"eval.thresholds": (0.5,)}, r"eval.thresholds is \(0.5,\); want a tuple of numbers 0 to 1 for vessel, disc"),
        ({"eval.threshold": 0.4}, "eval.threshold is 0.4; want 0.5, its default: with data.classes, eval.thresholds"),
        ({"eval.threshold_rule": "dice"}, "eval.threshold_rule is 'dice'; want 'fixed' with data.classes"),
        ({"eval.temperature": "val"}, "eval.temperature is 'val'; want 'none' with data.classes"),
        (
            {"loss.name": "balanced_cross_entropy", "loss.options": {"weights": (1.0, 2.0)}},
            r"weights is \(1.0, 2.0\); want 3 numbers, one per class",
        ),
    ],
)
def test_what_counts_the_classes_fits_them(changes, said):
    config = defaults()
    with config.unlocked():
        config.update_from_flattened_dict({"data.synthetic.kind": "vessels_disc", **changes})
        config.data.classes = {"vessel": 1, "disc": 2}
    with pytest.raises(ValueError, match=said):
        validate(config)


@pytest.mark.parametrize("setting", MISTAKES)
def test_a_wrong_setting_is_named_with_what_it_may_be(setting):
    value, message = MISTAKES[setting]
    config = defaults()
    with config.unlocked():
        config.update_from_flattened_dict({setting: value})
    with pytest.raises(ValueError, match=".*") as told:
        validate(config)
    assert message in str(told.value)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("trian", {"steps": 3}, r"the config has no setting 'trian' \(did you mean 'train'\?\); it has data, eval"),
        ("model.sise", "tiny", r"model has no setting 'sise' \(did you mean 'size'\?\); it has attention, "),
        ("data.augment.flip", True, r"data.augment has no setting 'flip' \(did you mean 'flips'\?\)"),
        ("train.steps", True, "train.steps is True; want a whole number"),
        ("train.steps", 2.5, "train.steps is 2.5; want a whole number"),
        ("seed", "1", "seed is '1'; want a whole number"),
        ("optimizer.learning_rate", float("nan"), "optimizer.learning_rate is nan; want a finite number"),
        ("data.device_limit", float("inf"), "data.device_limit is inf; want a finite number"),
        ("data.augment.rotate", False, "data.augment.rotate is False; want a finite number"),
        ("data.augment.flips", 1, "data.augment.flips is 1; want true or false"),
        ("loss.name", None, "loss.name is None; want a text"),
        ("train", 3, "train is 3; want a section of settings"),
        ("data.clahe.tiles", 100_000, "data.clahe.tiles is 100000; want a number of tiles, 1 to 256"),
    ],
)
def test_names_and_types_of_a_file_are_checked(name, value, said):
    """As Python may set them in a config file; the command line checks them as it reads them."""
    settings, place = defaults().to_dict(), name.split(".")
    at = settings
    for key in place[:-1]:
        at = at[key]
    at[place[-1]] = value
    with pytest.raises(ValueError, match=said):
        validate(ConfigDict(settings))


@pytest.mark.parametrize("name", ["loss", "train.steps", "data.clahe.mode"])
def test_a_setting_that_is_missing_is_named(name):
    settings = defaults().to_dict()
    *place, last = name.split(".")
    at = settings
    for key in place:
        at = at[key]
    del at[last]
    with pytest.raises(ValueError, match=f"{name} is missing; begin with jaxseg.config.defaults"):
        validate(ConfigDict(settings))


def test_a_patch_larger_than_the_image_is_refused():
    config = defaults()
    config.data.image_size, config.data.patch_size = (128, 128), (256, 256)
    with pytest.raises(ValueError, match=r"data.patch_size is \(256, 256\); want a crop within data.image_size"):
        validate(config)


def test_what_a_training_step_sees():
    config = defaults()
    assert training_batch(config)[1] == (4, 96, 96, 3)
    config.data.name, config.data.image_size = "folder", (128, 96)  # No data.dir: nothing is read.
    assert training_batch(config)[1] == (4, 128, 96, 3)
    config.data.patch_size = (64, 32)
    assert training_batch(config)[1] == (4, 64, 32, 3)
    config.data.image_size = config.data.patch_size = ()
    with pytest.raises(ValueError, match=r"data.patch_size is \(\); want \(height, width\): .*sizes of their own"):
        training_batch(config)
    config.train.batch_size = 0
    with pytest.raises(ValueError, match=r"train.batch_size is 0"):
        training_batch(config)


def test_a_network_takes_its_own_options_and_drops_those_of_others():
    config = defaults()
    config.model.name, config.model.size = "unet", "tiny"
    with config.unlocked():
        config.model.options = {"width": 8}
    network = validate(config)
    assert (type(network).__name__, network.width, network.levels) == ("UNet", 8, (0, 1, 2, 3))
    assert "size" not in resolved(config, network)["model"]
    assert resolved(config, network)["model"]["options"] == {"width": 8}
    assert config.model.size == "tiny"  # as it was given


def test_levels_are_all_that_the_network_has_unless_some_are_named():
    config = defaults()
    config.model.size = "micro"
    assert validate(config).levels == (0, 1, 2, 3)
    assert resolved(config, validate(config))["model"]["levels"] == [0, 1, 2, 3]  # as versions before wrote it
    config.model.levels = (0, 3)
    assert validate(config).levels == (0, 3)


def test_options_that_fit_the_skips_alone_are_no_mistake():
    """Three heads divide DenseUNet's 96 channels, not the 16 on which a mechanism is tried."""
    config = defaults()
    config.model.attention = "multi_head"
    with config.unlocked():
        config.model.attention_options = {"heads": 3}
    validate(config)
