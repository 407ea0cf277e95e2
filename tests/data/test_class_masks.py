"""Masks of several classes: strict reading, the order of the classes, and what is refused."""

import json

import numpy as np
import pytest
import samples
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from jaxseg.config import defaults, plain
from jaxseg.data import images, load, load_split
from jaxseg.data.classes import Classes
from jaxseg.data.records import IGNORE

COLOURS = [0x000000, 0xFFFFFF, 0x00FF00, 0x7F7F7F, 0xFF0000]
EYE = Classes(("vessel", "disc"), ((255, "#ff0000"), ("#00ff00",)), ignore=(127,))


@given(hnp.arrays(np.uint32, hnp.array_shapes(min_dims=2, max_dims=2), elements=st.sampled_from(COLOURS)))
def test_every_value_has_its_class(codes):
    wanted = {0x000000: 0, 0xFFFFFF: 1, 0xFF0000: 1, 0x00FF00: 2, 0x7F7F7F: IGNORE}
    np.testing.assert_array_equal(EYE.indices(codes, "a.png"), np.vectorize(wanted.get, otypes=[np.uint8])(codes))


def test_values_without_a_meaning_are_listed_with_their_counts():
    codes = np.array([[0, 0x010101, 0x010101, 0xFF00FF]], np.uint32)
    listed = r"1 \(2 pixels\), #ff00ff \(1 pixels\); name them in data.classes, data.background or data.ignore"
    with pytest.raises(ValueError, match=f"a.png: holds values that no class names: {listed}"):
        EYE.indices(codes, "a.png")
    many = (np.arange(20, dtype=np.uint32) * 0x010101)[None]
    with pytest.raises(ValueError, match=r"6 \(1 pixels\) and 13 more; name them"):
        EYE.indices(many, "a.png")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (
            {"classes": {"a": 1, "b": [2, 1]}},
            r"1 stands in data.classes.b and in data.classes.a; a value has one meaning",
        ),
        ({"classes": {"a": 0}}, "0 stands in data.classes.a and in data.background"),
        ({"classes": {"a": "#000000"}}, "'#000000' stands in data.classes.a and in data.background"),
        ({"classes": {"a": 1}, "ignore": (1,)}, "1 stands in data.ignore and in data.classes.a"),
        ({"classes": {"a": 256}}, r"data.classes.a holds 256; each is a grey value"),
        ({"classes": {"a": "red"}}, "data.classes.a holds 'red'"),
        ({"classes": {"a": []}}, r"data.classes.a is \(\); want a grey value"),
        ({"classes": {"a/b": 1}}, "a name in data.classes is 'a/b'; want letters"),
        ({"classes": {"background": 1}}, "a name in data.classes is 'background'"),
        ({"classes": {f"c{k}": k for k in range(1, 256)}}, "data.classes is 255; want fewer than 255 classes"),
        ({"ignore": (255,)}, r"data.ignore is \(255,\); want \(\): it is for masks of several classes"),
        ({"background": (7,)}, r"data.background is \(7,\); want \(0,\)"),
        ({"classes": {"a": 1}, "labels": (1,)}, r"data.labels is \(1,\); want \(\) where data.classes says"),
        ({"classes": {"a": 1}, "name": "drive"}, "data.classes is .*drive has masks and names of its own"),
        ({"name": "synthetic", "synthetic": {"kind": "vessels_disc"}}, "such as {'vessel': 1, 'disc': 2}"),
    ],
)
def test_settings_that_make_no_sense_are_refused(tmp_path, settings, said):
    with pytest.raises(ValueError, match=said):
        load(samples.settings(tmp_path, **{"name": "folder", "dir": str(tmp_path)} | settings))


def coloured(folder, count=4):
    """A folder of masks of three colours, some pixels unknown; the disc is in the later images alone."""
    table = np.array([(0, 0, 0), (255, 255, 255), (0, 255, 0), (127, 127, 127)], np.uint8)
    drawn = {}
    for k in range(count):
        classes = np.random.default_rng(k).integers(0, 4 if k else 2, (samples.HEIGHT, samples.WIDTH))
        samples.save(folder / "images" / f"{k}.png", samples.eye(k)[0])
        samples.save(folder / "masks" / f"{k}.png", table[classes])
        drawn[f"{k}"] = np.array([0, 1, 2, IGNORE], np.uint8)[classes]
    return drawn


def test_a_folder_of_coloured_masks_is_read_prepared_and_kept_in_the_order_of_the_classes(tmp_path):
    drawn = coloured(tmp_path / "own")
    named = {"vessel": 255, "disc": "#00ff00"}
    settings = samples.settings(
        tmp_path, name="folder", dir=str(tmp_path / "own"), classes=named, ignore=(127,), test=1
    )
    splits = load(settings)
    for record in (*splits.train, *splits.test, *load_split(settings, "train")):
        np.testing.assert_array_equal(record.mask, drawn[record.id])
    turned = load(settings | {"classes": {"disc": "#00ff00", "vessel": 255}})
    assert turned.description["content_hash"] != splits.description["content_hash"]
    np.testing.assert_array_equal(turned.test[0].mask == 1, splits.test[0].mask == 2)


def test_resizing_makes_no_classes_of_its_own(tmp_path):
    coloured(tmp_path / "own")
    named = {"vessel": 255, "disc": ["#00ff00"]}
    settings = dict(name="folder", dir=str(tmp_path / "own"), classes=named, ignore=(127,), image_size=(23, 31))
    records = load(samples.settings(tmp_path, **settings)).train
    assert {int(value) for record in records for value in np.unique(record.mask)} == {0, 1, 2, IGNORE}
    assert records[0].mask.shape == (23, 31)


def test_a_class_that_no_training_mask_holds_is_refused(tmp_path):
    coloured(tmp_path / "own")
    named = {"vessel": 255, "disc": "#00ff00", "cup": ["#0000ff", 9]}
    settings = samples.settings(tmp_path, name="folder", dir=str(tmp_path / "own"), classes=named, ignore=(127,))
    with pytest.raises(ValueError, match="data.classes.cup is '#0000ff', 9, which no training mask holds; correct the"):
        load(settings)
    with pytest.raises(ValueError, match="no mask holds '#0000fe'; correct the value in the settings, or leave it out"):
        load(settings | {"classes": {"vessel": [255, "#0000fe"], "disc": "#00ff00"}})
    settings |= {"classes": {"vessel": 255, "disc": "#00ff00"}}
    with pytest.raises(ValueError, match=r"no training mask holds disc at data.image_size \(1, 1\); take a larger"):
        load(settings | {"image_size": (1, 1)})


def test_grey_masks_have_grey_codes(tmp_path):
    samples.save(tmp_path / "a.png", np.array([[0, 7]], np.uint8))
    assert images.read_codes(tmp_path / "a.png").tolist() == [[0, 0x070707]]
    assert [images.code(label) for label in (7, "#0a0B0c")] == [0x070707, 0x0A0B0C]


def test_settings_keep_the_order_of_the_classes():
    """A ConfigDict sorts its keys; the index of a class is its place in the file."""
    config = defaults()
    config.data.classes = {"vessel": 1, "disc": [2, 3], "a": "#00ff00"}
    kept = json.loads(json.dumps(plain(config)))["data"]["classes"]
    assert list(kept) == ["vessel", "disc", "a"]
    assert Classes.from_config(plain(config.data)) == Classes(("vessel", "disc", "a"), ((1,), (2, 3), ("#00ff00",)))
