"""Rules one by one; tests/jobs/test_doctor.py plants their faults in files."""

import cv2
import numpy as np
import pytest

from jaxseg.data import findings
from jaxseg.data.facts import measure
from jaxseg.data.findings import Seen, Set
from jaxseg.data.preprocess import Preprocess
from jaxseg.data.records import IGNORE, Record


def image(seed, shape=(40, 48)):
    rng = np.random.default_rng(seed)
    return cv2.resize(rng.integers(60, 220, (6, 6, 3), dtype=np.uint8), shape[::-1], interpolation=cv2.INTER_CUBIC)


def square(shape=(40, 48), side=10):
    mask = np.zeros(shape, np.uint8)
    mask[12 : 12 + side, 14 : 14 + side] = 1
    return mask


def seen(name, mask=None, *, seed=None, group=None, digest=None, fov=None, preprocess=None, classes=1, labels=()):
    mask = square() if mask is None else mask
    seed = sum(map(ord, name)) * 7919 if seed is None else seed
    record = Record(name, image(seed, mask.shape), mask, fov, None, group or name)
    facts = measure(record, preprocess or Preprocess(), classes, labels)
    return Seen(name, group or name, f"{name}.jpg", f"{name}.png", digest or name, facts)


def rules(**splits):
    return [(one.rule, one.severity) for one in findings.find(Set(splits))]


def test_facts_are_counted_from_the_masks():
    mask, fov = square(), square(side=6)
    mask[0, :5] = 2
    mask[3, 3] = IGNORE
    facts = measure(Record("a", image(0), mask, fov, None, "a"), Preprocess((20, 24)), 2)
    assert facts.size == [40, 48]
    assert facts.foreground == [100, 5]
    assert facts.border == 5 + 1  # its corner is in the first row and in the first column
    assert (facts.fov, facts.outside) == (36, 64 + 5)
    assert len(facts.reached) == 2
    assert measure(Record("a", image(0), mask, None, None, "a"), Preprocess(), 2).reached == []
    assert measure(Record("a", image(0), mask, None, None, "a"), Preprocess((40, 48)), 2).fov == -1


def test_what_resizing_leaves_is_the_dice_of_the_restored_mask():
    rng = np.random.default_rng(0)
    masks = [(rng.random((40, 48)) < 0.1).astype(np.uint8), square()]
    preprocess = Preprocess((16, 20))
    found = findings.reached(
        Set({"train": [seen(str(k), mask, preprocess=preprocess) for k, mask in enumerate(masks)]})
    )
    dice = []
    for mask in masks:
        again = preprocess.restore(preprocess.prepare_mask(mask).astype(np.float32), mask.shape) > 0.5
        dice.append(2 * (again & (mask == 1)).sum() / (again.sum() + mask.sum()))
    assert found == pytest.approx(np.mean(dice), abs=1e-12)
    assert findings.reached(Set({"train": [seen("a")]})) is None


def test_a_set_without_images_has_no_finding():
    assert rules() == rules(train=[]) == []


def test_a_clean_set_has_no_finding():
    assert rules(train=[seen("a"), seen("b")], val=[seen("c")], test=[seen("d")]) == []


def test_one_image_in_two_splits():
    twice = {"train": [seen("a", digest="x", seed=1), seen("b")], "test": [seen("c", digest="x", seed=1)]}
    (one,) = findings.find(Set(twice))
    assert one.rule == "same image in two splits"
    assert one.files == ("a.jpg", "c.jpg")
    assert "1 images are in more than one split, byte for byte, such as a (train) and c (test)" in one.text


def test_nearly_one_image():
    assert rules(train=[seen("a", seed=1)], val=[seen("b", seed=1)]) == [("nearly the same image", "warning")]
    assert rules(train=[seen("a", seed=1), seen("b", seed=1)]) == [("nearly the same image", "note")]
    assert rules(train=[seen("a", seed=1, group="p"), seen("b", seed=1, group="p")]) == []  # they stay together


def test_a_person_in_two_splits():
    assert rules(train=[seen("a", group="p")], test=[seen("b", group="p")]) == [("group in two splits", "warning")]
    assert rules(train=[seen("a", group="p"), seen("b", group="p")]) == []


