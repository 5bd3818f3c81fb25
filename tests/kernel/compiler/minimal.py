"""The least that can load a compiler's object and run its programs: bpf(2) by ctypes, x86-64.

It is a second opinion beside the library's own loader, and lets the compiler be tested without
it. Data sections become array maps, calls between functions are linked, and BTF, func_info and
line_info are given to the kernel whole, so that a mistake in them is refused.
"""

from __future__ import annotations

import ctypes
import errno
import io
import os
import struct
from types import TracebackType

from elftools.elf.elffile import ELFFile
from elftools.elf.sections import Section

SYS_BPF = 321
MAP_CREATE, MAP_UPDATE, PROG_LOAD, TEST_RUN, BTF_LOAD = 0, 2, 5, 10, 18
ARRAY = 2
XDP = 6
PSEUDO_MAP_FD, PSEUDO_MAP_VALUE, PSEUDO_CALL, PSEUDO_FUNC = 1, 2, 1, 4
DATA = (".data", ".rodata", ".bss")
KIND_VAR, KIND_DATASEC = 14, 15

_libc = ctypes.CDLL(None, use_errno=True)


def bpf(command: int, attr: bytes, what: str) -> int:
    """One bpf(2) call; raises OSError."""
    buffer = ctypes.create_string_buffer(attr.ljust(152, b"\0"), 152)
    result = _libc.syscall(SYS_BPF, command, buffer, 152)
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {errno.errorcode.get(code, code)}")
    return int(result)


class Refused(Exception):  # noqa: N818
    """The kernel said no; the text has its log."""


