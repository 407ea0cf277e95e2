import os
import unicodedata
from pathlib import Path

import pytest

from jaxseg.data import names


def matched(images, masks, template=""):
    found = names.match(images, {names.stem(Path(mask)): Path(mask) for mask in masks}, template)
    return {image: [path.name for path in paths] for image, paths in found.files.items()}, found


@pytest.mark.parametrize(
    ("images", "masks", "named"),
    [
        (["a", "b"], ["a.png", "b.png"], "{id}"),
        (["a", "b"], ["a_segmentation.png", "b_segmentation.png"], "{id}_segmentation"),
        (["a", "b"], ["mask-a.png", "mask-b.png"], "mask-{id}"),
        (["a", "b", "ab"], ["a_m.png", "b_m.png", "ab_m.png"], "{id}_m"),
        (["1", "11", "111"], ["1_mask.gif", "11_mask.gif", "111_mask.gif"], "{id}_mask"),
        (["21_training", "22_training"], ["21_manual1.gif", "22_manual1.gif"], "#_manual1 for #_training"),
        (["img_01", "img_02", "img_10"], ["mask_1.png", "mask_2.png", "mask_10.png"], "mask_# for img_#"),
        (["p1_1", "p1_2"], ["p1_1_mask.png", "p1_2_mask.png"], "{id}_mask"),
    ],
)
def test_masks_are_found_by_one_pattern_of_names(images, masks, named):
    files, found = matched(images, masks)
    assert files == {image: [mask] for image, mask in zip(images, masks, strict=True)}
    assert (found.alone, found.named) == ((), named)


def test_several_masks_of_an_image_are_told_by_numbers():
    """As in BUSI."""
    masks = ["benign (1)_mask.png", "benign (1)_mask_1.png", "benign (2)_mask.png", "benign (10)_mask.png"]
    files, found = matched(["benign (1)", "benign (2)", "benign (10)"], masks)
    assert files == {"benign (1)": masks[:2], "benign (2)": [masks[2]], "benign (10)": [masks[3]]}
    assert found.named == "{id}_mask"


def test_names_that_most_masks_share_leave_the_others_alone():
    files, found = matched(["a", "b", "c", "d"], ["a.png", "b.png", "c_old.png", "x.png"])
    assert files == {"a": ["a.png"], "b": ["b.png"]}
    assert [path.name for path in found.alone] == ["c_old.png", "x.png"]
    assert matched(["a", "b"], ["c.png", "d_e.png"])[0] == {}


def test_a_mask_of_another_image_is_not_taken_for_a_second_one():
    """mask11 is not another mask of image 1."""
    images = [str(number) for number in range(11)]
    files, found = matched(images, [f"mask{number}.png" for number in range(12)])
    assert files == {image: [f"mask{image}.png"] for image in images}
    assert [path.name for path in found.alone] == ["mask11.png"]
    files, found = matched(["im1", "im2", "im3"], ["gt_im1.png", "gt_im2.png", "gt_im3.png", "gt_im10.png"])
    assert files["im1"] == ["gt_im1.png"]


def test_a_template_says_how_masks_are_named():
    files, _ = matched(
        ["a", "b"], ["a.png", "b.png", "a_lesion_1.png", "a_lesion_2.png", "b_lesion.png"], "{id}_lesion*"
    )
    assert files == {"a": ["a_lesion_1.png", "a_lesion_2.png"], "b": ["b_lesion.png"]}
    assert matched(["a", "a_b"], ["a_b_m.png", "a_m.png"], "{id}_m")[0] == {"a_b": ["a_b_m.png"], "a": ["a_m.png"]}
    assert matched(["a", "ab"], ["ab_1.png", "a_1.png"], "{id}*")[0] == {"ab": ["ab_1.png"], "a": ["a_1.png"]}
    assert [names.check_template(one) for one in ("", "{id}", "x{id}*", "mask", "*{id}", "{id}{id}")] == [
        True, True, True, False, False, False
    ]  # fmt: skip


def test_accents_match_however_they_are_spelt():
    one, other = unicodedata.normalize("NFC", "café"), unicodedata.normalize("NFD", "café")
    assert one != other
    files, found = matched([names.stem(Path(f"{one}.jpg"))], [f"{other}.png"])
    assert list(files) == [one]
    assert found.named == "{id}"


def test_names_of_other_encodings_are_known():
    assert names.readable(Path("café.png"))
    assert not names.readable(Path(os.fsdecode("café.png".encode("latin-1"))))
    assert not names.readable(Path(os.fsdecode("图像.png".encode("gbk"))))