def test_splits_without_foreground():
    empty = np.zeros((40, 48), np.uint8)
    assert rules(train=[seen("a", empty)]) == [("no foreground", "error")]
    assert ("no foreground", "error") in rules(train=[seen("a")], val=[seen("b", empty)])
    assert ("no foreground", "warning") in rules(train=[seen("a")], test=[seen("b", empty)])


def test_a_val_without_any_class_is_an_error():
    empty = np.zeros((40, 48), np.uint8)
    splits = {"train": [seen("a", classes=2)], "val": [seen("b", empty, classes=2)]}
    found = findings.find(Set(splits, classes=("disc", "cup"), values=(("1",), ("2",))))
    words = "no val mask has a foreground pixel; see data.labels, and whether the masks are empty"
    assert (words, "error") in [(one.text, one.severity) for one in found]


def test_values_and_classes_that_no_mask_holds():
    def found(**given):
        return [one.text for one in findings.find(Set(**given))]

    splits = {"train": [seen("a", labels=(0,)), seen("b", labels=(0, 2))]}
    assert found(splits=splits, labels=("1", "'#ff0000'", "3")) == [
        "no mask holds '#ff0000'; correct the value in the settings, or leave it out"
    ]
    splits = {"train": [seen("a", classes=2)], "val": [seen("b", classes=2)]}
    assert found(splits=splits, classes=("disc", "cup"), values=(("1",), ("2",)), labels=()) == [
        "data.classes.cup is 2, which no training mask holds; correct the value, or leave the class out",
        "no mask of val holds the class cup, so nothing is scored of it there",
    ]


def test_masks_that_are_upside_down():
    upside = 1 - square()
    assert rules(train=[seen("a"), seen("b"), seen("c", upside)]) == [("inverted mask", "warning")]
    assert rules(train=[seen("a", upside), seen("b", upside)]) == [("mostly foreground", "warning")]
    large = np.ones((40, 48), np.uint8)  # most of the picture, but not of its border
    large[:, 0] = large[:, -1] = large[0] = large[-1] = 0
    assert rules(train=[seen("a", side := square()), seen("b", side), seen("c", large)]) == []


def test_empty_and_full_masks():
    empty, full = np.zeros((40, 48), np.uint8), np.ones((40, 48), np.uint8)
    assert rules(train=[seen("a"), seen("b"), seen("c", empty)]) == [("empty mask", "note")]
    assert ("full mask", "warning") in rules(train=[seen("a"), seen("b"), seen("c"), seen("d", full)])


def test_the_line_of_a_split_tells_shares_and_empty_and_full_masks():
    empty, full = np.zeros((40, 48), np.uint8), np.ones((40, 48), np.uint8)
    whole = Set({"train": [seen("a"), seen("b", empty), seen("c", full)]})
    share = (100 + 40 * 48) / (3 * 40 * 48)
    assert findings.foreground(whole, "train") == f"foreground {share:.1%} of the pixels; 1 masks empty, 1 full"
    two = Set({"train": [seen("a", classes=2)]}, classes=("disc", "cup"))
    assert findings.foreground(two, "train") == "disc 5.2%, cup 0.0% of the pixels; 0 masks empty, 0 full"


def test_resizing_that_destroys_thin_structures():
    lines = np.zeros((40, 48), np.uint8)
    lines[::6] = 1
    preprocess = Preprocess((10, 12))
    (one,) = findings.find(Set({"train": [seen("a", lines, preprocess=preprocess)]}, resized=(10, 12)))
    assert (one.rule, one.severity) == ("resizing", "warning")
    assert "train on crops at native size" in one.text


def test_the_rules_of_a_large_set_take_no_time():
    """The quick part of a start: half a second at most for 2000 images; a bound with room for a busy machine."""
    import time

    few = [seen(f"i{number}") for number in range(40)]
    many = [few[k % 40]._replace(id=f"i{k}", group=f"i{k}", digest=f"i{k}") for k in range(2000)]
    began = time.perf_counter()
    findings.find(Set({"train": many[:1600], "val": many[1600:]}))
    assert time.perf_counter() - began < 2
