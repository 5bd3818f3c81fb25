"""The LLVM helper: jobs, failures, and what becomes of the process."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from bpfkit.compiler.backend import Backend, compile_ir
from bpfkit.errors import CompileError

HEADER = 'target triple = "bpfel"\n'
GOOD = HEADER + "define i32 @f() {\n ret i32 1\n}\n"
DEBUG = """
!llvm.dbg.cu = !{!0}
!llvm.module.flags = !{!3}
!0 = distinct !DICompileUnit(language: DW_LANG_C11, file: !1, emissionKind: FullDebug)
!1 = !DIFile(filename: "a.c", directory: "/", source: " ")
!2 = distinct !DISubprogram(name: "f", file: !1, line: 2, type: !4, unit: !0,
  spFlags: DISPFlagDefinition)
!3 = !{i32 2, !"Debug Info Version", i32 3}
!4 = !DISubroutineType(types: !5)
!5 = !{}
!6 = !DILocation(line: 3, column: 9, scope: !2)
"""
DIVISION = (
    HEADER
    + "define i64 @f(i64 %a, i64 %b) !dbg !2 {\n %c = sdiv i64 %a, %b, !dbg !6\n"
    + " ret i64 %c, !dbg !6\n}\n"
    + DEBUG
)
ASSEMBLY = HEADER + 'define i32 @f() {\n call void asm sideeffect "r0 = 1", ""()\n ret i32 0\n}\n'


def endless() -> str:
    """A block so long that LLVM needs minutes for it."""
    stores = "\n".join(f" store volatile i64 {n * 7919}, ptr %x" for n in range(40000))
    return f"{HEADER}define i32 @f(ptr %x) {{\n{stores}\n ret i32 0\n}}\n"


@pytest.fixture
def backend() -> Iterator[Backend]:
    backend = Backend()
    yield backend
    backend.stop()


def functions(elf: bytes) -> list[str]:
    symbols = ELFFile(io.BytesIO(elf)).get_section_by_name(".symtab")
    return [s.name for s in symbols.iter_symbols() if s["st_info"]["type"] == "STT_FUNC"]


def test_a_module_becomes_an_object(backend: Backend) -> None:
    assert functions(compile_ir(GOOD, cpu="v3", backend=backend)) == ["f"]


def test_one_helper_serves_all_jobs(backend: Backend) -> None:
    compile_ir(GOOD, cpu="v3", backend=backend)
    first = backend.pid
    compile_ir(GOOD, cpu="v3", backend=backend)
    assert backend.pid == first


def test_an_error_of_llvm_has_its_place_in_the_text(backend: Backend) -> None:
    source = "one\ntwo\n  return a / b;\n"
    with pytest.raises(CompileError) as caught:
        compile_ir(DIVISION, cpu="v3", source=source, backend=backend)
    (said,) = caught.value.diagnostics
    assert (said.loc.file, said.loc.line, said.loc.column) == ("a.c", 3, 9)
    assert said.source_line == "  return a / b;"
    assert "in function 'f'" in said.message


def test_an_abort_of_llvm_is_an_error_and_the_next_job_works(backend: Backend) -> None:
    with pytest.raises(CompileError, match="LLVM"):
        compile_ir(ASSEMBLY, cpu="v3", backend=backend)
    assert compile_ir(GOOD, cpu="v3", backend=backend)


def test_a_module_with_wrong_grammar_is_an_error(backend: Backend) -> None:
    with pytest.raises(CompileError, match="refused the module"):
        compile_ir(HEADER + "define i32 @f( {", cpu="v3", backend=backend)


def test_a_job_that_takes_too_long_is_ended() -> None:
    backend = Backend(time_limit_s=0.5)
    try:
        began = time.monotonic()
        with pytest.raises(CompileError, match=r"more than 0\.5 seconds"):
            compile_ir(endless(), cpu="v3", backend=backend)
        assert time.monotonic() - began < 10
        assert compile_ir(GOOD, cpu="v3", backend=backend)
    finally:
        backend.stop()


def test_a_helper_that_was_killed_is_replaced(backend: Backend) -> None:
    compile_ir(GOOD, cpu="v3", backend=backend)
    first = backend.pid
    os.kill(first, signal.SIGKILL)
    assert compile_ir(GOOD, cpu="v3", backend=backend)
    assert backend.pid != first


def test_a_helper_killed_in_the_middle_of_a_job_is_an_error_or_replaced(backend: Backend) -> None:
    compile_ir(GOOD, cpu="v3", backend=backend)
    backend.time_limit_s = 2
    first = backend.pid
    killer = threading.Timer(0.5, os.kill, (first, signal.SIGKILL))
    killer.start()
    with pytest.raises(CompileError):  # the second helper's job runs into the limit
        compile_ir(endless(), cpu="v3", backend=backend)
    killer.join()
    assert backend.pid != first


def test_threads_compile_at_the_same_time(backend: Backend) -> None:
    found: dict[int, list[str]] = {}

    def work(number: int) -> None:
        ir = f"{HEADER}define i32 @f{number}() {{\n ret i32 {number}\n}}\n"
        found[number] = functions(compile_ir(ir, cpu="v3", backend=backend))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {n: [f"f{n}"] for n in range(12)}


SCRIPT = """
import os, sys
from bpfkit.compiler.backend import compile_ir
from bpfkit.compiler.backend.process import _BACKEND
good = sys.argv[1]
"""


def run_script(body: str, *, check: bool = True) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", SCRIPT + body, GOOD],
        capture_output=True,
        text=True,
        check=check,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[4])},
    )


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def gone_soon(pid: int) -> bool:
    deadline = time.monotonic() + 10
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not alive(pid)


def test_a_forked_process_gets_a_helper_of_its_own() -> None:
    run = run_script(
        """
compile_ir(good, cpu="v3")
first = _BACKEND.pid
child = os.fork()
if not child:
    compile_ir(good, cpu="v3")
    assert _BACKEND.pid not in (0, first)
    sys.exit(7)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
compile_ir(good, cpu="v3")
assert _BACKEND.pid == first
print("ok")
"""
    )
    assert run.stdout == "ok\n"
    assert run.stderr == ""


def test_nothing_is_left_at_exit() -> None:
    run = run_script('compile_ir(good, cpu="v3"); print(_BACKEND.pid)')
    assert run.stderr == ""
    assert gone_soon(int(run.stdout))


def test_the_helper_ends_when_its_client_is_killed() -> None:
    run = run_script(
        'compile_ir(good, cpu="v3"); print(_BACKEND.pid, flush=True); os.kill(os.getpid(), 9)',
        check=False,
    )
    assert run.returncode == -signal.SIGKILL
    assert gone_soon(int(run.stdout))


def test_a_missing_package_is_named() -> None:
    run = run_script(
        """
sys.path[:] = [p for p in sys.path if "site-packages" not in p]
try:
    compile_ir(good, cpu="v3")
except ImportError as error:
    print(error)
"""
    )
    assert "pip install llvmlite" in run.stdout
