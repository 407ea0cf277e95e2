import re
import shutil
import struct

import pytest

from jaxseg.runs.log import MetricsLog, read_metrics


def test_rows_past_the_checkpoint_are_dropped_on_resume(tmp_path):
    log = MetricsLog(tmp_path, 0)
    for step in (10, 20, 30):
        log.write(step, {"train/loss": 1 / step})
    log.close()
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 40, "tr')  # the kill came in the middle of a line
    log = MetricsLog(tmp_path, 20)
    log.write(30, {"train/loss": 0.5})
    log.close()
    rows = read_metrics(tmp_path)
    assert [(row["step"], row["train/loss"]) for row in rows] == [(10, 0.1), (20, 0.05), (30, 0.5)]
    assert list(tmp_path.glob("events.out.tfevents.*"))


def test_a_run_without_a_log_has_no_rows(tmp_path):
    assert read_metrics(tmp_path) == []


def test_seconds_go_on_where_they_were(tmp_path):
    log = MetricsLog(tmp_path, 0)
    log.write(1, {"train/loss": 1.0})
    log.close()
    log = MetricsLog(tmp_path, 1, log.state | {"seconds": 100.0})
    log.write(2, {"train/loss": 1.0})
    log.close()
    first, second = (row["seconds"] for row in read_metrics(tmp_path))
    assert 0 <= first < 100 <= second < 200


def test_a_log_that_is_not_what_was_written_is_refused(tmp_path):
    log = MetricsLog(tmp_path, 0)
    for step in (1, 2):
        log.write(step, {"train/loss": 0.25})
    log.close()
    path, whole = tmp_path / "metrics.jsonl", (tmp_path / "metrics.jsonl").read_text()
    path.write_text(whole.replace("0.25", "0.26", 1))
    with pytest.raises(ValueError, match=r"metrics.jsonl: not what training wrote, by the digest in the checkpoint"):
        MetricsLog(tmp_path, 2, log.state)
    for line in ("[1]", '{"train/loss": 1.0}', '{"step": 1'):
        path.write_text(whole + line + "\n")
        with pytest.raises(ValueError, match=r"metrics.jsonl, line 3: not what training wrote \(.*\); restore"):
            read_metrics(tmp_path)
    path.write_text(whole)
    MetricsLog(tmp_path, 2, log.state).close()
    assert path.read_text() == whole


def test_a_log_that_is_gone_begins_again(tmp_path, capsys):
    log = MetricsLog(tmp_path, 0)
    log.write(1, {"train/loss": 1.0})
    log.close()
    (tmp_path / "metrics.jsonl").unlink()
    log = MetricsLog(tmp_path, 1, log.state)
    log.write(2, {"train/loss": 1.0})
    log.close()
    assert re.fullmatch(r"note: .*metrics.jsonl is gone; it begins again at step 1\n", capsys.readouterr().out)
    assert [row["step"] for row in read_metrics(tmp_path)] == [2]


def events(folder):
    """Return (step, name, value) of every event in a folder, and the steps at which TensorBoard forgets later ones."""
    from tensorboardX.proto import event_pb2

    found, starts = [], []
    for path in sorted(folder.glob("events.out.tfevents.*"), key=lambda path: path.stat().st_mtime_ns):
        content, place = path.read_bytes(), 0
        while place < len(content):
            (size,) = struct.unpack_from("<Q", content, place)
            event = event_pb2.Event.FromString(content[place + 12 : place + 12 + size])
            found += [(event.step, value.tag, value.simple_value) for value in event.summary.value]
            starts += [event.step] if event.session_log.status == event_pb2.SessionLog.START else []
            place += size + 16
    return found, starts


def test_events_are_those_of_the_rows(tmp_path):
    for step, name in ((0, "first"), (20, "second")):
        (tmp_path / name).mkdir()
        log = MetricsLog(tmp_path / name, step)
        log.write(step + 1, {"train/loss": 0.5, "val/full/image_mean/dice": 0.25})
        found, starts = events(tmp_path / name)  # before the file is closed: a run can be watched
        assert found == [(step + 1, "train/loss", 0.5), (step + 1, "val/full/image_mean/dice", 0.25)]
        assert starts == ([step + 1] if step else [])
        log.close()


@pytest.mark.parametrize("leave", [shutil.rmtree, lambda folder: folder.rename(folder.with_name("moved"))])
def test_a_log_whose_folder_is_gone_is_told(tmp_path, leave):
    (tmp_path / "run").mkdir()
    log = MetricsLog(tmp_path / "run", 0)
    log.check()
    leave(tmp_path / "run")
    with pytest.raises(FileNotFoundError, match=r"run/metrics.jsonl was moved or deleted under its run"):
        log.write(1, {"train/loss": 1.0})
    assert not (tmp_path / "run").exists()
    log.close()
