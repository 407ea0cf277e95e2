import re

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
