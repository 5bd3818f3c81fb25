"""bcc's probes in user space: attach_uprobe and its kin, and the questions about binaries."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

from ...errors import AttachError, FormatError, VerifierError
from ...uapi.bpf import AttachType, ProgType
from . import live
from .attached import Attached, check_quota
from .groups import Group, Member, works_in_groups
from .kernel import shared_system
from .text import Text, to_bytes, to_text

if TYPE_CHECKING:
    from ...links.binary import Binary, Spot
    from ...links.hooked import HookedProgram
    from .usdt import USDTProbeLocation

COOKIES = "helper/bpf_get_attach_cookie"
_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9_]")


class UserHooks(Attached):
    """Uprobes by bcc's name of each: ``p_PATH_0xADDRESS``, and ``_PID`` where there is one."""

    def attach_uprobe(
        self,
        name: Text = b"",
        sym: Text = b"",
        sym_re: Text = b"",
        addr: int | None = None,
        fn_name: Text = b"",
        pid: int = -1,
        sym_off: int = 0,
    ) -> Self | None:
        """Call ``fn_name`` at a symbol, address or pattern of symbols of a binary."""
        if sym_re:
            self._attach_symbols(name, sym_re, fn_name, pid, retprobe=False)
            return None
        assert sym_off >= 0
        if addr is not None:
            assert sym_off == 0, "offset with addr is not supported"
        self._uprobe(name, sym, addr, fn_name, pid, sym_off, retprobe=False)
        return self

    def attach_uretprobe(
        self,
        name: Text = b"",
        sym: Text = b"",
        sym_re: Text = b"",
        addr: int | None = None,
        fn_name: Text = b"",
        pid: int = -1,
    ) -> Self | None:
        """Call ``fn_name`` when a function of a binary returns."""
        if sym_re:
            self._attach_symbols(name, sym_re, fn_name, pid, retprobe=True)
            return None
        self._uprobe(name, sym, addr, fn_name, pid, 0, retprobe=True)
        return self

    def detach_uprobe(
        self,
        name: Text = b"",
        sym: Text = b"",
        addr: int | None = None,
        pid: int = -1,
        sym_off: int = 0,
    ) -> None:
        """End what attach_uprobe began."""
        self._detach_uprobe(name, sym, addr, pid, sym_off, retprobe=False)

    def detach_uretprobe(
        self, name: Text = b"", sym: Text = b"", addr: int | None = None, pid: int = -1
    ) -> None:
        """End what attach_uretprobe began."""
        self._detach_uprobe(name, sym, addr, pid, 0, retprobe=True)

    def num_open_uprobes(self) -> int:
        """How many probes in user space are attached now."""
        return len(self.uprobe_links)

    def attach_location(self, location: USDTProbeLocation, function: str, pid: int) -> None:
        """Attach to one place of a USDT probe."""
        program = self._bpf.load_func(function, ProgType.KPROBE).program
        check_quota(self._probes() + 1)
        site = location.site
        target = f"usdt {location.binary.name}:{location.probe.short_name()}"
        system = self._bpf.collection.system
        link = live.attach_spot(
            system,
            program,
            location.binary,
            site.spot,
            hook="uprobe",
            target=target,
            pid=pid,
            counter=site.counter,
            # Where places look alike, the functions that read arguments tell them apart by it.
            cookie=location.index if system.features.has(COOKIES) else 0,
        )
        self._bpf.own(link)
        key = _key(location.binary, site.spot, pid, retprobe=False)
        self.uprobe_links.setdefault(key, []).append(link)

    # ------------------------------------------------------------ how

    def _uprobe(
        self,
        name: Text,
        sym: Text,
        addr: int | None,
        fn_name: Text,
        pid: int,
        sym_off: int,
        *,
        retprobe: bool,
    ) -> None:
        binary, spot, target = self._place(name, sym, addr, fn_name, pid, sym_off, retprobe)
        check_quota(self._probes() + 1)
        program = self._bpf.load_func(fn_name, ProgType.KPROBE).program
        link = live.attach_spot(
            self._bpf.collection.system,
            program,
            binary,
            spot,
            hook="uretprobe" if retprobe else "uprobe",
            target=target,
            pid=pid,
        )
        self._bpf.own(link)
        key = _key(binary, spot, pid, retprobe=retprobe)
        self.uprobe_links.setdefault(key, []).append(link)

    def _place(
        self,
        name: Text,
        sym: Text,
        addr: int | None,
        fn_name: Text,
        pid: int,
        sym_off: int,
        retprobe: bool,
    ) -> tuple[Binary, Spot, str]:
        hook = "uretprobe" if retprobe else "uprobe"
        where = to_text(sym) or f"0x{addr or 0:x}"
        target = f"{hook} {to_text(name)}:{where}" + (f"+0x{sym_off:x}" if sym_off else "")
        program = to_text(fn_name)
        binary = live.find_binary(self._bpf.collection.system, to_text(name), pid)
        if binary is None:
            raise AttachError(
                program,
                target,
                f"could not determine address of symbol {where} in {to_text(name)}: there is no "
                "such library or program",
                "give the whole path, or the name of a library without 'lib' and '.so'",
            )
        return binary, binary.spot(to_text(sym), addr, sym_off, program, target), target

    def _attach_symbols(
        self, name: Text, sym_re: Text, fn_name: Text, pid: int, *, retprobe: bool
    ) -> None:
        binary = _binary(name, pid)
        spots = _functions(binary, sym_re)
        check_quota(self._probes() + len(spots))
        keys = {_key(binary, spot, pid, retprobe=retprobe): spot for spot in spots}
        if len(keys) > 1 and self._attach_group(binary, keys, fn_name, pid, retprobe):
            return
        for spot in keys.values():
            self._uprobe(name, b"", spot.address, fn_name, pid, 0, retprobe=retprobe)

    def _attach_group(
        self, binary: Binary, keys: dict[str, Spot], fn_name: Text, pid: int, retprobe: bool
    ) -> bool:
        """Attach to all at once; False where the kernel, or the program, cannot."""
        program = self._group_program(fn_name, AttachType.TRACE_UPROBE_MULTI)
        if program is None:
            return False
        hook = "uretprobe.multi" if retprobe else "uprobe.multi"

        def attach(spots: Sequence[Spot]) -> live.Link:
            return live.attach_spots(
                self._bpf.collection.system,
                program,
                binary,
                spots,
                hook=hook,
                target=f"{hook} {binary.name}: {len(spots)} functions",
                pid=pid,
                retprobe=retprobe,
            )

        try:
            group = Group(self._bpf.collection, keys, attach)
        except AttachError:
            return False
        for key in keys:
            self.uprobe_links.setdefault(key, []).append(Member(group, key))
        return True

    def _group_program(self, fn_name: Text, kind: AttachType) -> HookedProgram | None:
        """The program, loaded for many targets; None where that cannot be."""
        features = {
            AttachType.TRACE_KPROBE_MULTI: "link/kprobe_multi",
            AttachType.TRACE_UPROBE_MULTI: "link/uprobe_multi",
        }
        collection = self._bpf.collection
        name = to_text(fn_name)
        known = self.group_programs.get((name, kind))
        if known is not None:
            return known
        if name not in collection.spec.programs or not collection.system.features.has(
            features[kind]
        ):
            return None
        if not works_in_groups(collection.spec, name):
            return None
        try:
            program = collection.load_another(name, ProgType.KPROBE, kind)
        except VerifierError:
            return None
        collection.own(program)
        self.group_programs[name, kind] = program
        return program

    def _detach_uprobe(
        self,
        name: Text,
        sym: Text,
        addr: int | None,
        pid: int,
        sym_off: int,
        *,
        retprobe: bool,
    ) -> None:
        binary, spot, _ = self._place(name, sym, addr, b"", pid, sym_off, retprobe)
        key = _key(binary, spot, pid, retprobe=retprobe)
        links = self.uprobe_links.pop(key, None)
        if links is None:
            raise Exception(f"Uprobe {key} is not attached")
        self._close(links)

    # ------------------------------------------------------------ questions

    @staticmethod
    def get_user_functions(name: Text, sym_re: Text) -> set[bytes]:
        """Names of a binary's functions that a pattern matches from their start."""
        return {n for n, _ in UserHooks.get_user_functions_and_addresses(name, sym_re)}

    @staticmethod
    def get_user_addresses(name: Text, sym_re: Text) -> set[int]:
        """Addresses of a binary's functions whose names a pattern matches from their start."""
        return {a for _, a in UserHooks.get_user_functions_and_addresses(name, sym_re)}

    @staticmethod
    def get_user_functions_and_addresses(name: Text, sym_re: Text) -> list[tuple[bytes, int]]:
        """Names and addresses of a binary's functions that a pattern matches from their start."""
        binary = _binary(name, -1)
        pattern = re.compile(to_bytes(sym_re))
        try:
            return [(os.fsencode(s.name), s.address) for s in binary.all_functions(pattern)]
        except (OSError, FormatError) as error:
            raise Exception(f"Error enumerating symbols in {to_text(name)}: {error}") from error

    @staticmethod
    def find_library(libname: Text, pid: int = 0) -> bytes | None:
        """The path of library ``c``, of a process if one is named; None when there is none."""
        facts = shared_system().facts
        found = live.find_library(to_text(libname), facts.arch, pid=pid, root=facts.root)
        return os.fsencode(found) if found else None

    @staticmethod
    def find_exe(bin_path: Text) -> bytes | None:
        """The path of a program, looked for where PATH says; None when there is none."""
        found = live.find_exe(to_text(bin_path))
        return os.fsencode(found) if found else None


def _binary(name: Text, pid: int) -> Binary:
    binary = live.find_binary(shared_system(), to_text(name), pid)
    if binary is None:
        raise Exception(f"Error enumerating symbols in {to_text(name)}: there is no such binary")
    return binary


def _functions(binary: Binary, sym_re: Text) -> list[Spot]:
    try:
        return binary.functions(re.compile(to_bytes(sym_re)))
    except (OSError, FormatError) as error:
        raise Exception(f"Error enumerating symbols in {binary.name}: {error}") from error


def _key(binary: Binary, spot: Spot, pid: int, *, retprobe: bool) -> str:
    path = _NOT_IN_NAMES.sub("_", str(binary.path))
    key = f"{'r' if retprobe else 'p'}_{path}_0x{spot.offset:x}"
    return key if pid < 0 else f"{key}_{pid}"
