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
    rows = read_metrics(tmp_path / "metrics.jsonl")
    assert [(row["step"], row["train/loss"]) for row in rows] == [(10, 0.1), (20, 0.05), (30, 0.5)]
    assert list(tmp_path.glob("events.out.tfevents.*"))


def test_a_run_without_a_log_has_no_rows(tmp_path):
    assert read_metrics(tmp_path / "metrics.jsonl") == []
