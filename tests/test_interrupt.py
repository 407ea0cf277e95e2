import signal
import subprocess
import sys
import time

import pytest

from jaxseg.interrupt import StopRequest


@pytest.fixture
def pythons_own():
    """Python's own handler of SIGINT; a shell starts background processes with the signal ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_the_first_signal_is_noted_and_the_second_acts(capfd, pythons_own):
    with StopRequest() as stop:
        assert stop.signal is None
        signal.raise_signal(signal.SIGINT)
        assert stop.signal == signal.SIGINT
        assert "stopping after this step" in capfd.readouterr().out
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_handlers_are_as_before_once_it_is_closed():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with StopRequest():
        assert signal.getsignal(signal.SIGTERM) != before[1]
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


PROGRAM = """
import hashlib, sys
from jaxseg.interrupt import StopRequest, leave_at_once
leave_at_once()
def work():
    print("at work", flush=True)
    hashlib.pbkdf2_hmac("sha256", b"", b"", 10**9)  # one call of C, minutes long, as a compiler's is
if {inside}:
    with StopRequest():
        work()
work()
"""


@pytest.mark.parametrize(("inside", "signals"), [(False, 1), (True, 2)])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("read", [True, False])
def test_a_signal_leaves_a_call_of_c_at_once(inside, signals, number, read):
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen([sys.executable, "-c", PROGRAM.format(inside=inside)], **streams)
    assert process.stdout.readline() == "at work\n"
    if not read:  # whoever read stderr was ended by the same signal
        process.stderr.close()
    for _ in range(signals):
        assert process.poll() is None
        process.send_signal(number)
        time.sleep(0.2)
    assert process.wait(timeout=2) == 128 + number
    if read:
        assert process.stderr.read() == "interrupted\n"
        process.stderr.close()
    process.stdout.close()
