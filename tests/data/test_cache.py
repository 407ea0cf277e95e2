import json
import os
import shutil
import stat
import subprocess
import sys
import time

import numpy as np
import pytest
import samples

from jaxseg.data import load
from jaxseg.data.folder import Folder
from jaxseg.runs.sealed import seal


@pytest.fixture
def data(tmp_path):
    return samples.settings(tmp_path, name="folder", dir=str(samples.plain(tmp_path / "own", fov=True)), test=2)


def content(data):
    return load(data).description["content_hash"]


def test_a_second_load_prepares_nothing(data, monkeypatch):
    first = load(data)
    monkeypatch.setattr(Folder, "read", None)
    again = load(data)
    assert again.description == first.description
    assert again.preprocess == first.preprocess
    np.testing.assert_array_equal(again.train[1].image, first.train[1].image)


def test_a_changed_label_meets_no_stale_cache(data, tmp_path):
    before = content(data)
    mask = samples.eye(0)[1]
    mask[3, 3] ^= 1
    samples.save(tmp_path / "own" / "masks" / "a.png", mask)
    after = load(data)
    assert after.description["content_hash"] != before
    np.testing.assert_array_equal(next(r for s in (after.train, after.test) for r in s if r.id == "a").mask, mask)


@pytest.mark.parametrize(
    "change",
    [{"image_size": (32, 32)}, {"clahe": {"mode": "lab", "clip_limit": 2.0, "tiles": 8}},
     {"clahe": {"mode": "none", "clip_limit": 3.0, "tiles": 8}}, {"labels": (1,)}, {"inputs": ("rgb", "green")}],
)  # fmt: skip
def test_a_changed_option_meets_no_stale_cache(data, change):
    assert content(data | change) != content(data)


def test_another_name_another_split_another_version_are_other_content(data, tmp_path, monkeypatch):
    seen = {content(data)}
    for room in ("images", "masks", "fov"):
        (tmp_path / "own" / room / "f.png").rename(tmp_path / "own" / room / "g.png")
    seen.add(content(data))
    (tmp_path / "own" / "val.txt").write_text("b\n")
    seen.add(content(data))
    monkeypatch.setattr(Folder, "VERSION", type(Folder.VERSION)("9.9.9"))
    seen.add(content(data))
    assert len(seen) == 4


def test_what_does_not_shape_a_record_shares_the_cache(data, tmp_path):
    (tmp_path / "own").rename(tmp_path / "moved")
    moved = data | {"dir": str(tmp_path / "moved"), "holdout": 1, "split_seed": 3}
    (tmp_path / "moved").rename(tmp_path / "own")
    before = content(data)
    (tmp_path / "own").rename(tmp_path / "moved")
    assert content(moved) == before


def test_a_cache_that_cannot_be_written_is_one_line_with_the_fix(data, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=r"file/cache: .*; name a folder to write to by --config\.data\.cache_dir"):
        load(data | {"cache_dir": str(tmp_path / "file" / "cache")})


def test_an_interrupted_preparation_leaves_no_cache_and_the_next_one_cleans_up(data, tmp_path, monkeypatch):
    read, calls = Folder.read, []

    def stop(entry, config):
        calls.append(entry)
        if entry.id == "d":
            raise KeyboardInterrupt
        return read(entry, config)

    with monkeypatch.context() as patch:
        patch.setattr(Folder, "read", staticmethod(stop))
        with pytest.raises(KeyboardInterrupt):
            load(data)
    assert calls
    assert [path.suffix for path in (tmp_path / "cache").iterdir()] == [".lock"]
    name = next((tmp_path / "cache").iterdir()).stem
    (tmp_path / "cache" / f"{name}.partial-left-by-a-kill").mkdir()
    assert len(load(data).train) == 4
    assert sorted(path.name for path in (tmp_path / "cache").iterdir()) == [name, f"{name}.lock"]


def test_two_processes_at_once_prepare_once(data, tmp_path):
    script = f"import sys; sys.path[:0] = {sys.path!r}\nfrom jaxseg.data import load\nprint(len(load({data!r}).train))"
    started = [
        subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for process in started:
        out, err = process.communicate(timeout=120)
        assert (process.returncode, out.split()[-1]) == (0, "4"), err
    assert len([path for path in (tmp_path / "cache").iterdir() if path.is_dir()]) == 1


def test_who_comes_second_waits_and_says_so(data, tmp_path, capsys):
    place = tmp_path / "cache" / content(data)
    shutil.rmtree(place)
    capsys.readouterr()
    lock = place.with_suffix(".lock")
    holder = subprocess.Popen(
        [sys.executable, "-c", f"import fcntl, time; f = open({str(lock)!r}, 'w'); fcntl.flock(f, fcntl.LOCK_EX); "
         "print('held', flush=True); time.sleep(1)"], stdout=subprocess.PIPE, text=True
    )  # fmt: skip
    assert holder.stdout.readline() == "held\n"
    began = time.monotonic()
    assert len(load(data).train) == 4
    assert time.monotonic() - began > 0.5
    assert capsys.readouterr().out == "waiting for another process that prepares the same images\n"
    assert place.is_dir()
    assert holder.wait() == 0
    holder.stdout.close()


@pytest.mark.parametrize("damage", ["cut", "flipped", "gone", "its list flipped", "its list gone"])
def test_a_damaged_cache_is_told_and_prepared_again(data, tmp_path, capsys, damage):
    whole = load(data)
    place = tmp_path / "cache" / whole.description["content_hash"]
    records = max((path for path in place.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)
    file = place / "files.json" if "list" in damage else records
    held = bytearray(file.read_bytes())
    held[len(held) // 2] ^= 1
    file.write_bytes(held if "flipped" in damage else held[: len(held) // 2])
    if "gone" in damage:
        file.unlink()
    capsys.readouterr()
    again = load(data)
    assert f"{place}: " in capsys.readouterr().out
    assert again.description == whole.description
    np.testing.assert_array_equal(again.train[1].image, whole.train[1].image)
    load(data)
    assert "prepared again" not in capsys.readouterr().out


def test_others_may_read_a_cache_as_the_umask_allows(data, tmp_path):
    before = os.umask(0o022)
    try:
        place = tmp_path / "cache" / load(data).description["content_hash"]
    finally:
        os.umask(before)
    assert {stat.S_IMODE(path.stat().st_mode) for path in place.rglob("*") if path.is_file()} == {0o644}
    assert stat.S_IMODE(place.stat().st_mode) == 0o755


def test_a_set_that_another_version_prepared_is_prepared_again(data, tmp_path, capsys):
    load(data)
    (listing,) = (tmp_path / "cache").glob("*/files.json")
    content = json.loads(listing.read_text())
    listing.write_text(json.dumps(seal({"files": content["files"]})))
    load(data)
    assert "prepared by another version; the images are prepared again" in capsys.readouterr().out
    assert json.loads(listing.read_text()) == content
