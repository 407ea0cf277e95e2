import os
import subprocess
import sys


def printed(code):
    ran = subprocess.run(
        [sys.executable, "-c", f"from jaxseg.streams import outlive_the_reader\noutlive_the_reader()\n{code}"],
        capture_output=True, env=os.environ | {"PYTHONIOENCODING": "utf-8"}, check=True,
    )  # fmt: skip
    return ran.stdout


def test_a_name_that_is_not_utf8_is_printed_with_its_bytes():
    assert printed(r"print('caf\udce9', 'é')") == "caf\\udce9 é\n".encode()


def test_what_nobody_reads_is_dropped():
    code = "import os, sys\nr, w = os.pipe()\nos.close(r)\nos.dup2(w, 1)\nprint('x' * 10**6, flush=True)\nos._exit(7)"
    ran = subprocess.run(
        [sys.executable, "-c", f"from jaxseg.streams import outlive_the_reader\noutlive_the_reader()\n{code}"],
        capture_output=True, check=False,
    )  # fmt: skip
    assert (ran.returncode, ran.stderr) == (7, b"")
