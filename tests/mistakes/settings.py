"""Settings that cannot be meant, as ``section.name=value``, and words of the line that refuses each."""

from ml_collections import ConfigDict

from jaxseg.config import defaults

# The setting and, mostly, what it may be.
VALUES = {
    "seed=-1": ["seed is -1", "0 to 2**31 - 1"],
    "seed=2147483648": ["seed is 2147483648", "0 to 2**31 - 1"],
    "model.name=unt": ["model.name is 'unt' (did you mean 'unet'?)", "denseunet"],
    "model.size=huge": ["size is 'huge'", "tiny"],
    "model.head=sigmoid": ["head is 'sigmoid'", "plain"],
    "model.attention=ja33": ["'ja33' (did you mean 'ja3'", "ja9"],
    "model.dtype=float8": ["dtype is 'float8'", "bfloat16"],
    "model.levels=(0, 9)": ["levels", "9"],
    "model.levels=(0, 0)": ["levels", "(0, 0)"],
    "model.options={'width': 3}": ["width", "denseunet"],
    "model.attention_options={'gama': 1}": ["'ja9' has no option 'gama'", "it takes pairwise"],
    "model.attention_options={'activation': 'relo'}": ["relo", "relu"],
    "data.name=drve": ["data.name is 'drve' (did you mean 'drive'?)", "isic2017"],
    "data.name=folder": ["data.dir is empty", "images/"],
    "data.name=drive": ["data.dir is empty", "https://"],
    "data.image_size=(64,)": ["data.image_size is (64,)", "(height, width)"],
    "data.image_size=(0, 64)": ["data.image_size is (0, 64)", "(height, width)"],
    "data.image_size=(-5, 64)": ["data.image_size is (-5, 64)", "(height, width)"],
    "data.image_size=(64.5, 64)": ["data.image_size is (64.5, 64)", "(height, width)"],
    "data.patch_size=(1, 2, 3)": ["data.patch_size is (1, 2, 3)", "(height, width)"],
    "data.holdout=-1": ["data.holdout is -1", "0 or more"],
    "data.test=-1": ["data.test is -1", "0 or more"],
    "data.split_seed=-1": ["data.split_seed is -1", "0"],
    "data.folds=1": ["data.folds is 1", "2 or more, or 0"],
    "data.fold=2": ["data.fold is 2", "data.folds is 0"],
    "data.shift=late_ids": ["data.shift is 'late_ids'", "'' or 'camera'"],
    "data.window=(5, 5)": ["data.window is (5, 5)", "(low, high)"],
    "data.window=(4095,)": ["data.window is (4095,)", "(low, high)"],
    "data.mask_name={id}_mask": ["data.mask_name is '{id}_mask'", "data.name 'folder'"],
    "data.group_pattern=(.)": ["data.group_pattern is '(.)'", "data.name 'folder'"],
    "data.labels=(1,)": ["data.labels is", "data.name 'folder'"],
    "data.background=(1,)": ["data.background is (1,)", "data.classes"],
    "data.ignore=(9,)": ["data.ignore is (9,)", "data.classes"],
    "data.clahe.mode=labb": ["data.clahe.mode is 'labb' (did you mean 'lab'?)", "green"],
    "data.clahe.clip_limit=0": ["data.clahe.clip_limit is 0", "above 0"],
    "data.clahe.clip_limit=-2": ["data.clahe.clip_limit is -2", "above 0"],
    "data.clahe.tiles=0": ["data.clahe.tiles is 0", "1 to 256"],
    "data.clahe.tiles=100000": ["data.clahe.tiles is 100000", "1 to 256"],
    "data.inputs=()": ["data.inputs is ()", "rgb"],
    "data.inputs=('rgb', 'grey')": ["data.inputs is ('rgb', 'grey')", "v_star", "(did you mean 'gray'?)"],
    "data.angle=90": ["data.angle is '90'", "min_entropy"],
    "data.augment.foreground=1.5": ["foreground is 1.5", "0 to 1"],
    "data.augment.rotate=-1": ["rotate is -1", "0 "],
    "data.augment.scale=1": ["scale is 1", "0 to 0.9"],
    "data.augment.brightness=-0.1": ["brightness is -0.1", "0 "],
    "data.augment.contrast=-0.1": ["contrast is -0.1", "0 "],
    "data.device_limit=-1": ["data.device_limit is -1", "0 or more"],
    "data.synthetic.kind=moon": ["kind is 'moon'", "fundus"],
    "data.synthetic.size=0": ["size is 0", "data.synthetic"],
    "data.synthetic.train=0": ["train is 0", "data.synthetic"],
    "train.steps=0": ["train.steps is 0", "1 or more"],
    "train.steps=-5": ["train.steps is -5", "1 or more"],
    "train.batch_size=0": ["train.batch_size is 0", "1 or more"],
    "train.accumulate=0": ["train.accumulate is 0", "1 or more"],
    "train.accumulate=7": ["train.accumulate is 7", "a divisor of train.steps"],
    "train.ema_decay=1": ["train.ema_decay is 1", "below 1"],
    "train.ema_decay=-0.5": ["train.ema_decay is -0.5", "0 (off)"],
    "train.log_every=0": ["train.log_every is 0", "1 or more"],
    "train.eval_every=0": ["train.eval_every is 0", "1 or more"],
    "train.devices=-1": ["train.devices is -1", "0 (choose)"],
    "train.devices=3": ["batch_size 4", "devices 3"],
    "train.steps_at_once=-1": ["train.steps_at_once is -1", "0 (choose)"],
    "train.init_from=HOME/nowhere": ["nowhere", "--workdir"],
    "loss.name=dise": ["'dise' (did you mean 'dice'", "cross_entropy"],
    "loss.options={'smothing': 1}": ["smothing", "loss"],
    "loss.region=fow": ["loss.region is 'fow' (did you mean 'fov'?)", "full"],
    "optimizer.learning_rate=0": ["learning_rate is 0", "above 0"],
    "optimizer.learning_rate=-0.1": ["learning_rate is -0.1", "above 0"],
    "optimizer.schedule=cosin": ["schedule is 'cosin' (did you mean 'cosine'?)", "constant"],
    "optimizer.warmup_steps=-1": ["warmup_steps is -1", "0 "],
    "optimizer.warmup_steps=1000000": ["warmup_steps is 1000000", "steps"],
    "optimizer.power=-1": ["power is -1", "0"],
    "optimizer.beta1=1": ["beta1 is 1", "below 1"],
    "optimizer.beta2=-0.1": ["beta2 is -0.1", "0 "],
    "optimizer.eps=0": ["eps is 0", "above 0"],
    "optimizer.weight_decay=-1": ["weight_decay is -1", "0 or more"],
    "optimizer.weight_decay_kind=l1": ["weight_decay_kind is 'l1'", "decoupled"],
    "eval.select=dise": ["eval.select is 'dise' (did you mean 'dice'?)", "jaccard"],
    "eval.metrics=('hd59',)": ["eval.metrics is 'hd59' (did you mean 'hd95'?)", "cldice"],
    "eval.metrics=(3,)": ["eval.metrics is (3,)", "a tuple of names"],
    "eval.metrics=('surface_dice@-1',)": ["eval.metrics is 'surface_dice@-1'", "0 or more"],
    "eval.select=hd95": ["eval.select is 'hd95'", "dice, jaccard"],
    "eval.threshold=0": ["eval.threshold is 0", "between 0 and 1"],
    "eval.threshold=1": ["eval.threshold is 1", "between 0 and 1"],
    "eval.temperature=test": ["eval.temperature is 'test'", "choose one of none, val"],
    "eval.threshold_rule=dise": ["eval.threshold_rule is 'dise' (did you mean 'dice'?)", "fixed, dice"],
    "eval.thresholds=(0.5,)": ["eval.thresholds is (0.5,)", "data.classes"],
    "eval.tile=(64,)": ["eval.tile is (64,)", "(height, width)"],
    "eval.tile=(0, 64)": ["eval.tile is (0, 64)", "(height, width)"],
    "eval.overlap=1": ["eval.overlap is 1", "below 1"],
    "eval.reconnect.reach=-1": ["eval.reconnect.reach is -1", "0 for no walk"],
    "eval.reconnect.reach=50": ["eval.reconnect.window is 21", "51 pixels or more"],
    "eval.reconnect.stop=2": ["eval.reconnect.stop is 2", "0 to 1"],
    "eval.scored_at=orginal": ["eval.scored_at is 'orginal' (did you mean 'original'?)", "prepared"],
    # Names that are wrong.
    "model.atention=ja3": ["config.model has no setting 'atention' (did you mean 'attention'?)"],
    "trian.steps=3": ["config has no section 'trian' (did you mean 'train'?)", "data, eval"],
    "network.name=unet": ["config has no section 'network'; it has data", "jaxseg/config.py"],
    "train.power=1": ["no setting 'power' (did you mean '--config.optimizer.power'?)"],
    "train={'steps': 3}": ["--config.train is a section", "--config.train.accumulate="],
    "=3": ["--config. names no setting", "--config.<section>.<name>"],
    "model.attention.name=ja3": ["config.model.attention is one setting", "=VALUE"],
    "model.attention_options.gamma=3": ["empty dictionary", "{'gamma': VALUE}"],
    "data.synthetic.sise=3": ["no setting 'sise' (did you mean 'size'?)", "data.synthetic"],
    # Values that are no values of the setting's type.
    "train.steps=many": ["--config.train.steps is 'many'; want a whole number"],
    "optimizer.learning_rate=fast": ["learning_rate is 'fast'; want a number"],
    "data.image_size=(64 64)": ["image_size is '(64 64)'; want values", "'(64, 64)'"],
    "model.attention_options={'gamma'}": ["attention_options", "want a dictionary"],
    "eval.threshold=-inf": ["eval.threshold is -inf", "a finite number"],
    "train.batch_size=True": ["--config.train.batch_size is 'True'; want a whole number"],
}
_FOLDER = ("data.name=folder", "data.dir=x")
# Settings that do not go together.
TOGETHER = {
    "a shift of a set that tells no source": (
        ["data.name=chase_db1", "data.dir=x", "data.shift=late_ids"],
        ["data.shift is 'late_ids'; want ''", "chase_db1", "another camera or age"],
    ),
    "a shift of a folder by a setting": (
        ["data.name=folder", "data.dir=x", "data.shift=camera"],
        ["data.shift is 'camera'; want ''", "shifted_val.txt"],
    ),
    "a patch larger than the images": (
        ["data.image_size=(32, 32)", "data.patch_size=(64, 64)"],
        ["data.patch_size is (64, 64)", "a crop within data.image_size (32, 32)"],
    ),
    "quarter turns of an oblong": (
        ["data.name=folder", "data.dir=x", "data.image_size=(64, 32)", "data.augment.quarter_turns=true"],
        ["64 x 32", "quarter_turns"],
    ),
    "a threshold beside classes": (
        ["data.classes={'vessel': 255}", "eval.threshold=0.3"],
        ["eval.threshold is 0.3", "eval.thresholds"],
    ),
    "a threshold too few": (
        ["data.classes={'vessel': 255, 'disc': 128}", "eval.thresholds=(0.3,)"],
        ["eval.thresholds", "vessel"],
    ),
    "a walk among classes": (
        ["data.classes={'vessel': 255}", "eval.reconnect.reach=5"],
        ["eval.reconnect.reach is 5", "vessel"],
    ),
    "one grey value for two classes": (
        ["data.classes={'vessel': 255, 'disc': 255}"],
        ["data.classes", "255"],
    ),
    "a class of the background's value": (["data.classes={'vessel': 0}"], ["0", "background"]),
    "labels beside classes": (
        [*_FOLDER, "data.classes={'vessel': 255}", "data.labels=(1,)"],
        ["data.labels", "data.classes"],
    ),
    "a colour that is none": ([*_FOLDER, "data.labels=('red',)"], ["data.labels holds 'red'", "#ff0000"]),
    "a colour too short": ([*_FOLDER, "data.labels=('#ff00',)"], ["data.labels holds '#ff00'", "#ff0000"]),
    "a grey value too large": ([*_FOLDER, "data.labels=(256,)"], ["data.labels holds 256", "0..255"]),
    "a background that is none": (
        [*_FOLDER, "data.classes={'vessel': 255}", "data.background=('x',)"],
        ["data.background holds 'x'", "0..255"],
    ),
    "an ignored value too large": (
        [*_FOLDER, "data.classes={'vessel': 255}", "data.ignore=(999,)"],
        ["data.ignore holds 999", "0..255"],
    ),
    "a field of view that no image has": (
        ["loss.region=fov", "data.synthetic.kind=lesion", "data.synthetic.size=40", "data.synthetic.train=2"],
        ["loss.region", "field of view"],
    ),
    "several steps of a streamed set": (
        ["train.steps_at_once=4", "data.device_limit=0"],
        ["train.steps_at_once is 4", "data.device_limit"],
    ),
}

_WRONG = {bool: "maybe", int: "1.5", float: "nan", tuple: "(1", dict: "3"}


def wrong_types() -> dict[str, list[str]]:
    """Return for every setting a value of another type, a number that is none where it is a number."""
    found = {}

    def add(settings, place=""):
        for name, value in settings.items():
            if isinstance(value, ConfigDict) and len(value):
                add(value, f"{place}{name}.")
                continue
            kind = dict if isinstance(value, ConfigDict) else type(value)
            if kind in _WRONG:
                found[f"{place}{name}={_WRONG[kind]}"] = [f"{place}{name} is ", "want "]

    add(defaults())
    return found
