import ast
from pathlib import Path

import numpy as np
import pytest
import samples

from jaxseg.data import generate, load, load_split
from jaxseg.data import synthetic as module

SMALL = {"size": 32, "train": 3, "val": 1, "test": 2}


def test_generated_images_need_no_folder(tmp_path):
    data = samples.settings(tmp_path, synthetic=SMALL, split_seed=5)
    splits = load(data)
    assert [len(records) for records in (splits.train, splits.val, splits.test)] == [3, 1, 2]
    image, mask, fov = generate.fundus(5, 1, 32)
    for ours, theirs in zip(splits.train[1][1:4], (image, mask, fov), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    native = load_split(data, "test")
    np.testing.assert_array_equal(native[1].image, splits.test[1].image)


def test_splits_share_no_image_and_a_longer_one_begins_the_same(tmp_path):
    data = samples.settings(tmp_path, synthetic=SMALL)
    longer = data | {"synthetic": data["synthetic"] | {"train": 5}}
    ids = [load_split(data, split).ids for split in ("train", "val", "test")]
    assert len(set(sum(ids, ()))) == 6
    assert load_split(longer, "train").ids[:3] == ids[0]
    assert load_split(longer, "test").ids == ids[2]


def test_lesions_have_no_field_of_view(tmp_path):
    data = samples.settings(tmp_path, synthetic=SMALL | {"kind": "lesion", "val": 0})
    splits = load(data)
    assert splits.val is None
    assert splits.train[0].fov is None
    np.testing.assert_array_equal(splits.test[0].mask, generate.lesion(0, 2_000_000, 32)[1])


@pytest.mark.parametrize("wrong", [{"kind": "moon"}, {"train": 0}, {"test": -1}, {"size": 3}])
def test_wrong_settings_are_refused(tmp_path, wrong):
    with pytest.raises(ValueError, match=r"^data\.synthetic\."):
        load(samples.settings(tmp_path, synthetic=SMALL | wrong))


def test_the_smallest_size_is_that_of_the_generator():
    assert module.SMALLEST == generate.SMALLEST


def test_every_source_that_shapes_an_image_is_part_of_the_hash():
    """A changed generator must not meet images of the old one."""
    folder = Path(generate.__file__).parent
    found, waiting = set(), ["generate.py"]
    while waiting:
        name = waiting.pop()
        found.add(name)
        for node in ast.walk(ast.parse((folder / name).read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("jaxseg.data"):
                modules = [alias.name for alias in node.names] + node.module.split(".")[2:]
                waiting += [f"{m}.py" for m in modules if (folder / f"{m}.py").exists() and f"{m}.py" not in found]
    assert set(module.GENERATOR) == found
