import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxseg.data.layout import Entry, Listing
from jaxseg.data.split import partition


def listing(count, *, per_group=1, **own):
    names = [f"i{k:03d}" for k in range(count)]
    splits = {"train": tuple(Entry(name, f"g{k // per_group:03d}") for k, name in enumerate(names))}
    return Listing(splits | {split: (Entry(split, split),) * n for split, n in own.items()})


def names(listed, cut, split):
    source, places = cut.parts[split]
    return [listed.splits[source][i].id for i in places]


@given(count=st.integers(3, 40), data=st.data(), seed=st.integers(0, 5))
def test_the_cut_is_a_partition_and_a_function_of_names_and_seed(count, data, seed):
    test = data.draw(st.integers(1, count - 2))
    holdout = data.draw(st.integers(1, count - 1 - test))
    listed = listing(count)
    cut = partition(listed, holdout=holdout, test=test, seed=seed)
    parts = {split: names(listed, cut, split) for split in ("train", "val", "test")}
    assert [len(parts[split]) for split in ("val", "test")] == [holdout, test]
    everyone = [*parts["train"], *parts["val"], *parts["test"]]
    assert sorted(everyone) == [entry.id for entry in listed.splits["train"]]
    # sorted names, permuted by the seed, cut: written here a second time
    order = [f"i{i:03d}" for i in np.random.RandomState(seed).permutation(count)]
    assert set(parts["test"]) == set(order[:test])
    assert set(parts["val"]) == set(order[test : test + holdout])
    shuffled = Listing({"train": listed.splits["train"][::-1]})
    again = partition(shuffled, holdout=holdout, test=test, seed=seed)
    assert set(names(shuffled, again, "test")) == set(parts["test"])


def test_the_test_images_do_not_depend_on_the_holdout_and_seeds_differ():
    listed = listing(30)
    cuts = [partition(listed, holdout=holdout, test=8, seed=0) for holdout in (0, 5)]
    assert cuts[0].parts["test"] == cuts[1].parts["test"]
    assert "val" not in cuts[0].parts
    assert partition(listed, holdout=0, test=8, seed=1).parts["test"] != cuts[0].parts["test"]


@given(seed=st.integers(0, 20), holdout=st.sampled_from([2, 4, 6]))
def test_groups_stay_together(seed, holdout):
    listed = listing(20, per_group=2)
    cut = partition(listed, holdout=holdout, test=4, seed=seed)
    groups = [{listed.splits[source][i].group for i in places} for source, places in (cut.parts[s] for s in cut.parts)]
    assert sum(map(len, groups)) == len(set().union(*groups)) == 10


def test_a_number_that_would_part_a_group_is_refused():
    with pytest.raises(ValueError, match=r"data\.holdout=3 would split a group.*; 2 is possible"):
        partition(listing(20, per_group=2), holdout=3, test=0, seed=0)


def test_the_sets_own_splits_are_used_as_they_are():
    cut = partition(listing(5, val=2, test=3), holdout=0, test=0, seed=0)
    assert {split: len(places) for split, (_, places) in cut.parts.items()} == {"train": 5, "val": 2, "test": 3}
    assert cut.notes == ()


def test_a_cut_that_is_not_made_is_told():
    cut = partition(listing(5, val=2), holdout=2, test=0, seed=0)
    assert len(cut.parts["train"][1]) == 5
    assert "data.holdout=2 is not used" in " ".join(cut.notes)
    assert "no test images" in " ".join(cut.notes)


