"""The doctor finds what is planted, and nothing where nothing is."""

import json
import re

import cv2
import faulty
import numpy as np
import pytest
from launches import launched

from jaxseg.config import defaults
from jaxseg.jobs import doctor


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """500 images, two of three in train.txt, with one fault of each kind far from the others; what was planted."""
    folder = faulty.clean(tmp_path_factory.mktemp("planted") / "own", 500)
    wanted = [plant(folder, 20 * (place + 1)) for place, plant in enumerate(faulty.PLANTS)]
    return folder, wanted


def files_by_rule(found):
    rules = {}
    for one in found.findings:
        rules.setdefault(one.rule, set()).update(one.files)
    return rules


def test_every_planted_fault_is_found_and_its_file_named(planted):
    folder, wanted = planted
    found = doctor.examine(str(folder), None, progress=False)
    rules = files_by_rule(found)
    for rule, path in wanted:
        assert str(path) in rules.get(rule, ()), (rule, path.name)
    assert found.code == 2
    # And nothing else: what a rule names is what was planted for it, or next to it.
    meant = {str(path) for _, path in wanted} | {str(faulty.image_of(folder, 20 * len(faulty.PLANTS) - 1))}
    meant |= {path.replace("/images/", "/masks/") for path in meant} | {
        path.replace("/masks/", "/images/") for path in meant
    }
    assert {file for files in rules.values() for file in files} <= meant


def test_a_clean_folder_has_no_finding(tmp_path):
    found = doctor.examine(str(faulty.clean(tmp_path / "own", 60)), None, progress=False)
    assert (found.findings, found.code) == ((), 0)
    assert found.about[1].startswith("train: 60 images; foreground ")


def test_the_command_prints_json_alone_and_writes_a_page(tmp_path):
    folder = faulty.clean(tmp_path / "own", 30)
    faulty.inverted(folder, 7)
    faulty.full(folder, 5)
    for path in (faulty.image_of(folder, 5), faulty.mask_of(folder, 5)):
        path.rename(path.with_name("<script>alert(1)<script>.png"))
    lines = [
        ["doctor.py", f"--data_dir={folder}", "--json", f"--output={tmp_path / 'out'}"],
        ["doctor.py", f"--data_dir={folder}", f"--output={tmp_path / 'text'}"],
        ["doctor.py", f"--data_dir={tmp_path / 'nowhere'}", f"--output={tmp_path / 'absent'}"],
        ["doctor.py"],
    ]
    told, shown, absent, nothing = launched(lines)
    assert (told["code"], told["err"]) == (1, "")
    findings = json.loads(told["out"])["findings"]
    assert {one["rule"] for one in findings} == {"inverted mask", "full mask"}
    assert all(set(one) == {"rule", "severity", "files", "text"} for one in findings)
    page = (tmp_path / "out" / "doctor.html").read_text()
    assert page.count("data:image/png;base64,") > 15
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert not re.search(r"""(?:src|href)=["'](?!data:)""", page)  # it needs nothing else
    assert shown["code"] == 1
    assert "warning: inverted mask: 2 of 30 masks" in shown["out"] or "warning: inverted mask: 1 of 30" in shown["out"]
    assert (absent["code"], absent["err"]) == (2, "")
    assert "error: layout: " in absent["out"]
    assert (nothing["code"], nothing["err"].count("\n")) == (1, 1)


def test_with_a_config_the_set_is_split_and_memory_and_time_are_told(tmp_path):
    folder = faulty.clean(tmp_path / "own", 24)
    config = defaults()
    config.model.name, config.model.options = "unet", dict(width=2)
    config.data.update(name="folder", dir=str(folder), holdout=6, test=6, image_size=(16, 16))
    found = doctor.examine("", config, progress=False)
    about = "\n".join(found.about)
    assert "train: 12 images" in about
    assert "val: 6 images" in about
    assert re.search(r"a training step of 4 images takes .* operations and about .*iB of memory", about)
    assert re.search(r"1000 steps take about .* on one .*, by its speed in a convolution and in a copy", about)
    (resizing,) = found.findings
    assert re.search(r"images are resized to 16 x 16: .* reaches Dice 0\.\d{3} at their own size", resizing.text)


