"""A lexical look at C text: which names it uses and which it makes itself.

There is no parser yet when the prelude is put together, so this works on tokens alone. It may see a
use too many, which costs a few lines of prelude; it must not miss one that is spelled out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache

_COMMENTS = re.compile(
    r'//(?:[^\n\\]|\\.)*|/\*.*?\*/|("(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\')', re.S
)
_STRINGS = re.compile(r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
_WORD = re.compile(r"(?<![\w.])[A-Za-z_]\w*")
_ANY_WORD = re.compile(r"(?<!\w)[A-Za-z_]\w*")
_MEMBER = re.compile(r"(?:->|\.)\s*([A-Za-z_]\w*)")
_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"\n]+)[>"]', re.M)
_DEFINE = re.compile(
    r"^[ \t]*#[ \t]*define[ \t]+(\w+)(\([^)\n]*\))?((?:[^\n\\]|\\.)*)", re.M | re.S
)
_UNDEF = re.compile(r"^[ \t]*#[ \t]*undef[ \t]+(\w+)", re.M)
_CONDITION = re.compile(r"^[ \t]*#[ \t]*(?:if|elif|ifdef|ifndef)\b([^\n]*)", re.M)
_DIRECTIVE = re.compile(r"^[ \t]*#(?:[^\n\\]|\\.)*", re.M | re.S)
# What may stand between a keyword and its tag, and between a tag and its body.
_ATTRIBUTES = r"(?:(?:__attribute__\s*\(\((?:[^()]|\([^()]*\))*\)\)|__packed\b)\s*)*"
_TAG_USE = re.compile(
    rf"\b(struct|union|enum)\s+{_ATTRIBUTES}(?!__attribute__|__packed\b)([A-Za-z_]\w*)"
)
_TAG_BODY = re.compile(
    rf"\b(?:struct|union|enum)\s+{_ATTRIBUTES}(?!__attribute__|__packed\b)([A-Za-z_]\w*)\s*{_ATTRIBUTES}\{{"
)
_ENUM_BODY = re.compile(r"\benum\b[^{};()]*\{([^}]*)\}")
_FUNCTION = re.compile(r"\b([A-Za-z_]\w*)\s*\(")
_POINTER_CONSTANT = re.compile(r"\(\s*\*\s*(?:const\s+)?([A-Za-z_]\w*)\s*(?:\[[^\]]*\])?\)\s*\(")
_LAST_NAME = re.compile(r"([A-Za-z_]\w*)\s*(?:\[[^\]]*\]\s*)*$")
_ATTRIBUTE = re.compile(r"__attribute__\s*\(\((?:[^()]|\([^()]*\))*\)\)")
_ARGUMENTS = re.compile(r"(?<=\w)\s*\(([^()]+)\)")
_MAP = re.compile(r"\b(?:BPF_[A-Z0-9_]+)\s*\(\s*([a-z_]\w*)\s*[,)]")
# ``type name`` at the start of a statement or parameter: the name is the text's own.
_LOCAL = re.compile(
    r"(?:[;{}(,]|^)\s*(?:(?:const|volatile|static|unsigned|signed|struct|union|enum|long|short)\s+)*"
    r"[A-Za-z_]\w*[\s*]+([a-z_]\w*)\s*(?=[;,=\[)])"
)
_NO_TYPES = frozenset(("return", "goto", "case", "else", "sizeof", "typeof", "do"))

_KEYWORDS = """
auto break case char const continue default do double else enum extern float for goto if inline int
long register restrict return short signed sizeof static struct switch typedef union unsigned void
volatile while _Bool _Static_assert asm __asm__ __asm typeof __typeof__ __typeof __attribute__
__inline __inline__ __volatile__ __const __signed__ __extension__ __int128 include define ifdef
ifndef endif elif undef pragma error warning defined line __VA_ARGS__ section aligned used unused
always_inline noinline packed annotate
"""
KEYWORDS = frozenset(_KEYWORDS.split())


@dataclass(slots=True)
class Scan:
    """What a text says about names.

    ``words`` are all identifiers outside comments and literals; ``free`` those of them that can
    stand for a type, a constant or a function, as they are used other than behind ``.`` and ``->``
    and are neither a local variable nor a macro of the text's own. ``tags`` are pairs such as
    ("struct", "sock"). The ``own_`` sets are defined by the text.
    """

    words: set[str] = field(default_factory=set)
    free: set[str] = field(default_factory=set)
    tags: set[tuple[str, str]] = field(default_factory=set)
    tested: set[str] = field(default_factory=set)
    includes: list[str] = field(default_factory=list)
    own_tags: set[str] = field(default_factory=set)
    own_typedefs: set[str] = field(default_factory=set)
    own_enumerators: set[str] = field(default_factory=set)
    own_functions: set[str] = field(default_factory=set)
    own_macros: set[str] = field(default_factory=set)

    def join(self, other: Scan) -> None:
        """Add what another text says."""
        for name in Scan.__slots__:
            mine, theirs = getattr(self, name), getattr(other, name)
            if isinstance(mine, set):
                mine |= theirs
            else:
                mine += theirs

    @property
    def own_names(self) -> set[str]:
        """Typedefs, enumerators and functions of the text: ordinary names at file scope."""
        return self.own_typedefs | self.own_enumerators | self.own_functions


def without_comments(text: str) -> str:
    """Blank out comments; every other character keeps its place."""
    return _COMMENTS.sub(lambda m: m[1] or re.sub(r"[^\n]", " ", m[0]), text)


def words_of(text: str) -> set[str]:
    """Return the identifiers of a piece of C without comments, but for the names of attributes.

    In ``__attribute__((noinline))`` the macro ``noinline`` is not meant, and would break it.
    """
    text = _ATTRIBUTE.sub(_attribute_arguments, _STRINGS.sub('""', text))
    return set(_ANY_WORD.findall(text))


def _attribute_arguments(attribute: re.Match[str]) -> str:
    return " ".join(_ARGUMENTS.findall(attribute[0]))


def tags_of(text: str) -> set[tuple[str, str]]:
    """Return what is written after struct, union and enum."""
    return set(_TAG_USE.findall(text))


def body_words(text: str) -> set[str]:
    """Return the words of a macro's or function's text that are not its own parameters."""
    match = _DEFINE.match(text)
    return words_of(match[3]) - words_of(match[2] or "") if match else words_of(text)


def scan(text: str) -> Scan:
    """Scan a whole C text."""
    text = without_comments(text.replace("\\\r\n", "\\\n"))
    found = Scan(includes=[name for _, name in _INCLUDE.findall(text)])
    text = _STRINGS.sub('""', _INCLUDE.sub("", text))
    found.words = words_of(text)
    found.tags = tags_of(text)
    found.own_tags = set(_TAG_BODY.findall(text))
    for condition in _CONDITION.findall(text):
        found.tested |= words_of(condition)
    code = _DIRECTIVE.sub("", text)
    for body in _ENUM_BODY.findall(code):
        found.own_enumerators |= {w[0] for part in body.split(",") if (w := _ANY_WORD.search(part))}
    _scan_outer(_ATTRIBUTE.sub(" ", _outer(code)), found)
    found.own_functions |= set(_MAP.findall(code))
    locals_ = {name for name in _LOCAL.findall(code) if name not in _NO_TYPES}
    found.own_macros = _own_macros(text)
    words = set(_WORD.findall(_MEMBER.sub(" ", text)))
    found.free = words - KEYWORDS - locals_ - found.own_macros
    return found


def _own_macros(text: str) -> set[str]:
    """Return the macros that mean nothing but what the text says.

    The definition is the first place they stand at, and there is no ``#undef``.
    """
    defined = {match[1]: match.start(1) for match in reversed(list(_DEFINE.finditer(text)))}
    undefined = set(_UNDEF.findall(text))
    first: dict[str, int] = {}
    for match in _ANY_WORD.finditer(text):
        first.setdefault(match[0], match.start())
    return {n for n, at in defined.items() if n not in undefined and first.get(n) == at}


def _outer(code: str) -> str:
    """Return the text at file scope: bodies in braces become ``{}``."""
    parts: list[str] = []
    depth = 0
    at = 0
    for match in re.finditer(r"[{}]", code):
        if depth == 0:
            parts.append(code[at : match.start()])
        depth = depth + 1 if match[0] == "{" else max(depth - 1, 0)
        at = match.end()
        if depth == 0 and match[0] == "}":
            parts.append("{}")
    if depth == 0:
        parts.append(code[at:])
    return "".join(parts)


def _scan_outer(outer: str, found: Scan) -> None:
    """Collect typedefs, functions and file-scope function pointers."""
    for statement in re.split(r";|\{\}(?=\s*(?:static|int|void|struct|u\d|__|$))", outer):
        stripped = statement.strip()
        pointer = _POINTER_CONSTANT.search(stripped)
        if stripped.startswith("typedef"):
            body = stripped.removeprefix("typedef")
            if pointer:
                found.own_typedefs.add(pointer[1])
            else:
                last = (_LAST_NAME.search(part.strip()) for part in body.split(","))
                found.own_typedefs |= {match[1] for match in last if match}
        elif pointer and "=" in stripped:
            found.own_functions.add(pointer[1])
        else:
            declared = stripped.split("=", 1)[0]
            names = (m[1] for m in _FUNCTION.finditer(declared))
            # A macro call such as BPF_HASH(…) alone is no definition: a type must stand before the
            # name.
            for name in names:
                before = declared[: declared.index(name)].strip()
                if name not in KEYWORDS and before and not before.endswith(("(", ",")):
                    found.own_functions.add(name)
                    break


@dataclass(frozen=True, slots=True)
class Dialect:
    """A prelude taken apart: its macros are of interest only when the program uses them.

    ``macros`` maps each to the words of its body, ``tags`` to the records it names, ``rest`` scans
    what is left.
    """

    macros: dict[str, frozenset[str]]
    rest: Scan
    tags: dict[str, frozenset[tuple[str, str]]]


@cache
def take_apart(prelude: str) -> Dialect:
    """Scan the text of a dialect's prelude; it is the same for all programs of a target."""
    text = without_comments(prelude)
    macros: dict[str, frozenset[str]] = {}
    tags: dict[str, frozenset[tuple[str, str]]] = {}
    for name, parameters, body in _DEFINE.findall(text):
        own = words_of(parameters)
        macros[name] = macros.get(name, frozenset()) | frozenset(words_of(body) - own)
        named = frozenset(pair for pair in tags_of(body) if pair[1] not in own)
        if named:
            tags[name] = tags.get(name, frozenset()) | named
    return Dialect(macros, scan(_DIRECTIVE.sub("", text)), tags)
