"""A program's text, and all that has to stand before it: `assemble`.

No kernel headers are used. The text is scanned for names; types come from the target's BTF, pruned
to what is named; macros and inline functions from our own data; helper declarations and tracepoint
structures are made on demand. The includes of a program resolve to empty texts, so that a name is
supplied whether the right header was included or not.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field

from ..btf.dump import Policy
from ..errors import CompileError
from ..uapi.helpers import by_name
from .diagnostics import Diagnostic, Loc, Severity
from .dialect.detect import BCC
from .dialect.headers import bcc_headers, bcc_prelude
from .dialect.libbpf import included_text, libbpf_headers, macro_tags
from .headers.basics import CONSTANTS, TYPEDEFS, basic_types, registers
from .headers.constants import (
    bpf_constants,
    bpf_enumerators,
    config_macros,
    config_value,
    version_macros,
)
from .headers.drift import keeper
from .headers.helpers import declare_helpers, result_tags
from .headers.known import known_headers
from .headers.scan import KEYWORDS, Scan, scan, tags_of, take_apart, without_comments
from .headers.supply import Supply, select
from .headers.table import header_constants, header_table, likely_constants
from .headers.tracepoints import Event, events_in, tracepoint_struct
from .headers.tree import assemble_with_headers
from .headers.types import KernelTypes
from .parse_input import ParseInput
from .target import Target

_ARCH_MACROS = {
    "x86_64": ("__x86_64__", "__x86_64"),
    "aarch64": ("__aarch64__",),
    "s390x": ("__s390x__", "__s390__"),
    "riscv64": ("__riscv",),
    "ppc64le": ("__powerpc64__", "__powerpc__"),
    "loongarch64": ("__loongarch64", "__loongarch__"),
}
_FLAGS = (
    "-D__KERNEL__",
    "-D__BPF_TRACING__",
    "-D__LP64__",
    "-DCONFIG_CC_IS_CLANG",
    "-fms-extensions",
    "-Wno-microsoft-anon-tag",
    "-Wno-macro-redefined",
    "-Wno-pointer-sign",
    "-Wno-unused-value",
    "-Wno-gnu-variable-sized-type-not-at-end",
    "-Wno-address-of-packed-member",
)
# What the kernel's headers bring in as types is written by this module or by the compiler.
_KCONFIG_EXTERN = re.compile(r"\b(CONFIG_\w+)[^;]*?\b__kconfig\b")
_NO_CANDIDATES = ("__builtin_", "__sync_", "__atomic_", "CONFIG_", "____")


@dataclass(frozen=True, slots=True)
class Source:
    """A C text to compile.

    ``includes`` are the program's own headers: name in the include to text.
    """

    text: str
    name: str = "program.c"
    includes: Mapping[str, str] = field(default_factory=dict)


def assemble(
    source: Source, target: Target, *, also: Iterable[str] = (), whole: bool = False
) -> ParseInput:
    """Put together what the frontend parses.

    ``also`` names records wanted in full although the text does not name them, for a second attempt
    after an "incomplete type" message; ``whole`` gives large records with every member, for one
    after "no member named". Raises CompileError when the text names a tracepoint the
    kernel lacks.
    """
    used = _scan_all(source, target)
    if target.headers is not None:
        events = _tracepoints(source, target, used)
        parts = (source.name, source.text, source.includes, events)
        return assemble_with_headers(*parts, target, target.headers)
    used.tags |= {("struct", tag) for tag in also}
    prelude = _Prelude(source, target, used, whole=whole)
    arch = _ARCH_MACROS.get(target.arch, ())
    text = prelude.text()
    return ParseInput(
        name=source.name,
        text=source.text,
        prelude=text,
        tail=keeper(text),
        headers=dict.fromkeys(known_headers(), "") | _own_headers(target) | dict(source.includes),
        flags=(*_FLAGS, *(f"-D{name}" for name in arch), *target.cflags),
    )


def _own_headers(target: Target) -> dict[str, str]:
    """The headers of the dialect: path to text."""
    return bcc_headers() if target.dialect == BCC else dict(libbpf_headers(target.arch))


def _scan_all(source: Source, target: Target) -> Scan:
    """Scan the text, the program's own headers and the values of ``-D`` flags."""
    used = scan(source.text)
    for text in source.includes.values():
        used.join(scan(text))
    for name in used.includes:
        if target.dialect == BCC and name in bcc_headers():
            used.join(scan(bcc_headers()[name]))
    values = "\n".join(flag[2:].partition("=")[2] for flag in target.cflags if flag[:2] == "-D")
    used.join(scan(values))
    return used


