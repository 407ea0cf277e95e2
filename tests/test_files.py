import errno
import subprocess
import sys

import pytest

from jaxseg import files


def test_a_file_is_whole_or_as_it_was(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    files.write(path, b"one")
    files.write(path, b"two")
    assert path.read_bytes() == b"two"

    def half(self, data):
        with self.open("wb") as file:
            file.write(data[:1])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", half)
    with pytest.raises(OSError, match=r"No space left on device: '.*/a.json'"):
        files.write(path, b"three")
    assert path.read_bytes() == b"two"
    assert [child.name for child in tmp_path.iterdir()] == ["a.json"]


def test_several_processes_write_one_file(tmp_path):
    """Each write is whole and none fails: shards of a study write one study.json."""
    program = f"""
from jaxseg import files
for turn in range(200):
    files.write({str(tmp_path / "a.json")!r}, bytes([turn]) * 5000)
"""
    writers = [subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE, text=True) for _ in range(2)]
    assert [writer.communicate(timeout=60)[1] for writer in writers] == ["", ""]
    assert len(set((tmp_path / "a.json").read_bytes())) == 1
    assert len(list(tmp_path.iterdir())) == 1


def test_a_name_may_be_as_long_as_names_may_be(tmp_path):
    path = tmp_path / ("ä" * 125 + ".json")  # 255 bytes
    files.write(path, b"{}")
    assert path.read_bytes() == b"{}"


def test_what_a_kill_leaves_is_known(tmp_path, monkeypatch):
    monkeypatch.setattr("pathlib.Path.replace", lambda *_: (_ for _ in ()).throw(SystemExit))
    monkeypatch.setattr("pathlib.Path.unlink", lambda *_, **__: None)
    with pytest.raises(SystemExit):
        files.write(tmp_path / "a.json", b"{}")
    (left,) = tmp_path.iterdir()
    assert files.partial(left)
    assert not files.partial(tmp_path / "a.json")


def test_an_error_of_an_open_file_gets_its_path():
    with pytest.raises(OSError, match="/dev/full") as told, files.named("/dev/full"), open("/dev/full", "w") as file:
        file.write("x" * 100_000)
    assert told.value.errno == errno.ENOSPC
    with pytest.raises(FileNotFoundError, match="gone.png"), files.named("gone.png"):
        raise FileNotFoundError(errno.ENOENT, "No such file", "other.png")


@pytest.mark.parametrize("content", [b'{"a": ', b"[1]", b"\xff", b""])
def test_a_damaged_file_is_told_with_what_to_do(tmp_path, content):
    path = tmp_path / "a.json"
    files.write_json(path, {"a": 1})
    assert files.read_json(path, "the evaluation", "score it again", files.an_object) == {"a": 1}
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.json: not what the evaluation wrote \(.*\); score it again") as told:
        files.read_json(path, "the evaluation", "score it again", files.an_object)
    assert "\n" not in str(told.value)


def test_what_a_file_lacks_is_told(tmp_path):
    path = tmp_path / "a.json"
    files.write_json(path, {"a": 1})
    with pytest.raises(ValueError, match=r"a\.json: not what the evaluation wrote \(no 'b'\); score it again"):
        files.read_json(path, "the evaluation", "score it again", lambda content: content["b"])
