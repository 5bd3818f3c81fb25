"""A kernel made of given facts, for everything that compiles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bpfkit.btf.types import Btf

OPENAT = """name: sys_enter_openat
ID: 677
format:
	field:unsigned short common_type;	offset:0;	size:2;	signed:0;
	field:unsigned char common_flags;	offset:2;	size:1;	signed:0;
	field:unsigned char common_preempt_count;	offset:3;	size:1;	signed:0;
	field:int common_pid;	offset:4;	size:4;	signed:1;

	field:int __syscall_nr;	offset:8;	size:4;	signed:1;
	field:int dfd;	offset:16;	size:8;	signed:0;
	field:const char * filename;	offset:24;	size:8;	signed:0;
	field:int flags;	offset:32;	size:8;	signed:0;
	field:umode_t mode;	offset:40;	size:8;	signed:0;

print fmt: "dfd: 0x%08lx", ((unsigned long)(REC->dfd))
"""

FORMATS = {"syscalls/sys_enter_openat": OPENAT}


@dataclass
class FakeKernel:
    """Facts of a kernel that is not there; ``asked`` tells whether its types were looked at."""

    types: Btf | None = None
    version: tuple[int, int, int] = (6, 12, 300)
    options: Mapping[str, str] = field(default_factory=dict)
    formats: Mapping[str, str] = field(
        default_factory=lambda: {"syscalls/sys_enter_openat": OPENAT}
    )
    possible_cpus: int = 8
    online_cpus: int = 4
    asked: bool = False
    modules: Mapping[str, Btf] = field(default_factory=dict)

    @property
    def btf(self) -> Btf:
        self.asked = True
        assert self.types is not None, "the kernel's types are not wanted here"
        return self.types

    def modules_with_btf(self) -> list[str]:
        return sorted(self.modules)

    def module_btf(self, module: str) -> Btf | None:
        return self.modules.get(module)

    def tracepoint_format(self, category: str, event: str) -> str | None:
        return self.formats.get(f"{category}/{event}")

    def tracepoints(self, category: str) -> list[str]:
        return [name.partition("/")[2] for name in self.formats if name.startswith(f"{category}/")]

    def config(self, option: str) -> str | None:
        return self.options.get(option)

    def has_symbol(self, name: str) -> bool:
        return True
