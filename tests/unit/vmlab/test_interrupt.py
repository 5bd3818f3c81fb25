"""Ctrl-C at moments that the command line itself cannot catch."""

from __future__ import annotations

import subprocess
import sys

import pytest

DURING_THE_IMPORTS = """
import os, signal, sys

class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == "vmlab.cli":
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupting())
"""

IN_AN_EXEC = """
import os, signal, types, sys, vmlab

def caught():
    try:
        exec("import os, signal; os.kill(os.getpid(), signal.SIGINT); pass")
    except KeyboardInterrupt:
        return 130

sys.modules["vmlab.cli"] = vmlab.cli = types.SimpleNamespace(main=caught)
"""

IN_THE_OPEN = IN_AN_EXEC.replace("except KeyboardInterrupt", "except ZeroDivisionError")


@pytest.mark.parametrize(
    "prologue",
    [
        pytest.param(DURING_THE_IMPORTS, id="during-the-imports"),
        pytest.param(IN_AN_EXEC, id="in-an-exec"),
        pytest.param(IN_THE_OPEN, id="outside-of-any-handler"),
    ],
)
def test_ctrl_c_is_130_and_no_traceback(prologue: str) -> None:
    program = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    program += prologue + "from vmlab.__main__ import main\nsys.exit(main())\n"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (130, b"")


def test_ctrl_c_that_a_shell_has_us_ignore_stays_ignored() -> None:
    program = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.SIG_IGN); sys.argv[1:] = ['-h']\n"
        + DURING_THE_IMPORTS
        + "from vmlab.__main__ import main\nsys.exit(main())\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert done.returncode == 0
    assert done.stdout.startswith(b"usage: vmlab")
