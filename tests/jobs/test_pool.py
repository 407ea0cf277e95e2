"""Calls in processes of their own: places, output, ends, and who stops whom."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jaxseg.interrupt import StopRequest, ask_to_stop
from jaxseg.jobs.pool import Place, Pool, places

HERE = Place((0,), {"JAXSEG_TESTED": "yes"})


def all_ended(pool, count, seconds=60):
    found, until = [], time.monotonic() + seconds
    while len(found) < count and time.monotonic() < until:
        found += pool.ended(timeout=0.2)
    return {one.name: one for one in found}


def show(variable):
    print(os.environ[variable], sorted(os.sched_getaffinity(0)))


def hear(path):
    """Wait for SIGTERM, and write down what came."""
    signal.signal(signal.SIGTERM, lambda *_: (Path(path).write_text("heard"), os._exit(3)))
    Path(path).write_text("waits")
    time.sleep(60)


def wait_for(path, words, seconds=60):
    until = time.monotonic() + seconds
    while not (path.exists() and path.read_text() == words):
        assert time.monotonic() < until, f"{path} never said {words}"
        time.sleep(0.05)


def test_calls_write_to_their_logs_and_tell_how_they_ended(tmp_path):
    logs = {name: tmp_path / f"{name}.txt" for name in ("shown", "fails", "ends")}
    with Pool([HERE] * 3) as pool:
        pool.start("shown", show, ("JAXSEG_TESTED",), logs["shown"])
        pool.start("fails", sys.exit, ("no such luck",), logs["fails"])
        pool.start("ends", os._exit, (5,), logs["ends"])
        assert not pool.free
        found = all_ended(pool, 3)
        assert pool.free
        assert not pool.running
    assert {name: (one.code, one.words) for name, one in found.items()} == {
        "shown": (0, "yes [0]"),
        "fails": (1, "no such luck"),
        "ends": (5, ""),
    }
    assert "JAXSEG_TESTED" not in os.environ


def test_a_pool_that_is_left_stops_its_calls(tmp_path):
    said = tmp_path / "said"
    with Pool([HERE]) as pool:
        pool.start("waits", hear, (str(said),), tmp_path / "log")
        wait_for(said, "waits")
    assert said.read_text() == "heard"


def test_calls_stop_where_their_parent_is_killed(tmp_path):
    said = tmp_path / "said"
    file = tmp_path / "parent.py"
    file.write_text(
        "import time\nfrom pathlib import Path\nfrom test_pool import HERE, Pool, hear\n"
        "if __name__ == '__main__':\n    pool = Pool([HERE]).__enter__()\n"
        f"    pool.start('waits', hear, ({str(said)!r},), Path({str(tmp_path / 'log')!r}))\n"
        "    time.sleep(60)\n"
    )
    path = os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)])
    with subprocess.Popen([sys.executable, file], env=os.environ | {"PYTHONPATH": path}) as parent:
        wait_for(said, "waits")
        parent.kill()
    wait_for(said, "heard")


def test_places_share_the_cores(monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr("jaxseg.jobs.pool._GPUS", Path("/nowhere"))
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 4, 5})
    assert [place.cores for place in places(0)] == [(0, 4), (1, 5)]
    assert [place.cores for place in places(1)] == [(0, 1, 4, 5)]
    monkeypatch.setattr("jaxseg.jobs.pool.free", lambda: 4000)
    assert [place.environment for place in places(4)] == [{"JAXSEG_MEMORY": "1000"}] * 4  # and the memory
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", ",".join(map(str, range(8))))
    assert all(place.cores for place in places(8))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    with pytest.raises(ValueError, match="there are 4 cores"):
        places(5)


def test_places_share_the_gpus(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,5,7")
    assert [place.environment["CUDA_VISIBLE_DEVICES"] for place in places(0)] == ["2", "5", "7"]
    assert [place.environment["CUDA_VISIBLE_DEVICES"] for place in places(2)] == ["2,7", "5"]
    with pytest.raises(ValueError, match="there are 3 GPUs"):
        places(4)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    monkeypatch.setattr("jaxseg.jobs.pool.free", lambda: None)  # nothing tells how much memory there is
    assert all(place.environment == {} for place in places(1))


def test_who_was_asked_to_stop_is_not_asked_again():
    with StopRequest() as request:
        ask_to_stop()
        assert request.signal == signal.SIGTERM
        ask_to_stop()  # a second signal would end this process
        assert signal.getsignal(signal.SIGTERM) == request._note
