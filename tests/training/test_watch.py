import contextlib
import json
import os
import pty
import re
import sys
import termios

import jax.numpy as jnp
import pytest
import tqdm

from jaxseg.progress import Progress, clock, track
from jaxseg.runs.log import MetricsLog
from jaxseg.training.watch import Watch


@pytest.fixture
def watch(tmp_path):
    log = MetricsLog(tmp_path, 0)
    yield Watch(
        log,
        Progress(8, "train"),
        learning_rate=lambda step: 0.1 * step,
        images_of=lambda step: [f"image{step}", "other"],
        batch_size=4,
        log_every=2,
        steps=5,
    )
    log.close()


def figures(loss, norm=1.0):
    return {"loss": jnp.array([loss]), "gradient_norm": jnp.array([norm])}


def test_rows_hold_the_mean_loss_since_the_row_before(watch, tmp_path):
    for step, loss in enumerate([1.0, 3.0, 5.0, 6.0, 7.0]):
        watch.add(step, figures(loss))
    watch.drain()
    rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [(row["step"], row["train/loss"]) for row in rows] == [(2, 2.0), (4, 5.5), (5, 7.0)]  # 5 is the last
    assert rows[1]["train/learning_rate"] == pytest.approx(0.3)


def test_steps_that_were_done_before_they_are_read_are_not_counted_as_quick(watch, tmp_path, monkeypatch):
    """A CPU is done with a step when it is sent; figures are read two steps later, the last three at once."""
    clock = iter([100.0, 102.0, 104.0, 104.1, 104.2])
    monkeypatch.setattr("jaxseg.training.watch.monotonic", lambda: next(clock))
    for step in range(5):
        watch.add(step, figures(1.0))
    watch.drain()
    rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [row.get("train/images_per_second") for row in rows] == [2.0, pytest.approx(4 / 2.1), None]


def test_figures_of_steps_sent_together_are_those_of_each(watch, tmp_path):
    watch.add(0, figures([1.0, 3.0, 5.0, 0.0], [1.0] * 4), 3)
    watch.add(3, figures([6.0, 7.0, 0.0, 0.0], [2.0] * 4), 2)
    watch.drain()
    rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [(row["step"], row["train/loss"]) for row in rows] == [(2, 2.0), (4, 5.5), (5, 7.0)]
    assert [row["train/gradient_norm"] for row in rows] == [1.0, 2.0, 2.0]


def test_compiling_and_scoring_are_left_out_of_the_rate(watch, tmp_path, monkeypatch):
    clock = iter([100.0, 101.0, 500.0, 502.0])  # the first step compiled, the third followed a scoring of val
    monkeypatch.setattr("jaxseg.training.watch.monotonic", lambda: next(clock))
    monkeypatch.setattr("jaxseg.training.watch._ready", lambda figures: False)  # a GPU is not done with it when read
    for step in range(4):
        if step == 2:
            watch.drain()
            watch.resume()
        watch.add(step, figures(1.0))
    watch.drain()
    rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [row["train/images_per_second"] for row in rows] == [4.0, 2.0]


@pytest.mark.parametrize("bad", [figures(float("nan")), figures(1.0, float("inf"))])
def test_the_first_step_that_is_not_finite_is_named_with_its_images(watch, bad):
    watch.add(0, figures(1.0))
    watch.add(1, bad)
    watch.add(2, figures(float("nan")))
    with pytest.raises(FloatingPointError, match=r"step 2: loss .* on images image1, other; look at these images"):
        watch.drain()


def test_plain_lines_tell_count_and_time_left(capsys):
    progress = Progress(100, "train", start=40, every=0.0)
    progress.advance(loss="0.9")
    assert capsys.readouterr().out == ""  # that step compiled: no telling how long the others take
    progress.advance(loss="0.5")
    assert capsys.readouterr().out.startswith("train: step 42/100, loss 0.5, ")
    assert list(track(iter("abc"), "read", total=3)) == ["a", "b", "c"]
    assert [clock(s) for s in (45.0, 700.0, 12_000.0)] == ["45 s", "12 min", "3 h 20 min"]


def everything(terminal: int) -> str:
    """What came to a terminal whose other end is closed: one read may give a part, the last ends in an error."""
    parts = []
    with contextlib.suppress(OSError):
        while part := os.read(terminal, 100_000):
            parts.append(part)
    os.close(terminal)
    return b"".join(parts).decode()


def test_a_bar_leaves_the_first_step_out_of_the_time_left(monkeypatch):
    there, here = pty.openpty()
    termios.tcsetwinsize(here, (24, 100))
    now = 0.0
    monkeypatch.setattr("tqdm.std.time", lambda: now)
    monkeypatch.setattr(tqdm.tqdm, "monitor_interval", 0)
    with os.fdopen(here, "w") as stderr:
        monkeypatch.setattr(sys, "stderr", stderr)
        progress = Progress(1040, "train", start=40)
        for seconds, loss in ((60.0, "0.9"), (60.2, "0.8"), (60.4, "0.7")):  # the first step compiled for a minute
            now = seconds
            progress.advance(loss=loss)
        progress.close()
    drawn = everything(there)
    bars = re.findall(r"(\d+)/1040 \[\S*<([^,]+), [^],]*(?:, loss=([^],]+))?\]", drawn)
    assert bars[0] == ("40", "?", "")
    assert bars[-2:] == [("42", "03:19", "0.8"), ("43", "03:19", "0.7")]  # 0.2 s for each of 997 steps
    assert ("41", "?", "0.9") in bars
