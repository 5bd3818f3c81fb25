"""Declarations: from a parsed unit to `Unit`, the root of our tree.

Only what the main file defines is built, and what that reaches: a prelude has hundreds of inline
functions and helper declarations that most programs never name.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..ctype import Function, Record, bare
from ..diagnostics import Rejection
from ..tree import FunctionDecl, Storage, Unit, VarDecl
from . import clangffi, kinds
from .clangffi import CXCursor
from .cleanup import Cleanups, expand_cleanups
from .kinds import Cursor
from .model import decayed, tags_of
from .oracle import Printed
from .statements import Statements

SECTION_ANNOTATION = "sec:"
"""Our own headers spell a section ``annotate("sec:NAME")``: libclang shows annotations by name."""

# Attributes that change what a program does, and that nothing after us carries out.
_REFUSED = {
    "alias": "call the function by its own name",
    "ifunc": "BPF has no dynamic linker",
    "constructor": "nothing runs before a BPF program",
    "destructor": "nothing runs after a BPF program",
}
_ARRAYS_WITHOUT_SIZE = kinds.Kind.VARIABLE_ARRAY


class _Attributes:
    """What the attributes of a declaration say."""

    def __init__(self) -> None:
        self.section = ""
        self.annotations: list[str] = []
        self.asm_label = ""
        self.words: set[str] = set()
        self.tags: tuple[str, ...] = ()
        self.align = 0
        self.hidden = False
        self.cleanup = ""

    def read(self, text: str) -> None:
        """Take what libclang shows only in a declaration's printed form."""
        self.words.update(re.findall(r"__attribute__\(\((\w+)", text))
        self.tags = tags_of(text)
        self.align = max(map(int, re.findall(r"\baligned\((\d+)\)", text)), default=0)
        self.hidden = 'visibility("hidden")' in text
        cleanup = re.search(r"__attribute__\(\(cleanup\((\w+)\)", text)
        self.cleanup = cleanup[1] if cleanup else ""
        section = re.search(r'__attribute__\(\(section\("([^"]*)"\)', text)
        if section and not self.section:
            self.section = section[1]