class _Prelude:
    """The parts of one prelude.

    Order: types, constants, macros, functions, dialect, tracepoints.
    """

    def __init__(self, source: Source, target: Target, used: Scan, *, whole: bool) -> None:
        self._whole = whole
        self._source = source
        self._target = target
        self._used = used
        self._kernel = KernelTypes(target.kernel)
        wrapper = "CONFIG_ARCH_HAS_SYSCALL_WRAPPER"
        self._dialect_text = ""
        if target.dialect == BCC:
            self._dialect_text = bcc_prelude(
                target.arch,
                syscall_wrapper=config_value(wrapper, target.kernel, target.arch) == "y",
            )
        # Macros of libbpf's headers come with those; what they name is wanted all the same.
        headers = "" if self._dialect_text else included_text(used.includes, target.arch)
        self._dialect = take_apart(self._dialect_text + headers)

    def text(self) -> str:
        """Return the whole prelude."""
        used, kernel, arch = self._used, self._target.kernel, self._target.arch
        tracepoints = _tracepoints(self._source, self._target, used)
        used.words |= self._dialect.rest.words
        supply = select(used, self._taken(), self._kernel, self._expand)
        words = supply.words
        own = self._dialect.rest.own_functions | used.own_functions | set(self._dialect.macros)
        names = self._candidates(supply)
        constants = self._constants(names)
        types = self._types(supply, names - constants.keys())
        has_registers = "pt_regs" in words or "struct pt_regs" in types
        parts = [
            basic_types(used.own_typedefs),
            registers(arch) if has_registers and "pt_regs" not in used.own_tags else "",
            _declare(used),
            types,
            _lines(version_macros(words, kernel)),
            _lines(config_macros(words - self._declared_options(), kernel, arch)),
            _lines(bpf_constants((words & self._fixed_constants()) - used.own_enumerators)),
            _lines(f"#define {name} {value}" for name, value in constants.items()),
            _lines(self._tested(names)),
            _lines(supply.macros),
            _lines(declare_helpers(words, own, bcc=bool(self._dialect_text))),
            _lines(supply.functions),
            self._dialect_text,
            tracepoints,
        ]
        return "".join(parts)

    def _taken(self) -> set[str]:
        """Names that have a meaning before the supply is asked."""
        used, dialect = self._used, self._dialect
        return (
            used.own_names
            | used.own_tags
            | dialect.rest.own_names
            | set(dialect.macros)
            | TYPEDEFS.keys()
            | CONSTANTS.keys()
        )

    def _expand(self, name: str) -> frozenset[str]:
        return self._dialect.macros.get(name, frozenset())

    def _candidates(self, supply: Supply) -> set[str]:
        """Names that only the kernel's types, or its headers, can give a meaning to."""
        used = self._used
        names = (used.free | (supply.words - used.words)) - self._not_types(supply)
        return {name for name in names if not name.startswith(_NO_CANDIDATES)}

    def _constants(self, names: set[str]) -> dict[str, str]:
        """Constants of headers; what is an enumerator of this very kernel is none."""
        likely = likely_constants(names)
        unknown = {name for name in likely if not self._kernel.is_enumerator(name)}
        return header_constants(
            unknown, self._used.tested, self._target.kernel.version, self._target.arch
        )

    def _types(self, supply: Supply, names: set[str]) -> str:
        """Write the kernel types the program needs; BTF is not read when it needs none."""
        used = self._used
        tags = used.tags | supply.tags | result_tags(supply.words)
        for macro in self._dialect.tags.keys() & supply.words:
            tags |= self._dialect.tags[macro]
        if not self._dialect_text:
            tags |= macro_tags(self._source.text, supply.words, self._target.arch)
        other = used.own_tags | self._dialect.rest.own_tags
        given = {"pt_regs"} - other if registers(self._target.arch) else set()
        tags = {pair for pair in tags if pair[1] not in other | given}
        tags = {pair for pair in tags if not pair[1].startswith("tracepoint__")}
        policy = Policy(
            tags=given,
            typedefs=TYPEDEFS.keys() - used.own_typedefs,
            other_tags=other,
            other_typedefs=used.own_typedefs,
            enumerators=frozenset(used.own_enumerators | CONSTANTS.keys()),
        )
        return self._kernel.section(tags, names, supply.words, policy, whole=self._whole)

    def _declared_options(self) -> set[str]:
        """Options that the text declares as variables to be filled in at load time."""
        if self._target.dialect == BCC:
            return set()
        return set(_KCONFIG_EXTERN.findall(without_comments(self._source.text)))

    def _fixed_constants(self) -> Set[str]:
        """BPF's own enumerators that are written as numbers.

        In libbpf's dialect a program may ask for the kernel's: those it has stay enumerators.
        """
        fixed = bpf_enumerators().keys()
        if self._target.dialect == BCC:
            return fixed
        used = fixed & self._used.free
        return fixed - {name for name in used if self._kernel.is_enumerator(name)}

    def _not_types(self, supply: Supply) -> set[str]:
        """Names that cannot be a typedef or an enumerator of the kernel."""
        used, dialect = self._used, self._dialect
        return (
            self._taken()
            | supply.names
            | KEYWORDS
            | by_name().keys()
            | self._fixed_constants()
            | {"LINUX_VERSION_CODE", "UTS_RELEASE"}
            | {tag for _, tag in used.tags}
            | (dialect.rest.words - (bpf_enumerators().keys() - self._fixed_constants()))
            | {word for words in dialect.macros.values() for word in words}
        )

    def _tested(self, names: set[str]) -> list[str]:
        """Define enumerators that kernel headers also define as macros, when tested for."""
        tested = likely_constants(names & self._used.tested)
        if tested:
            tested &= header_table(self._target.arch).doubled
        values = ((name, self._kernel.enumerator_value(name)) for name in sorted(tested))
        return [f"#define {name} {value}" for name, value in values if value is not None]


