from __future__ import annotations

from bpfkit.obj.listing import list_object
from bpfkit.obj.spec import CoreReloc, ObjectSpec, ProgramSpec, Reloc, RelocKind
from bpfkit.uapi.insn import Insn

CODE = Insn(0x18, 1).encode() + Insn(0).encode() + Insn(0x61, 0, 1, 4).encode()
CODE += Insn(0x95).encode()


def test_programs_come_before_the_functions_they_call_with_what_will_be_relocated() -> None:
    main = ProgramSpec(
        "main",
        "xdp",
        CODE,
        relocs=(Reloc(0, RelocKind.DATA, ".bss", 8),),
        core_relocs=(CoreReloc(2, 1, "0:1", 0),),
    )
    spec = ObjectSpec("GPL", {"main": main}, {}, {"inner": ProgramSpec("inner", "", CODE)})
    assert list_object(spec) == (
        "main:  # xdp\n"
        "     0: r1 = 0x0 ll  # data .bss+8\n"
        "     2: w0 = *(u32 *)(r1 +4)  # co-re 0:1\n"
        "     3: exit\n"
        "\n"
        "inner:\n"
        "     0: r1 = 0x0 ll\n"
        "     2: w0 = *(u32 *)(r1 +4)\n"
        "     3: exit\n"
    )