class Builder(Statements):
    """Builds the whole unit."""

    def __init__(self, unit: clangffi.Unit, main_file: str) -> None:
        super().__init__(unit, main_file)
        self._helper_numbers = {}
        self._functions: dict[int | None, FunctionDecl] = {}
        self._variables: dict[int | None, VarDecl] = {}
        self._waiting: list[tuple[FunctionDecl, CXCursor]] = []
        self._waiting_globals: list[tuple[VarDecl, CXCursor]] = []
        self._typedef_words: dict[str, str] | None = None
        self._built: list[FunctionDecl] = []
        self._globals: list[VarDecl] = []
        self._cleanups: Cleanups = {}  # of the function being built
        self._inside = ""  # name of the function being built
        self.start_function()

    def build(self, source: str, skip: Sequence[str]) -> Unit:
        """The tree of everything but the file-scope variables named in ``skip``."""
        records: list[Record] = []
        main = [c for c in self.lib.children(self.unit.cursor) if self._counts(c)]
        for cursor in main:
            if cursor.kind in (Cursor.STRUCT, Cursor.UNION):
                record = self.types.record(cursor)
                self.types.need(record)
                if record.complete and record not in records:
                    records.append(record)
        for cursor in main:
            if cursor.kind == Cursor.FUNCTION and self.lib.isCursorDefinition(cursor):
                self.function(cursor)
            elif cursor.kind == Cursor.VAR:
                if self.lib.spelling(cursor) not in skip and self.helper_number(cursor) is None:
                    self.variable(cursor)
            elif cursor.kind == Cursor.UNEXPOSED_DECL:
                self._check_unexposed(cursor)
        self._drain()
        main_functions = [f for f in self._built if f.in_main_file]
        reached = [f for f in self._built if not f.in_main_file]
        return Unit(
            file=self.main_file,
            source=source,
            functions=main_functions + reached,
            globals=self._globals,
            records=records,
        )

    def _counts(self, cursor: CXCursor) -> bool:
        wanted = (
            Cursor.FUNCTION,
            Cursor.VAR,
            Cursor.STRUCT,
            Cursor.UNION,
            Cursor.UNEXPOSED_DECL,
        )
        return cursor.kind in wanted and self.is_main(cursor)

    def _check_unexposed(self, cursor: CXCursor) -> None:
        # Stray semicolons and static assertions are unexposed; file-scope asm is too.
        if re.match(r"\s*(?:__)?asm", self.lib.pretty(cursor)):
            self.reject(cursor, "assembly at file scope", "BPF assembly cannot be emitted")

    def _drain(self) -> None:
        """Build what is waiting, and what that reaches."""
        while self._waiting or self._waiting_globals:
            while self._waiting_globals:
                self._finish_global(*self._waiting_globals.pop(0))
            if self._waiting:
                self._finish_function(*self._waiting.pop(0))

    # ------------------------------------------------------------ functions

    def function(self, cursor: CXCursor) -> FunctionDecl:
        """The function that ``cursor`` declares; its body is built later."""
        key = self.lib.getCanonicalCursor(cursor).data0
        found = self._functions.get(key)
        if found is None:
            definition = self.lib.getCursorDefinition(cursor)
            has_body = not self.lib.is_null(definition)
            found = self._declare(definition if has_body else cursor)
            self._functions[key] = found
            if has_body:
                self._waiting.append((found, definition))
        return found

    def _declare(self, cursor: CXCursor) -> FunctionDecl:
        lib = self.lib
        type_ = bare(self.type_of(cursor))
        assert isinstance(type_, Function)
        attributes = self._attributes(cursor)
        params = [self.variable(c) for c in lib.children(cursor) if c.kind == Cursor.PARAM]
        self.types.touch(type_.result)
        return FunctionDecl(
            name=lib.spelling(cursor),
            type=type_,
            params=params,
            loc=self.loc(cursor),
            static=lib.Cursor_getStorageClass(cursor) == kinds.Storage.STATIC,
            inline=bool(lib.Cursor_isFunctionInlined(cursor)),
            always_inline="always_inline" in attributes.words,
            # Another object may replace a weak function, so nobody may know what is in it.
            noinline="noinline" in attributes.words or "weak" in attributes.words,
            weak="weak" in attributes.words,
            section=attributes.section,
            annotations=tuple(attributes.annotations),
            asm_label=attributes.asm_label,
            tags=attributes.tags,
            hidden=attributes.hidden,
            in_main_file=self.is_main(cursor),
        )

    def _finish_function(self, function: FunctionDecl, cursor: CXCursor) -> None:
        self._inside = function.name
        self.printed = Printed(self.lib, cursor, function.loc)
        self.result = function.type.result
        self.start_function()
        self._cleanups = {}
        body = self.lib.children(cursor)[-1]
        assert body.kind == kinds.Stmt.COMPOUND
        try:
            function.body = expand_cleanups(self.compound(body), self._cleanups)
        except Rejection as refused:
            if function.in_main_file:
                raise
            function.refusal = refused
        else:
            self._built.append(function)
        self._inside = ""

    # ------------------------------------------------------------ variables

    def variable(self, cursor: CXCursor) -> VarDecl:
        """The variable that ``cursor`` declares; a global's initialiser is built later."""
        key = self.lib.getCanonicalCursor(cursor).data0
        found = self._variables.get(key)
        if found is None:
            if self._is_global(cursor):
                definition = self.lib.getCursorDefinition(cursor)
                cursor = cursor if self.lib.is_null(definition) else definition
                found = self._variables[key] = self._variable(cursor)
                self._waiting_globals.append((found, cursor))
            else:
                found = self._variables[key] = self._variable(cursor)
        return found

    def _is_global(self, cursor: CXCursor) -> bool:
        if cursor.kind == Cursor.PARAM:
            return False
        parent = self.lib.getCursorSemanticParent(cursor)
        return (
            bool(parent.kind != Cursor.FUNCTION)
            or self.lib.Cursor_getStorageClass(cursor) == kinds.Storage.EXTERN
        )

    def _variable(self, cursor: CXCursor) -> VarDecl:
        lib = self.lib
        is_param = cursor.kind == Cursor.PARAM
        raw = lib.getCursorType(cursor)
        type_ = self.types.used(raw)
        if is_param:
            type_ = self.types.touch(decayed(type_))
        elif lib.getCanonicalType(raw).kind == _ARRAYS_WITHOUT_SIZE:
            self.reject(
                cursor,
                f"'{lib.spelling(cursor)}' is an array of variable length",
                "BPF stack memory has a fixed size; give the array a constant size",
            )
        attributes = self._attributes(cursor)
        if attributes.asm_label:
            self.reject(cursor, "a variable bound to a register or a symbol", "drop the asm(…)")
        variable = VarDecl(
            name=lib.spelling(cursor),
            type=type_,
            storage=self._storage(cursor),
            loc=self.loc(cursor),
            section=attributes.section,
            annotations=tuple(attributes.annotations),
            weak="weak" in attributes.words,
            is_param=is_param,
            align=attributes.align,
            tags=attributes.tags,
            hidden=attributes.hidden,
            in_main_file=self.is_main(cursor),
            address_space=lib.getAddressSpace(raw),
        )
        if variable.storage is Storage.STATIC and not self._is_global(cursor):
            variable.owner = self._inside
        if attributes.cleanup and variable.storage is Storage.LOCAL:
            self._cleanups[variable] = self._function_named(attributes.cleanup)
        return variable

    def _function_named(self, name: str) -> FunctionDecl:
        """The function of the text that an attribute names; clang has checked that there is one."""
        functions = (c for c in self.lib.children(self.unit.cursor) if c.kind == Cursor.FUNCTION)
        return self.function(next(c for c in functions if self.lib.spelling(c) == name))

    def _storage(self, cursor: CXCursor) -> Storage:
        storage = self.lib.Cursor_getStorageClass(cursor)
        if storage == kinds.Storage.STATIC:
            return Storage.STATIC
        if storage == kinds.Storage.EXTERN and self.lib.is_null(
            self.lib.Cursor_getVarDeclInitializer(cursor)
        ):
            return Storage.EXTERN
        return Storage.GLOBAL if self._is_global(cursor) else Storage.LOCAL

    def _finish_global(self, variable: VarDecl, cursor: CXCursor) -> None:
        self._globals.append(variable)
        if variable.section == ".maps":
            self.types.need_pointees(variable.type)
        self.printed = Printed(self.lib, cursor, variable.loc)
        self._initialise(variable, cursor)

    def _initialise(self, variable: VarDecl, cursor: CXCursor) -> None:
        init = self.lib.Cursor_getVarDeclInitializer(cursor)
        if not self.lib.is_null(init):
            variable.init = self.initialiser(init, variable.type)

    def initialised(self, cursor: CXCursor) -> VarDecl:
        """A variable that stays out of the unit."""
        variable = self._variable(cursor)
        self._initialise(variable, cursor)
        return variable

    def local_variables(self, cursor: CXCursor) -> list[VarDecl]:
        """The objects that a declaration statement makes, with their initialisers."""
        found = []
        for child in self.lib.children(cursor):
            if child.kind != Cursor.VAR:
                continue
            variable = self.variable(child)
            if variable.storage in (Storage.LOCAL, Storage.STATIC) and not self._is_global(child):
                self._initialise(variable, child)
                found.append(variable)
        return found

    def typedef_words(self, name: str) -> str:
        """What typedef ``name`` stands for; ``name`` when it is none."""
        if self._typedef_words is None:
            lib = self.lib
            self._typedef_words = {
                lib.spelling(c): self.type_words(c)
                for c in lib.children(self.unit.cursor)
                if c.kind == Cursor.TYPEDEF
            }
        return self._typedef_words.get(name, name)

    # ------------------------------------------------------------ attributes

    def _attributes(self, cursor: CXCursor) -> _Attributes:
        lib = self.lib
        found = _Attributes()
        hidden = False
        for child in lib.children(cursor):
            if child.kind == Cursor.ANNOTATE_ATTR:
                text = lib.spelling(child)
                if text.startswith(SECTION_ANNOTATION):
                    found.section = text.removeprefix(SECTION_ANNOTATION)
                else:
                    found.annotations.append(text)
            elif child.kind == Cursor.ASM_LABEL_ATTR:
                found.asm_label = lib.spelling(child)
            elif Cursor.FIRST_ATTR <= child.kind <= Cursor.LAST_ATTR:
                hidden = True
        if hidden:
            # An attribute of an earlier declaration is printed only there.
            text = self._printed_head(cursor)
            first = lib.getCanonicalCursor(cursor)
            if first.data0 != cursor.data0:
                text += self._printed_head(first)
            found.read(text)
            for word in found.words & _REFUSED.keys():
                self.reject(cursor, f"attribute {word}", _REFUSED[word])
        return found

    def _printed_head(self, cursor: CXCursor) -> str:
        """A declaration without its body, and a function's without its parameters."""
        text = self.lib.pretty(cursor, terse=True)
        if cursor.kind != Cursor.FUNCTION:
            return text
        before, name, rest = text.partition(f"{self.lib.spelling(cursor)}(")
        depth = 1
        for at, character in enumerate(rest):
            depth += {"(": 1, ")": -1}.get(character, 0)
            if not depth:
                return before + name + rest[at:]
        return text
