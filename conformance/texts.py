"""The C texts that are compiled on one machine for every kernel, by group and name.

``tools`` are bcc-style texts (tests/data/tools), ``examples`` those inside examples/*.py; both are
compiled for each kernel, and so are ``hooks`` (conformance/hook_texts), in libbpf's dialect.
``one-object`` (conformance/one_object) is compiled once, for one kernel.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from bpfkit.uapi.bpf import AttachType, ProgType

from .staging import ROOT

TOOLS, EXAMPLES, HOOKS, ONE_OBJECT = "tools", "examples", "hooks", "one-object"
_FOLDERS = {
    TOOLS: ROOT / "tests" / "data" / "tools",
    EXAMPLES: ROOT / "examples",
    HOOKS: ROOT / "conformance" / "hook_texts",
    ONE_OBJECT: ROOT / "conformance" / "one_object",
}
_SUFFIXES = {TOOLS: ".c", EXAMPLES: ".py", HOOKS: ".c", ONE_OBJECT: ".c"}
_COMMON = "common.h"
_HOOKS_HEAD = "head.h"
# A text of libbpf's dialect stands for itself.
_WHOLE = ".bpf"
# "// program NAME: TYPE": for functions whose name and section tell no type.
_DECLARED = re.compile(r"^// program (\w+): (\w+)$", re.MULTILINE)
_OTHER_NAMES = {"tc": ProgType.SCHED_CLS}
_ATTACH_TYPES = {ProgType.CGROUP_SOCKOPT: AttachType.CGROUP_GETSOCKOPT}


@dataclass(frozen=True, slots=True)
class Text:
    """A C text, and the types of its programs that only a script would tell."""

    group: str
    name: str
    text: str
    types: Mapping[str, ProgType] = field(default_factory=dict)

    def type_of(self, program: str) -> tuple[ProgType | None, AttachType | None]:
        """What to load a program as; nothing where the object itself tells."""
        type_ = self.types.get(program)
        return type_, _ATTACH_TYPES.get(type_) if type_ is not None else None


def names(group: str) -> list[str]:
    """The names of the texts of a group, sorted."""
    return sorted(path.stem for path in _FOLDERS[group].glob(f"*{_SUFFIXES[group]}"))


def read_text(group: str, name: str) -> Text:
    """Read a text. Raises ValueError when it declares a type that there is not."""
    content = (_FOLDERS[group] / f"{name}{_SUFFIXES[group]}").read_text()
    if group == EXAMPLES:
        return _in_script(name, content)
    if group == ONE_OBJECT and not name.endswith(_WHOLE):
        content = (_FOLDERS[group] / _COMMON).read_text() + content
    if group == HOOKS:
        content = (_FOLDERS[group] / _HOOKS_HEAD).read_text() + content
    types = {function: _type(word) for function, word in _DECLARED.findall(content)}
    return Text(group, name, content, types)


def _type(word: str) -> ProgType:
    found = _OTHER_NAMES.get(word) or ProgType.__members__.get(word.upper())
    if found is None:
        raise ValueError(f"there is no program type {word!r}")
    return found


def _in_script(name: str, script: str) -> Text:
    """Find ``BPF(text=…)`` and every ``load_func("…", BPF.TYPE)`` in a script."""
    text = ""
    types: dict[str, ProgType] = {}
    constants: dict[str, str] = {}
    for node in ast.walk(ast.parse(script)):
        match node:
            case ast.Assign(targets=[ast.Name(target)], value=ast.Constant(str(value))):
                constants[target] = value
            case ast.Call(func=ast.Name("BPF"), keywords=keywords):
                given = {keyword.arg: keyword.value for keyword in keywords}["text"]
                text = constants[given.id] if isinstance(given, ast.Name) else _constant(given)
            case ast.Call(
                func=ast.Attribute(attr="load_func"),
                args=[ast.Constant(str(function)), ast.Attribute(attr=type_)],
            ):
                types[function] = _type(type_)
    if not text:
        raise ValueError(f"examples/{name}.py has no BPF(text=…) that can be read off")
    return Text(EXAMPLES, name, text, types)


def _constant(node: ast.expr) -> str:
    return str(ast.literal_eval(node))
