import pytest

from jaxseg.data import lists

NAMES = ["a1", "a2", "b1", "b2"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be"])
@pytest.mark.parametrize("name", ["train.txt", "Train.txt", "TRAIN.TXT"])
def test_a_split_file_counts_whatever_its_capitals_and_encoding(tmp_path, name, encoding):
    mark = b"\xfe\xff" if encoding == "utf-16-be" else b""
    (tmp_path / name).write_bytes(mark + "images\\a1.png\r\n\r\n images/b2 \r\n".encode(encoding))
    assert lists.splits(tmp_path, NAMES) == {"train": ["a1", "b2"]}


def test_what_is_no_text_or_no_image_is_refused_by_name(tmp_path):
    (tmp_path / "test.txt").write_bytes("café\n".encode("latin-1"))
    with pytest.raises(ValueError, match=r"test\.txt: no UTF-8 text .*; save it as UTF-8"):
        lists.splits(tmp_path, NAMES)
    (tmp_path / "test.txt").write_bytes("a1\n".encode("utf-16-le"))  # no byte order mark
    with pytest.raises(ValueError, match=r"test\.txt: no UTF-8 text \(it holds zeros\)"):
        lists.splits(tmp_path, NAMES)
    (tmp_path / "test.txt").write_text("a1\nc\n")
    with pytest.raises(ValueError, match=r"test\.txt, line 2: 'c' is no image in"):
        lists.splits(tmp_path, NAMES)
    (tmp_path / "test.txt").write_text("a1\n")
    (tmp_path / "train.txt").write_text("b1\na1\n")
    with pytest.raises(ValueError, match=r"test\.txt, line 1: 'a1' stands in train\.txt already"):
        lists.splits(tmp_path, NAMES)
    (tmp_path / "Train.txt").write_text("b1\n")
    with pytest.raises(ValueError, match=r"Train\.txt and train\.txt differ in capitals alone"):
        lists.splits(tmp_path, NAMES)


@pytest.mark.parametrize("text", ["a1,A\na2,A\nb1,B\n", "id,group\na1.png\tA\na2;A\nb1  B\n", "a1, A\n\na2 , A\nb1,B"])
def test_groups_are_read_from_a_file(tmp_path, text):
    (tmp_path / "groups.txt").write_text(text)
    assert lists.groups(tmp_path, NAMES, "") == {"a1": "A", "a2": "A", "b1": "B"}


@pytest.mark.parametrize(
    ("text", "words"),
    [("a1,A\nc,A\n", "line 2: 'c,A'; want an image of"), ("a1,A\na1,B\n", "line 2: 'a1' is in group 'A' already"),
     ("a1,A\na2\n", "line 2: 'a2'; want an image"), ("a01,A\na2,A\n", "line 1: 'a01,A'; want an image"),
     ("a1,\n", "line 1: 'a1,'; want an image")],
)  # fmt: skip
def test_wrong_lines_of_groups_are_named(tmp_path, text, words):
    (tmp_path / "groups.txt").write_text(text)
    with pytest.raises(ValueError, match=words):
        lists.groups(tmp_path, NAMES, "")


def test_groups_are_found_by_a_pattern(tmp_path):
    assert lists.groups(tmp_path, ["01L", "01R", "x"], r"(\d+)[LR]") == {"01L": "01", "01R": "01"}
    assert lists.groups(tmp_path, NAMES, "^.") == {"a1": "a", "a2": "a", "b1": "b", "b2": "b"}
    assert lists.groups(tmp_path, ["0L", "0R", "1L"], r"(\d+)L|(\d+)R") == {"0L": "0", "0R": "0", "1L": "1"}
    assert lists.groups(tmp_path, ["7", "8"], r"(x)?\d+") == {"7": "7", "8": "8"}
    with pytest.raises(ValueError, match=r"data\.group_pattern '\(z\)' finds nothing in the names, such as a1"):
        lists.groups(tmp_path, NAMES, "(z)")
    with pytest.raises(ValueError, match=r"data\.group_pattern '\(' is no regular expression"):
        lists.check_pattern("(")
    (tmp_path / "groups.txt").write_text("a1,A\n")
    with pytest.raises(ValueError, match=r"data\.group_pattern is '\^\.'; want '', for \S*groups\.txt says which"):
        lists.groups(tmp_path, NAMES, "^.")


@pytest.mark.parametrize(
    ("names", "words"),
    [(["01L", "01R", "02L", "02R"], "by a side alone, such as 01L and 01R"),
     (["p_left", "p_right", "q_left", "q_right"], "by a side alone, such as p_left and p_right"),
     (["7_OD", "7_OS", "9_OD", "9_OS"], "by a side alone"), (["1Left", "1Right", "2Left", "2Right"], "by a side alone"),
     (["0l", "0r", "1l", "1r"], "by a side alone"), (["left_0", "right_0", "left_1", "right_1"], "by a side alone"),
     (["img_r_01", "img_l_01", "img_r_02", "img_l_02"], "by a side alone"),
     (["ann_1", "ann_2", "bob_1", "bob_2"], "by their last number alone, such as ann_1 and ann_2"),
     (["0001", "0002", "0003"], ""), (["img_1", "img_2", "img_3"], ""), (["a", "b", "c"], ""),
     (["cell", "wall", "level", "L"], "")],
)  # fmt: skip
def test_names_that_look_like_one_person_are_told_with_a_pattern_that_groups_them(names, words):
    note = lists.alike(names)
    assert words in note
    assert bool(note) == bool(words)
    if "group_pattern" in note:
        pattern = note.split("group_pattern='")[1].split("'")[0]
        assert len(set(lists.groups_by(pattern, names).values())) == 2
