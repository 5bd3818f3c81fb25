"""The agent's way of running a command, on this machine: no guest and no root are needed for it."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import vmlab
from vmlab.engine.guest.frames import STDERR, STDOUT, Decoder

PROGRAM = """
import json, os, sys
sys.path.insert(0, sys.argv[1])
os.set_inheritable(int(sys.argv[2]), False)
from vmlab.engine.guest.agent import Port, run
print(run(json.loads(sys.argv[3]), Port(int(sys.argv[2]))))
"""


def run_command(*argv: str, cwd: Path = Path("/"), **env: str) -> tuple[int, bytes, bytes]:
    """Run ``argv`` as the agent would; return status, stdout and stderr."""
    start = {"argv": argv, "cwd": str(cwd), "env": {"PATH": "/usr/bin:/bin", **env}}
    ours, theirs = socket.socketpair()
    home = str(Path(vmlab.__file__).parent.parent)
    with ours, theirs:
        fd = theirs.fileno()
        # As in a guest: isolated, and without site.
        command = [sys.executable, "-I", "-S", "-c", PROGRAM, home, str(fd), json.dumps(start)]
        with subprocess.Popen(command, pass_fds=[fd], stdout=subprocess.PIPE) as agent:
            theirs.close()
            decoder, output = Decoder(), {STDOUT: b"", STDERR: b""}
            while data := ours.recv(65536):
                for kind, payload in decoder.feed(data):
                    output[kind] += payload
            assert agent.stdout is not None
            status = int(agent.stdout.read())
        assert agent.returncode == 0
    return status, output[STDOUT], output[STDERR]


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        pytest.param("exit 0", (0, b"", b""), id="ok"),
        pytest.param("exit 7", (7, b"", b""), id="status"),
        pytest.param("kill -9 $$", (137, b"", b""), id="signal"),
        pytest.param("printf a; printf b >&2", (0, b"a", b"b"), id="streams-apart-no-newline"),
        pytest.param("printf '\\000\\377'", (0, b"\0\xff", b""), id="binary"),
        pytest.param("read x; echo $?", (0, b"1\n", b""), id="stdin-is-empty"),
        pytest.param("exec >&- 2>&-; exit 3", (3, b"", b""), id="output-closed-early"),
        pytest.param("sleep 5 & echo gone", (0, b"gone\n", b""), id="background-child"),
        pytest.param("umask", (0, b"0022\n", b""), id="umask"),
        pytest.param("yes | head -1", (0, b"y\n", b""), id="sigpipe-works"),
    ],
)
def test_a_command_has_its_status_and_streams(
    script: str, expected: tuple[int, bytes, bytes]
) -> None:
    assert run_command("sh", "-c", script) == expected


def test_a_command_that_is_nowhere_is_127() -> None:
    status, _, error = run_command("no-such-command")
    assert status == 127
    assert error == b"vmlab: no-such-command: command not found\n"
    assert run_command("/no/such/command")[0] == 127


def test_a_command_that_is_not_executable_is_126(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_text("exit 0")
    assert run_command(str(plain))[0] == 126
    assert run_command(str(tmp_path))[0] == 126


def test_a_script_without_a_first_line_runs_in_a_shell(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("echo $1; exit 5")
    script.chmod(0o755)
    assert run_command(str(script), "arg") == (5, b"arg\n", b"")


def test_environment_and_directory_are_those_of_the_job(tmp_path: Path) -> None:
    status, out, _ = run_command("sh", "-c", "pwd; echo $X", cwd=tmp_path, X="a b")
    assert (status, out) == (0, f"{tmp_path}\na b\n".encode())


def test_a_directory_that_is_gone_is_a_failure_that_is_told(tmp_path: Path) -> None:
    status, _, error = run_command("true", cwd=tmp_path / "gone")
    assert status == 126
    assert b"gone" in error


def test_a_large_output_arrives_whole() -> None:
    status, out, err = run_command("sh", "-c", "head -c 5000000 /dev/zero; echo e >&2")
    assert (status, len(out), err) == (0, 5_000_000, b"e\n")
