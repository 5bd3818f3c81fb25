"""What gcc makes of a structure: where its members lie, and the bytes of a value."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from conformance.fuzz.declarations import Record, fill, text_of
from conformance.fuzz.native import PRELUDE

GCC = shutil.which("gcc")


def by_gcc(record: Record, value: Mapping[str, Any]) -> tuple[bytes, dict[str, int]]:
    """The bytes of a value, and the offset of each outer member that is no bit-field."""
    assert GCC is not None
    type_ = f"struct {record.tag}"
    plain = [m.name for m in record.members if m.name and not m.bits]
    offsets = ", ".join([f"sizeof({type_})"] + [f"__builtin_offsetof({type_}, {n})" for n in plain])
    text = (
        f"{PRELUDE}{text_of(record)}const unsigned long places[] = {{ {offsets} }};\n"
        f"void fill({type_} *it)\n{{\n{fill(record, value, '(*it)')}}}\n"
    )
    with tempfile.TemporaryDirectory() as directory:
        source, library = Path(directory) / "x.c", Path(directory) / "x.so"
        source.write_text(text)
        flags = ("-w", "-O1", "-std=gnu11", "-shared", "-fPIC", "-fno-strict-aliasing")
        subprocess.run([GCC, *flags, "-o", str(library), str(source)], check=True)
        made = ctypes.CDLL(str(library))
        places = (ctypes.c_ulong * (len(plain) + 1)).in_dll(made, "places")
        memory = (ctypes.c_ubyte * (places[0] + 64))()
        first = -ctypes.addressof(memory) % 64  # as aligned as any member asks for
        made.fill(ctypes.byref(memory, first))
        data = bytes(memory)[first : first + places[0]]
        return data, dict(zip(plain, list(places)[1:], strict=True))