class Loaded:
    """An object in the kernel."""

    def __init__(self, elf: bytes, *, prog_type: int = XDP) -> None:
        self._elf = ELFFile(io.BytesIO(elf))
        self._symbols = list(self._elf.get_section_by_name(".symtab").iter_symbols())
        self._sections: list[Section] = list(self._elf.iter_sections())
        self._fds: list[int] = []
        self._keep: list[object] = []
        self._maps: dict[int, int] = {}
        self._type = prog_type
        self.programs: dict[str, int] = {}
        self.insns: dict[str, bytes] = {}
        try:
            self._btf = self._load_btf()
            self._make_maps()
            for symbol in self._symbols:
                where = symbol["st_shndx"]
                if symbol["st_info"]["type"] == "STT_FUNC" and isinstance(where, int):
                    name = self._sections[where].name
                    if name != ".text":
                        self.programs[symbol.name] = self._load_program(symbol.name, where)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Loaded:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close every descriptor."""
        while self._fds:
            os.close(self._fds.pop())

    def run(self, name: str, data: bytes) -> int:
        """Run a program once on ``data``; gives its result."""
        given, out = self._buffer(data), self._buffer(bytes(4096))
        attr = struct.pack(
            "<IIIIQQII", self.programs[name], 0, len(data), 4096, given, out, 1, 0
        ).ljust(152, b"\0")
        buffer = ctypes.create_string_buffer(attr, 152)
        if _libc.syscall(SYS_BPF, TEST_RUN, buffer, 80) < 0:
            raise OSError(ctypes.get_errno(), "BPF_PROG_TEST_RUN")
        (result,) = struct.unpack_from("<I", buffer.raw, 4)
        self._keep.clear()
        return int(result)

    # ------------------------------------------------------------ maps and BTF

    def _buffer(self, data: bytes) -> int:
        buffer = ctypes.create_string_buffer(data, len(data))
        self._keep.append(buffer)
        return ctypes.addressof(buffer)

    def _own(self, fd: int) -> int:
        self._fds.append(fd)
        return fd

    def _make_maps(self) -> None:
        for index, section in enumerate(self._sections):
            size = section["sh_size"]
            if not size or not section.name.startswith(DATA) or not section["sh_flags"] & 2:
                continue
            data = bytes(size) if section["sh_type"] == "SHT_NOBITS" else section.data()
            attr = struct.pack("<IIIII", ARRAY, 4, size, 1, 0)
            fd = self._own(bpf(MAP_CREATE, attr, section.name))
            key, value = self._buffer(bytes(4)), self._buffer(data)
            bpf(MAP_UPDATE, struct.pack("<IIQQQ", fd, 0, key, value, 0), section.name)
            self._maps[index] = fd

    def _load_btf(self) -> int:
        section = self._elf.get_section_by_name(".BTF")
        data = self._fixed_btf(bytearray(section.data()))
        log = ctypes.create_string_buffer(1 << 16)
        attr = struct.pack(
            "<QQIIII", self._buffer(data), ctypes.addressof(log), len(data), 1 << 16, 1, 0
        )
        try:
            return self._own(bpf(BTF_LOAD, attr, "BTF"))
        except OSError as error:
            raise Refused(f"{error}\n{log.value.decode()}") from error

    def _fixed_btf(self, data: bytearray) -> bytes:
        """BTF with the sizes and offsets of data sections, which only the linker knows."""
        header, type_off, type_len, str_off, _ = struct.unpack_from("<IIIII", data, 4)
        strings = bytes(data[header + str_off :])
        at, end = header + type_off, header + type_off + type_len
        names: dict[int, str] = {}
        number = 0
        while at < end:
            number += 1
            name_off, info, _ = struct.unpack_from("<III", data, at)
            kind, count = info >> 24 & 0x1F, info & 0xFFFF
            name = strings[name_off:].split(b"\0")[0].decode()
            names[number] = name
            if kind == KIND_DATASEC:
                section = self._elf.get_section_by_name(name)
                struct.pack_into("<I", data, at + 8, section["sh_size"])
                self._place(data, at + 12, count, names)
            at += 12 + _extra(kind, count)
        return bytes(data)

    def _place(self, data: bytearray, at: int, count: int, names: dict[int, str]) -> None:
        rows = []
        for row in range(count):
            type_id, _, size = struct.unpack_from("<III", data, at + row * 12)
            value = next(s["st_value"] for s in self._symbols if s.name == names[type_id])
            rows.append((value, type_id, size))
        for row, (value, type_id, size) in enumerate(sorted(rows)):
            struct.pack_into("<III", data, at + row * 12, type_id, value, size)

    # ------------------------------------------------------------ programs

    def _load_program(self, name: str, index: int) -> int:
        code, parts = self._link(index)
        func_info, line_info = self._infos(parts)
        self.insns[name] = bytes(code)
        log = ctypes.create_string_buffer(1 << 20)
        attr = struct.pack(
            "<IIQQIIQII16s",
            self._type,
            len(code) // 8,
            self._buffer(bytes(code)),
            self._buffer(b"GPL\0"),
            1,
            1 << 20,
            ctypes.addressof(log),
            0,
            0,
            name.encode()[:15],
        )
        # prog_ifindex, expected_attach_type, prog_btf_fd, func_info_rec_size: four u32, then u64s.
        attr += struct.pack(
            "<IIIIQIIQI",
            0,
            0,
            self._btf,
            8,
            self._buffer(func_info),
            len(func_info) // 8,
            16,
            self._buffer(line_info),
            len(line_info) // 16,
        )
        try:
            return self._own(bpf(PROG_LOAD, attr, name))
        except OSError as error:
            raise Refused(f"{error}\n{log.value.decode(errors='replace')[-3000:]}") from error

    def _link(self, index: int) -> tuple[bytearray, list[tuple[str, int]]]:
        """The program's instructions with ``.text`` behind them, and where each section starts."""
        code = bytearray(self._sections[index].data())
        parts = [(self._sections[index].name, 0)]
        text = self._elf.get_section_by_name(".text")
        if text is not None and text["sh_size"] and self._calls_text(index):
            parts.append((".text", len(code)))
            code += text.data()
        starts = dict(parts)
        for section, start in parts:
            relocations = self._elf.get_section_by_name(".rel" + section)
            for relocation in relocations.iter_relocations() if relocations else ():
                at = start + relocation["r_offset"]
                symbol = self._symbols[relocation["r_info_sym"]]
                self._relocate(code, at, symbol, starts)
        return code, parts

    def _calls_text(self, index: int) -> bool:
        relocations = self._elf.get_section_by_name(".rel" + self._sections[index].name)
        if relocations is None:
            return False
        targets = {
            self._symbols[r["r_info_sym"]]["st_shndx"] for r in relocations.iter_relocations()
        }
        return any(isinstance(t, int) and self._sections[t].name == ".text" for t in targets)

    def _relocate(self, code: bytearray, at: int, symbol: object, starts: dict[str, int]) -> None:
        target = symbol["st_shndx"]  # type: ignore[index]
        value = symbol["st_value"]  # type: ignore[index]
        op, registers, off, imm = struct.unpack_from("<BBhi", code, at)
        name = self._sections[target].name
        if op == 0x85:  # call: to an instruction, relative
            is_section = symbol["st_info"]["type"] == "STT_SECTION"  # type: ignore[index]
            goal = starts[name] + ((imm + 1) * 8 if is_section else value)
            imm = (goal - at) // 8 - 1
            struct.pack_into("<BBhi", code, at, op, PSEUDO_CALL << 4, off, imm)
        elif name == ".text":
            imm = (starts[name] + value + imm - at) // 8 - 1
            struct.pack_into("<BBhi", code, at, op, registers & 15 | PSEUDO_FUNC << 4, 0, imm)
        else:
            struct.pack_into(
                "<BBhi", code, at, op, registers & 15 | PSEUDO_MAP_VALUE << 4, 0, self._maps[target]
            )
            struct.pack_into("<BBhi", code, at + 8, 0, 0, 0, value + imm)

    def _infos(self, parts: list[tuple[str, int]]) -> tuple[bytes, bytes]:
        """func_info and line_info of the linked program."""
        data = self._elf.get_section_by_name(".BTF.ext").data()
        strings = self._elf.get_section_by_name(".BTF")
        raw = strings.data()
        header, _, _, str_off, _ = struct.unpack_from("<IIIII", raw, 4)
        names = raw[header + str_off :]
        (hdr, func_off, func_len, line_off, line_len) = struct.unpack_from("<IIIII", data, 4)
        starts = dict(parts)
        out = []
        for off, size in ((func_off, func_len), (line_off, line_len)):
            rows: list[bytes] = []
            at, end = hdr + off, hdr + off + size
            (record,) = struct.unpack_from("<I", data, at)
            at += 4
            while at < end:
                name_off, count = struct.unpack_from("<II", data, at)
                at += 8
                section = names[name_off:].split(b"\0")[0].decode()
                for _ in range(count):
                    row = bytearray(data[at : at + record])
                    at += record
                    if section in starts:
                        (insn,) = struct.unpack_from("<I", row)
                        struct.pack_into("<I", row, 0, (insn + starts[section]) // 8)
                        rows.append(bytes(row))
            rows.sort(key=lambda row: struct.unpack_from("<I", row)[0])
            out.append(b"".join(rows))
        return out[0], out[1]


def _extra(kind: int, count: int) -> int:
    """Bytes after the common part of a BTF type."""
    return {
        1: 4,
        3: 12,
        4: 12 * count,
        5: 12 * count,
        6: 8 * count,
        13: 8 * count,
        KIND_VAR: 4,
        KIND_DATASEC: 12 * count,
        17: 4,
        19: 12 * count,
    }.get(kind, 0)