@given(groups=st.integers(8, 20), per_group=st.sampled_from([1, 2]), folds=st.integers(2, 4), seed=st.integers(0, 5))
def test_every_image_is_test_in_one_fold_with_its_group(groups, per_group, folds, seed):
    count = groups * per_group
    listed = listing(count, per_group=per_group)
    cuts = [partition(listed, holdout=2, test=0, seed=seed, folds=folds, fold=fold) for fold in range(folds)]
    tests = [names(listed, cut, "test") for cut in cuts]
    assert sorted(name for test in tests for name in test) == [entry.id for entry in listed.splits["train"]]
    assert max(map(len, tests)) - min(map(len, tests)) <= per_group
    group = {entry.id: entry.group for entry in listed.splits["train"]}
    for cut in cuts:
        parts = {split: names(listed, cut, split) for split in ("train", "val", "test")}
        assert sorted(name for part in parts.values() for name in part) == sorted(group)
        held = [{group[name] for name in part} for part in parts.values()]
        assert sum(map(len, held)) == groups
    # sorted names, permuted by the seed, cut: written here a second time
    if per_group == 1:
        order = [f"i{i:03d}" for i in np.random.RandomState(seed).permutation(count)]
        assert [name for test in tests for name in sorted(test)] == [
            name
            for fold in range(folds)
            for name in sorted(order[i] for i in range(count) if (2 * i + 1) * folds // (2 * count) == fold)
        ]


def test_val_follows_the_fold_so_that_no_image_is_val_of_all():
    listed = listing(12)
    cuts = [partition(listed, holdout=4, test=0, seed=0, folds=3, fold=fold) for fold in range(3)]
    tests, vals = ([set(names(listed, cut, split)) for cut in cuts] for split in ("test", "val"))
    assert vals == [tests[1], tests[2], tests[0]]
    assert cuts[1].rule == {
        "train": "the rest",
        "val": "drawn at random from 8 training images, data.split_seed=0",
        "test": "fold 1 of 3, numbered from 0, cut from 12 images, data.split_seed=0",
    }


def test_a_test_split_of_the_sets_own_stays_outside_the_folds():
    listed = listing(6, val=2, test=3)
    cut = partition(listed, holdout=0, test=0, seed=0, folds=3, fold=0)
    assert {split: (source, len(places)) for split, (source, places) in cut.parts.items()} == {
        "train": ("train", 4), "val": ("val", 2), "test": ("train", 2)
    }  # fmt: skip
    assert "its own 3 test images are left out: test is a fold of train" in cut.notes


def test_folds_of_groups_that_are_too_large_are_refused():
    with pytest.raises(ValueError, match=r"data\.folds=4 leaves fold 0 without an image: 8 images in 2 groups"):
        partition(listing(8, per_group=4), holdout=0, test=0, seed=0, folds=4, fold=0)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"holdout": -1}, r"data\.holdout is -1; want a number of images, 0 or more"),
        ({"test": -2}, r"data\.test is -2; want a number of images"),
        ({"seed": -1}, r"data\.split_seed is -1; want 0 to 2\*\*32 - 1"),
        ({"seed": 2**32}, r"data\.split_seed is 4294967296"),
        ({"folds": 1}, r"data\.folds is 1; want 2 or more, or 0: no cross-validation"),
        ({"fold": 1}, r"data\.fold is 1; want 0: data\.folds is 0"),
        ({"folds": 3, "fold": 3}, r"data\.fold is 3; want 0 to 2: data\.folds is 3"),
        ({"folds": 3, "test": 2}, r"data\.test is 2; want 0: with data\.folds=3 a fold is the test split"),
    ],
)
def test_numbers_out_of_range_are_refused_by_name(wrong, words):
    numbers = {"holdout": 0, "test": 0, "seed": 2**32 - 1}
    partition(listing(5, test=1), **numbers)
    with pytest.raises(ValueError, match=words):
        partition(listing(5, test=1), **numbers | wrong)


@pytest.mark.parametrize(
    ("holdout", "test", "words"),
    [(0, 5, r"data\.test=5 leaves nothing of 5"), (3, 2, r"data\.holdout=3 leaves nothing of 3")],
)
def test_too_large_a_cut_is_refused_with_the_numbers(holdout, test, words):
    with pytest.raises(ValueError, match=words):
        partition(listing(5), holdout=holdout, test=test, seed=0)


def test_the_rule_is_put_in_words():
    cut = partition(listing(10), holdout=2, test=3, seed=7)
    assert cut.rule == {
        "train": "the rest",
        "test": "drawn at random from 10 training images, data.split_seed=7",
        "val": "drawn at random from 7 training images, data.split_seed=7",
    }