def test_masks_that_are_exchanged_with_the_field_of_view(tmp_path):
    folder = faulty.clean(tmp_path / "own", 20)
    y, x = np.ogrid[: faulty.SIDE, : faulty.SIDE]
    fov = ((y - 32) ** 2 + (x - 32) ** 2 < 30**2).astype(np.uint8) * 255
    for number in range(20):
        faulty.write(folder / "fov" / f"{faulty.name(number)}.png", fov)
    assert doctor.examine(str(folder), None, progress=False).findings == ()
    mask = cv2.imread(str(faulty.mask_of(folder, 3)), 0)
    faulty.write(faulty.mask_of(folder, 3), fov)
    faulty.write(folder / "fov" / f"{faulty.name(3)}.png", mask)
    outside = np.zeros_like(fov)
    outside[:4, :40] = 255
    faulty.write(faulty.mask_of(folder, 9), outside)
    rules = files_by_rule(doctor.examine(str(folder), None, progress=False))
    assert str(faulty.mask_of(folder, 3)) in rules["mask and field of view exchanged"]
    assert rules["labels outside the field of view"] == {str(faulty.mask_of(folder, 9))}


def test_a_set_of_which_nothing_can_be_read_is_told(tmp_path):
    (tmp_path / "empty").mkdir()
    found = doctor.examine(str(tmp_path / "empty"), None, progress=False)
    assert ([one.rule for one in found.findings], found.code) == (["layout"], 2)
    folder = faulty.clean(tmp_path / "own", 3)
    for number in range(3):
        faulty.jpeg_mask(folder, number)
    config = defaults()
    config.model.name, config.model.options = "unet", dict(width=2)
    config.data.update(name="folder", dir=str(folder), labels=(7,))
    found = doctor.examine("", config, progress=False)
    assert ([one.rule for one in found.findings], found.code) == (["not read"] * 3, 2)


def test_a_published_set_with_a_fault_is_known_all_the_same(tmp_path):
    image, mask = faulty.picture(0)
    for number in range(3):
        faulty.write(tmp_path / "ISBI2016_ISIC_Part1_Training_Data" / f"ISIC_000000{number}.jpg", image)
    found = doctor.examine(str(tmp_path), None, progress=False)
    assert found.about[0].startswith("isic2016 in ")
    assert "ISBI2016_ISIC_Part1_Training_GroundTruth" in found.findings[0].text
    truth = tmp_path / "ISBI2016_ISIC_Part1_Training_GroundTruth"
    faulty.write(truth / "ISIC_0000000_Segmentation.png", mask * 255)
    found = doctor.examine(str(tmp_path), None, progress=False)
    assert "ISIC_0000001.jpg: has no lesion mask" in found.findings[0].text


def test_shifted_images_are_splits_of_their_own(tmp_path):
    rng, part = np.random.default_rng(0), str(tmp_path / "ISIC-2017_Training_")
    for suffix in ("Data", "Part1_GroundTruth"):
        (tmp_path / f"ISIC-2017_Training_{suffix}").mkdir()
    mask = np.zeros((32, 32), np.uint8)
    mask[8:20, 8:20] = 255
    for number in (0, 1, 12_000, 12_001, 12_002):
        cv2.imwrite(f"{part}Data/ISIC_{number:07d}.jpg", rng.integers(0, 256, (32, 32, 3), np.uint8))
        cv2.imwrite(f"{part}Part1_GroundTruth/ISIC_{number:07d}_segmentation.png", mask)
    config = defaults()
    config.model.name, config.model.options = "unet", dict(width=2)
    config.data.update(name="isic2017", dir=str(tmp_path), shift="late_ids", image_size=(16, 16))
    about = "\n".join(doctor.examine("", config, progress=False).about)
    assert re.findall(r"^(\w+): (\d) images", about, re.MULTILINE) == [
        ("train", "2"), ("shifted_val", "1"), ("shifted_test", "2")
    ]  # fmt: skip