def _tracepoints(source: Source, target: Target, used: Scan) -> str:
    """Write the structures of the tracepoints the text names, unless it brings its own.

    The types they name are added to ``used``.
    """
    parts: list[str] = []
    for event in events_in(without_comments(source.text)):
        if event.tag in used.own_tags:
            continue
        format_ = target.kernel.tracepoint_format(event.category, event.name)
        if format_ is None:
            raise CompileError([_no_tracepoint(event, source, target)])
        struct = tracepoint_struct(event, format_)
        used.tags |= tags_of(struct) - {("struct", event.tag)}
        parts.append(struct)
    return "".join(parts)


def _no_tracepoint(event: Event, source: Source, target: Target) -> Diagnostic:
    """Say where the text names a tracepoint that is not there, and which it may mean."""
    code = without_comments(source.text)
    line = code.count("\n", 0, event.at) + 1
    column = event.at - (code.rfind("\n", 0, event.at) + 1) + 1
    near = difflib.get_close_matches(event.name, target.kernel.tracepoints(event.category), 3)
    hint = f"did you mean {', '.join(near)}?" if near else "see events/ in tracefs for the names"
    return Diagnostic(
        Severity.ERROR,
        f"this kernel has no tracepoint {event.category}:{event.name}",
        Loc(source.name, line, column),
        source.text.splitlines()[line - 1],
        hint,
    )


def _declare(used: Scan) -> str:
    """Declare the program's own records early: first named among parameters they are local."""
    pairs = sorted(
        (word, tag) for word, tag in used.tags if tag in used.own_tags and word != "enum"
    )
    return "".join(f"{word} {tag};\n" for word, tag in pairs)


def _lines(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
