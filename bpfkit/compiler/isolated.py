"""`compile_isolated`: a C text to an object in a process of its own, or out of the cache.

This is the compiler as the rest of the library sees it. The user's process holds neither libclang
nor LLVM, and nothing a text makes them do ends it. It answers what the helper asks about the
kernel; the questions and answers are what an object in the cache depends on.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Protocol, runtime_checkable

from .cache import ObjectCache, Question, digest
from .compiled import Compiled
from .diagnostics import Loc
from .fingerprint import fingerprint
from .target import KernelFacts, Target

VMLINUX = "vmlinux"
_QUESTIONS = frozenset(
    {
        "version",
        "btf_identity",
        "modules_with_btf",
        "possible_cpus",
        "online_cpus",
        "tracepoint_format",
        "tracepoints",
        "config",
        "has_symbol",
    }
)
# Flags that name no file: with any other an object may depend on what is not known here.
_SELF_CONTAINED = re.compile(r"-[DU].*|-W[\w=-]*|-O\w?|-g\w*|-std=\w+|-m[\w=-]+|-f[\w-]+(=\d+)?")


@runtime_checkable
class Transferable(Protocol):
    """`KernelFacts` that give their types as bytes, and tell them apart unread."""

    def btf_bytes(self, module: str) -> bytes:
        """The types of "vmlinux" or a module as the kernel gives them."""

    def btf_identity(self, module: str) -> str:
        """A name for those types, "" when there are none."""


@runtime_checkable
class Marked(Protocol):
    """`KernelFacts` that can tell cheaply whether an answer changed."""

    def mark(self, *question: str) -> str:
        """A name for the answer to a question, "" when only the answer itself tells."""


def compile_isolated(
    text: str,
    target: Target,
    *,
    name: str = "program.c",
    includes: Mapping[str, str] | None = None,
    external: frozenset[Loc] = frozenset(),
    cache: ObjectCache | None = None,
) -> Compiled:
    """Compile a C text to a BPF object, as `compile_c` does, in a child of the helper process.

    Raises CompileError, also when the compiler dies of the text or takes too long or too much;
    MissingDependencyError without libclang or llvmlite; and whatever the kernel's facts raise.
    """
    texts = Texts(text, name, tuple(sorted((includes or {}).items())), external)
    if cache is None or not cacheable(target):
        return _compile(texts, target, Answers(target.kernel))
    key = _key(texts, target, cache)
    found = cache.find(key, Answers(target.kernel).mark)
    if found is None:
        answers = Answers(target.kernel)
        found = _compile(texts, target, answers)
        cache.keep(key, [*answers.asked.items()], found)
    return found


@dataclass(frozen=True, slots=True)
class Texts:
    """What is compiled: the text, its name, its own headers, and places a verifier refused."""

    text: str
    name: str
    includes: tuple[tuple[str, str], ...]
    external: frozenset[Loc]


def _compile(texts: Texts, target: Target, answers: Answers) -> Compiled:
    # Not needed, and not imported, where the object is in the cache.
    from .backend import compile_text
    from .backend.jobs import TextJob, Tree

    tree = target.headers
    job = TextJob(
        texts.text,
        texts.name,
        dict(texts.includes),
        target.arch,
        target.cpu,
        target.dialect,
        tuple(target.cflags),
        Tree(tree.source, tree.build) if tree is not None else None,
        target.keep,
        texts.external,
    )
    return compile_text(job, answers)


def cacheable(target: Target) -> bool:
    """Whether all an object depends on is known: no kernel headers, no flag that names a file."""
    return target.headers is None and all(map(_SELF_CONTAINED.fullmatch, target.cflags))


def _key(texts: Texts, target: Target, cache: ObjectCache) -> str:
    flags = (target.arch, target.cpu, target.dialect, tuple(target.cflags))
    places = sorted((loc.file, loc.line, loc.column) for loc in texts.external)
    return digest(fingerprint(cache.files), texts.text, texts.name, texts.includes, flags, places)


@dataclass(slots=True)
class Answers:
    """Facts of a kernel, by question, and a record of what was asked."""

    kernel: KernelFacts
    asked: dict[Question, str] = field(default_factory=dict)
    """Questions in order, with a mark that another answer would not have."""

    def __call__(self, question: Question) -> object:
        """The answer to one question of the helper. Raises what the kernel's facts raise."""
        if question[0] == "btf_bytes":
            return self._btf(question[1])
        answer = self._answer(question)
        self.asked[question] = self._mark(question) or repr(answer)
        return answer

    def mark(self, question: Question) -> str:
        """The mark of the answer to a question, for a result that is looked for."""
        return self._mark(question) or repr(self._answer(question))

    def _mark(self, question: Question) -> str:
        kernel = self.kernel
        return kernel.mark(*question) if isinstance(kernel, Marked) else ""

    def _answer(self, question: Question) -> object:
        fact, *arguments = question
        if fact not in _QUESTIONS:
            raise ValueError(f"the compiler asked for '{fact}'")
        if fact == "btf_identity":
            return self._identity(*arguments)
        found = getattr(self.kernel, fact)
        return found(*arguments) if callable(found) else found

    def _identity(self, module: str) -> str:
        kernel = self.kernel
        if isinstance(kernel, Transferable):
            return kernel.btf_identity(module)
        if module != VMLINUX and kernel.module_btf(module) is None:
            return ""
        return blake2b(self._btf(module), digest_size=20).hexdigest()

    def _btf(self, module: str) -> bytes:
        kernel = self.kernel
        if isinstance(kernel, Transferable):
            return kernel.btf_bytes(module)
        types = kernel.btf if module == VMLINUX else kernel.module_btf(module)
        return types.raw if types is not None else b""
