"""What is free, read from files that a test writes."""

import os

import pytest

from jaxseg import counting
from jaxseg.counting import machine

MIB = 2**20


class Cpu:
    platform = "cpu"

    def memory_stats(self):
        return None


class Gpu:
    platform = "gpu"

    def __init__(self, stats):
        self._stats = stats

    def memory_stats(self):
        return self._stats


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write a file of a machine that has nothing but these."""
    monkeypatch.setattr(machine, "ROOT", tmp_path)
    monkeypatch.setattr("resource.getrlimit", lambda _: (-1, -1))

    def write(path, text):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)

    return write


def test_a_gpu_says_what_it_has():
    assert counting.room(Gpu({"bytes_limit": 70 * MIB, "bytes_in_use": 3 * MIB})) == 70 * MIB


@pytest.mark.parametrize("stats", [None, {}])
def test_a_gpu_that_says_nothing_is_not_taken_for_the_machine(write, stats):
    write("proc/meminfo", "MemAvailable:  1024 kB\n")
    assert counting.room(Gpu(stats)) is None


def test_nothing_tells(write):
    assert counting.room(Cpu()) is None


def test_what_is_free_of_the_machine(write):
    write("proc/meminfo", "MemTotal:  90000 kB\nMemFree:  1 kB\nMemAvailable:  51200 kB\n")
    assert counting.room(Cpu()) == 50 * MIB


def test_a_run_beside_others_has_its_share_less_what_it_holds(write, monkeypatch):
    write("proc/meminfo", "MemAvailable:  51200 kB\n")
    write("proc/self/statm", f"99999 {3 * MIB // os.sysconf('SC_PAGE_SIZE')} 1 1 0 1 0\n")
    monkeypatch.setenv("JAXSEG_MEMORY", str(25 * MIB))
    assert counting.room(Cpu()) == 22 * MIB
    write("proc/meminfo", "MemAvailable:  10240 kB\n")  # the others hold more than theirs
    assert counting.room(Cpu()) == 10 * MIB


@pytest.mark.parametrize(
    ("line", "folder", "names"),
    [
        ("0::/jobs/7", "", ("memory.max", "memory.current", "inactive_file")),
        (
            "4:memory:/jobs/7",
            "memory/",
            ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
        ),
    ],
)
def test_a_control_group_around_the_process_may_leave_less(write, line, folder, names):
    write("proc/meminfo", "MemAvailable:  51200 kB\n")
    write("proc/self/cgroup", f"9:cpu:/elsewhere\n{line}\n")
    most, used, cached = names
    for group, numbers in {"jobs/7": ("max", 9, 0), "jobs": (40, 30, 5)}.items():
        limit, taken, files = (number if number == "max" else number * MIB for number in numbers)
        write(f"sys/fs/cgroup/{folder}{group}/{most}", f"{limit}\n")
        write(f"sys/fs/cgroup/{folder}{group}/{used}", f"{taken}\n")
        write(f"sys/fs/cgroup/{folder}{group}/memory.stat", f"anon 1\n{cached} {files}\n")
    assert counting.room(Cpu()) == (40 - 30 + 5) * MIB


def test_a_limit_of_the_process(write, monkeypatch):
    write("proc/meminfo", "MemAvailable:  51200 kB\n")
    write("proc/self/statm", "2 1 1 1 0 1 0\n")
    monkeypatch.setattr("resource.getrlimit", lambda _: (20 * MIB, 20 * MIB))
    monkeypatch.setattr("resource.getpagesize", lambda: MIB)
    assert counting.room(Cpu()) == 18 * MIB
