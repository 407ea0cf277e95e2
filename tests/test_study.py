"""Studies: which runs they are of, and which of them a command line chooses."""

import pytest
from config_files import FOLDER, STUDIES, module_of

from jaxseg import config, presets, protocol
from jaxseg.study import only, scored_on, shard, study, trials


def small(**changes):
    given = dict(models=presets.MODELS, seeds=(0, 1)) | changes
    return study("Some models", presets.demo("none"), given.pop("models"), **given)


ARGUMENTS = {
    "isic_table1": ["reduced", "equal_time"],
    "isic_fig3": ["reduced"],
    "drive_supp1": ["reduced"],
    "chase": ["reduced"],
    "recipe": ["generated", "chosen"],
    "systems": ["chase-tiny", "drive-parameters"],
}
COMMANDS = [(path, words) for path in STUDIES for words in ("", *ARGUMENTS.get(path.stem, []))]


@pytest.mark.parametrize(("path", "words"), COMMANDS, ids=lambda value: getattr(value, "stem", value))
def test_every_study_of_the_checkout_is_of_valid_runs(path, words, tmp_path):
    module = module_of(path)
    assert f"--study=configs/studies/{path.name}" in module.__doc__, "its docstring shows the command"
    made = module.get_config(*filter(None, [words]))
    found = trials(made)
    assert len(found) == len(made.models) * len(made.seeds) * max(1, made.folds)
    for trial in found[: len(made.models) * max(1, made.folds)]:
        trial.config.data.dir = str(tmp_path)  # the images are not here
        config.validate(trial.config)


def test_models_keep_their_order_and_all_come_first_of_one_seed():
    names = [trial.name for trial in trials(small())]
    assert names[:5] == ["DenseUNet/0", "DenseUNet-SA/0", "DenseUNet-PWA/0", "DenseUNet-JA/0", "DenseUNet/1"]


def test_a_trial_has_its_models_settings_its_seed_and_its_fold_and_shares_nothing():
    made = small(folds=2)
    first, *_, last = trials(made)
    assert (first.name, last.name) == ("DenseUNet/0/fold0", "DenseUNet-JA/1/fold1")
    assert (last.config.model.attention, last.config.seed, last.config.data.folds, last.config.data.fold) == (
        "ja9", 1, 2, 1
    )  # fmt: skip
    assert first.config.model.attention == made.config.model.attention == "none"


def test_the_systems_of_the_protocol_are_those_of_its_configs():
    made = module_of(FOLDER / "studies" / "systems.py").get_config("isic-tiny")
    found = {trial.model: trial.config for trial in trials(made) if trial.seed == 0}
    *others, last = found
    assert others == [name for name in protocol.SYSTEMS if name != "denseunet_ja9"]
    assert last == "denseunet_ja9"
    for name in ("denseunet_ja9", "unetpp"):
        one = module_of(FOLDER / "protocol" / "isic.py").get_config(f"{name}-tiny")
        assert config.plain(found[name]) == config.plain(one)


def test_the_reduced_scale_of_the_table_is_the_protocols():
    made = module_of(FOLDER / "studies" / "isic_table1.py").get_config("reduced")
    joint = trials(made)[3].config
    assert config.plain(joint) == config.plain(
        module_of(FOLDER / "protocol" / "isic.py").get_config("denseunet_ja9-tiny")
    )


def test_the_reduced_configs_of_isic_are_what_the_recipe_chose():
    made = module_of(FOLDER / "studies" / "recipe.py").get_config("chosen")
    chosen = {trial.model: config.plain(trial.config) for trial in trials(made) if trial.seed == 0}
    for name, model in {"baseline": "selected", "ja9": "selected with JA-9"}.items():
        assert config.plain(module_of(FOLDER / f"isic_{name}.py").get_config("reduced")) == chosen[model]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"models": {}}, "study.models"),
        ({"models": {"a/b": {}}}, "it names a folder"),
        ({"models": {"-a": {}}}, "it names a folder"),
        ({"seeds": ()}, "study.seeds"),
        ({"seeds": (1, 1)}, "different whole numbers"),
        ({"seeds": (-1,)}, "different whole numbers"),
        ({"folds": 1}, "study.folds"),
        ({"splits": ("tests",)}, "study.splits"),
        ({"splits": ("val",), "folds": 2}, "folds of a cross-validation are one set of images on test alone"),
    ],
)
def test_what_is_no_study_is_told(changes, told):
    with pytest.raises(ValueError, match=told):
        trials(small(**changes))


def test_runs_are_scored_on_test_and_on_what_is_shifted():
    made = small()
    assert scored_on(made) == ("test",)
    made.config.data.shift = "camera"
    assert scored_on(made) == ("test", "shifted_test")
    made.splits = ("val", "shifted_val")
    assert scored_on(made) == ("val", "shifted_val")


def test_only_takes_models_seeds_and_folds():
    found = trials(small(folds=2))
    assert len(only(found, ["DenseUNet"])) == 4  # not those of DenseUNet-SA
    assert [one.name for one in only(found, ["DenseUNet-JA/1", "DenseUNet/0/fold1"])] == [
        "DenseUNet/0/fold1", "DenseUNet-JA/1/fold0", "DenseUNet-JA/1/fold1"
    ]  # fmt: skip
    with pytest.raises(ValueError, match="no run 'JA'; its models are DenseUNet, DenseUNet-SA"):
        only(found, ["DenseUNet", "JA"])


def test_shards_are_a_partition():
    found = trials(small())
    parts = [shard(found, f"{index}/3") for index in range(3)]
    assert sorted(one.name for part in parts for one in part) == sorted(one.name for one in found)
    assert [len(part) for part in parts] == [3, 3, 2]


@pytest.mark.parametrize("part", ["3/3", "1", "a/b", "-1/2", "0/0", ""])
def test_what_is_no_shard_is_told(part):
    with pytest.raises(ValueError, match="--shard"):
        shard(trials(small()), part)


def test_what_only_the_page_needs_is_checked_before_any_run():
    with pytest.raises(ValueError, match="'isic_table'.*isic_table1"):
        trials(small(published="isic_table"))
    models = {"one": {}, "other": {"eval": {"select": "recall"}}}
    with pytest.raises(ValueError, match="eval.select of the models is .*'other': 'recall'.*one metric"):
        trials(small(models=models))
