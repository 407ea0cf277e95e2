"""Several command lines in one process, so that the libraries are imported once.

As a script it reads ``[[script, argument, ...], ...]`` as JSON from stdin; each runs in a fork, as it would in a shell.
It prints ``[{"code", "out", "err"}, ...]``.
"""

import json
import os
import runpy
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]


def launched(lines):
    """Return what comes of each command line: exit code, stdout and stderr."""
    ran = subprocess.run(
        [sys.executable, __file__], input=json.dumps(lines), capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def launch(arguments):
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = os.fork()
        if child == 0:
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            os._exit(run(arguments))
        _, status = os.waitpid(child, 0)
        out.seek(0)
        err.seek(0)
        return {"code": os.waitstatus_to_exitcode(status), "out": out.read().decode(), "err": err.read().decode()}


def run(arguments):
    sys.argv = [str(ROOT / "launch" / arguments[0]), *arguments[1:]]
    code = 0
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else 0 if stop.code is None else 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
        code = 99
    sys.stdout.flush()
    sys.stderr.flush()
    return code


if __name__ == "__main__":
    import jaxseg.cli
    import jaxseg.jobs.compare
    import jaxseg.jobs.evaluate
    import jaxseg.jobs.inspect
    import jaxseg.jobs.train
    import jaxseg.presets  # noqa: F401

    print(json.dumps([launch(arguments) for arguments in json.load(sys.stdin)]))
