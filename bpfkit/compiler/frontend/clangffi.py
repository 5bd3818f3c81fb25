"""A lean ctypes layer over libclang: cursors, types, places and diagnostics, nothing more.

The only import of the ``clang`` package in the project, and only to find the shared library it
ships; its own Python wrapper costs more than twice the time per node. Everything here is valid as
long as its translation unit lives; nothing of it may reach the tree.

libclang ends the process when asked some things. `Unit.evaluate` and `Clang.size_of` say which;
only they may ask.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable, Sequence
from ctypes import (
    POINTER,
    byref,
    c_char_p,
    c_int,
    c_longlong,
    c_uint,
    c_ulong,
    c_ulonglong,
    c_void_p,
)
from pathlib import Path
from typing import Any, NamedTuple

from ..._lazy import need
from ...errors import MissingDependencyError
from .kinds import Cursor, Expr


class CXString(ctypes.Structure):
    """A string owned by libclang."""

    _fields_ = [("data", c_void_p), ("flags", c_uint)]


class CXCursor(ctypes.Structure):
    """A node: ``data0`` is the address of its declaration, ``data1`` of its statement."""

    _fields_ = [
        ("kind", c_int),
        ("xdata", c_int),
        ("data0", c_void_p),
        ("data1", c_void_p),
        ("data2", c_void_p),
    ]

    kind: int
    data0: int | None
    data1: int | None


class CXType(ctypes.Structure):
    """A C type: ``data0`` is its address with the qualifiers in the low bits."""

    _fields_ = [("kind", c_int), ("data0", c_void_p), ("data1", c_void_p)]

    kind: int
    data0: int | None


class CXLocation(ctypes.Structure):
    """A place in the text."""

    _fields_ = [("data0", c_void_p), ("data1", c_void_p), ("offset", c_uint)]


class CXRange(ctypes.Structure):
    """A range of the text."""

    _fields_ = [("data0", c_void_p), ("data1", c_void_p), ("begin", c_uint), ("end", c_uint)]


class CXUnsavedFile(ctypes.Structure):
    """A file given from memory."""

    _fields_ = [("filename", c_char_p), ("contents", c_char_p), ("length", c_ulong)]


_ChildVisitor = ctypes.CFUNCTYPE(c_int, CXCursor, CXCursor, c_void_p)
_FieldVisitor = ctypes.CFUNCTYPE(c_int, CXCursor, c_void_p)
_CONTINUE = 1

# name without clang_ -> (result, arguments)
_C, _T, _S, _P = CXCursor, CXType, CXString, c_void_p
_SIGNATURES: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "createIndex": (_P, (c_int, c_int)),
    "parseTranslationUnit2": (
        c_int,
        (
            _P,
            c_char_p,
            POINTER(c_char_p),
            c_int,
            POINTER(CXUnsavedFile),
            c_uint,
            c_uint,
            POINTER(_P),
        ),
    ),
    "disposeTranslationUnit": (None, (_P,)),
    "saveTranslationUnit": (c_int, (_P, c_char_p, c_uint)),
    "getTranslationUnitCursor": (_C, (_P,)),
    "getCString": (c_char_p, (_S,)),
    "disposeString": (None, (_S,)),
    "visitChildren": (c_uint, (_C, _ChildVisitor, _P)),
    "Type_visitFields": (c_uint, (_T, _FieldVisitor, _P)),
    "getCursorSpelling": (_S, (_C,)),
    "getCursorType": (_T, (_C,)),
    "getCursorReferenced": (_C, (_C,)),
    "getCursorDefinition": (_C, (_C,)),
    "getCanonicalCursor": (_C, (_C,)),
    "getCursorSemanticParent": (_C, (_C,)),
    "getCursorLexicalParent": (_C, (_C,)),
    "getCursorLocation": (CXLocation, (_C,)),
    "getCursorExtent": (CXRange, (_C,)),
    "getRangeEnd": (CXLocation, (CXRange,)),
    "getExpansionLocation": (None, (CXLocation, _P, _P, _P, _P)),
    "getFileName": (_S, (_P,)),
    "getCursorBinaryOperatorKind": (c_int, (_C,)),
    "getCursorUnaryOperatorKind": (c_int, (_C,)),
    "getCursorPrettyPrinted": (_S, (_C, _P)),
    "getCursorPrintingPolicy": (_P, (_C,)),
    "PrintingPolicy_setProperty": (None, (_P, c_int, c_uint)),
    "PrintingPolicy_dispose": (None, (_P,)),
    "isCursorDefinition": (c_uint, (_C,)),
    "Cursor_isNull": (c_int, (_C,)),
    "Cursor_isBitField": (c_uint, (_C,)),
    "Cursor_isFunctionInlined": (c_uint, (_C,)),
    "Cursor_getStorageClass": (c_int, (_C,)),
    "Cursor_getOffsetOfField": (c_longlong, (_C,)),
    "Cursor_getVarDeclInitializer": (_C, (_C,)),
    "Cursor_Evaluate": (_P, (_C,)),
    "EvalResult_getKind": (c_int, (_P,)),
    "EvalResult_getAsLongLong": (c_longlong, (_P,)),
    "EvalResult_isUnsignedInt": (c_uint, (_P,)),
    "EvalResult_getAsUnsigned": (c_ulonglong, (_P,)),
    "EvalResult_dispose": (None, (_P,)),
    "getFieldDeclBitWidth": (c_int, (_C,)),
    "getEnumDeclIntegerType": (_T, (_C,)),
    "getEnumConstantDeclValue": (c_longlong, (_C,)),
    "getEnumConstantDeclUnsignedValue": (c_ulonglong, (_C,)),
    "getCanonicalType": (_T, (_T,)),
    "getUnqualifiedType": (_T, (_T,)),
    "isConstQualifiedType": (c_uint, (_T,)),
    "isVolatileQualifiedType": (c_uint, (_T,)),
    "getPointeeType": (_T, (_T,)),
    "getAddressSpace": (c_uint, (_T,)),
    "getArrayElementType": (_T, (_T,)),
    "getArraySize": (c_longlong, (_T,)),
    "getTypeDeclaration": (_C, (_T,)),
    "getTypedefDeclUnderlyingType": (_T, (_C,)),
    "Type_getNamedType": (_T, (_T,)),
    "getResultType": (_T, (_T,)),
    "getNumArgTypes": (c_int, (_T,)),
    "getArgType": (_T, (_T, c_uint)),
    "isFunctionTypeVariadic": (c_uint, (_T,)),
    "getTypeSpelling": (_S, (_T,)),
    "Type_getSizeOf": (c_longlong, (_T,)),
    "Type_getAlignOf": (c_longlong, (_T,)),
    "getNumDiagnostics": (c_uint, (_P,)),
    "getDiagnostic": (_P, (_P, c_uint)),
    "disposeDiagnostic": (None, (_P,)),
    "getDiagnosticSeverity": (c_int, (_P,)),
    "getDiagnosticSpelling": (_S, (_P,)),
    "getDiagnosticLocation": (CXLocation, (_P,)),
    "getDiagnosticNumFixIts": (c_uint, (_P,)),
    "getDiagnosticFixIt": (_S, (_P, c_uint, POINTER(CXRange))),
    "getChildDiagnostics": (_P, (_P,)),
    "getNumDiagnosticsInSet": (c_uint, (_P,)),
    "getDiagnosticInSet": (_P, (_P, c_uint)),
}

_TERSE_OUTPUT = 17  # CXPrintingPolicy_TerseOutput
_EVAL_INT = 1  # CXEval_Int
_ERROR = 3  # CXDiagnostic_Error


class Place(NamedTuple):
    """Where the text that made a node stands, after macro expansion."""

    file: str
    line: int
    column: int


class Clang:
    """libclang, loaded: its functions without their prefix, and a few joined calls."""

    def __init__(self, path: str) -> None:
        library = ctypes.CDLL(path)
        self.path = path
        self._functions: dict[str, Callable[..., Any]] = {}
        for name, (result, arguments) in _SIGNATURES.items():
            function = getattr(library, "clang_" + name)
            function.restype, function.argtypes = result, arguments
            self._functions[name] = function
        self.index = self._functions["createIndex"](1, 0)
        self._collected: list[list[CXCursor]] = []
        self._on_child = _ChildVisitor(self._collect_child)
        self._on_field = _FieldVisitor(self._collect_field)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        try:
            function = self.__dict__["_functions"][name]
        except KeyError:
            raise AttributeError(name) from None
        self.__dict__[name] = function  # the next access finds it without this detour
        return function  # type: ignore[no-any-return]

    def _collect_child(self, cursor: CXCursor, _parent: CXCursor, _data: object) -> int:
        self._collected[-1].append(cursor)
        return _CONTINUE

    def _collect_field(self, cursor: CXCursor, _data: object) -> int:
        self._collected[-1].append(cursor)
        return _CONTINUE

    def children(self, cursor: CXCursor) -> list[CXCursor]:
        """The direct children of ``cursor``, in libclang's order."""
        found: list[CXCursor] = []
        self._collected.append(found)
        stopped = self.visitChildren(cursor, self._on_child, None)
        self._collected.pop()
        if stopped:  # the callback raised, and ctypes threw that away
            raise RecursionError
        return found

    def fields(self, type_: CXType) -> list[CXCursor]:
        """Every FIELD_DECL of a record type, the anonymous ones too."""
        found: list[CXCursor] = []
        self._collected.append(found)
        self.Type_visitFields(type_, self._on_field, None)
        self._collected.pop()
        return found

    def text(self, string: CXString) -> str:
        """The content of a libclang string, which is given back."""
        data = self.getCString(string)
        self.disposeString(string)
        return data.decode("utf-8", "surrogateescape") if data is not None else ""

    def spelling(self, cursor: CXCursor) -> str:
        """The name or literal text of ``cursor``."""
        return self.text(self.getCursorSpelling(cursor))

    def pretty(self, cursor: CXCursor, *, terse: bool = False) -> str:
        """A declaration as clang prints it after macro expansion; ``terse`` leaves out bodies."""
        policy = self.getCursorPrintingPolicy(cursor)
        if terse:
            self.PrintingPolicy_setProperty(policy, _TERSE_OUTPUT, 1)
        printed = self.text(self.getCursorPrettyPrinted(cursor, policy))
        self.PrintingPolicy_dispose(policy)
        return printed

    def is_null(self, cursor: CXCursor) -> bool:
        """Whether ``cursor`` is no cursor."""
        return bool(self.Cursor_isNull(cursor))


@functools.cache
def clang() -> Clang:
    """The libclang of the installed package, loaded once.

    Raises MissingDependencyError when the package is missing or its library cannot be loaded.
    """
    package = need("clang.native", install="libclang", purpose="compiling C")
    library = Path(next(iter(package.__path__))) / "libclang.so"
    try:
        return Clang(str(library))
    except (OSError, AttributeError) as error:  # no such library, or too old a one
        raise MissingDependencyError(
            f"compiling C needs the package 'libclang' ({error}); "
            "run: pip install 'libclang>=18.1.1,<19'"
        ) from error


class ParseFailure(Exception):  # noqa: N818 - it becomes a diagnostic
    """libclang gave no translation unit; ``code`` is enum CXErrorCode."""

    def __init__(self, code: int) -> None:
        super().__init__(f"libclang error {code}")
        self.code = code


class Unit:
    """One parsed translation unit; a context manager, because its memory is libclang's."""

    def __init__(
        self, name: str, arguments: Sequence[str], files: Sequence[tuple[str, bytes]], options: int
    ) -> None:
        self.clang = clang()
        argv = (c_char_p * len(arguments))(*[a.encode() for a in arguments])
        unsaved = (CXUnsavedFile * len(files))(
            *[CXUnsavedFile(path.encode(), data, len(data)) for path, data in files]
        )
        self._handle = c_void_p()
        code = self.clang.parseTranslationUnit2(
            self.clang.index,
            name.encode(),
            argv,
            len(arguments),
            unsaved,
            len(files),
            options,
            byref(self._handle),
        )
        if code:
            raise ParseFailure(code)
        self._file, self._line, self._column = c_void_p(), c_uint(), c_uint()
        self._out = (byref(self._file), byref(self._line), byref(self._column), None)
        self._names: dict[int | None, str] = {None: ""}

    def __enter__(self) -> Unit:
        return self

    def __exit__(self, *_: object) -> None:
        handle, self._handle = self._handle, c_void_p()
        self.clang.disposeTranslationUnit(handle)

    def save(self, path: str) -> bool:
        """Write the unit as a precompiled header; False when it has errors or cannot be written."""
        return int(self.clang.saveTranslationUnit(self._handle, path.encode(), 0)) == 0

    @property
    def cursor(self) -> CXCursor:
        """The root."""
        return self.clang.getTranslationUnitCursor(self._handle)  # type: ignore[no-any-return]

    def diagnostics(self) -> list[int]:
        """Handles of libclang's diagnostics; the reader disposes of them."""
        count = self.clang.getNumDiagnostics(self._handle)
        return [self.clang.getDiagnostic(self._handle, i) for i in range(count)]

    def has_errors(self) -> bool:
        """Whether a diagnostic is an error."""
        lib, found = self.clang, False
        for handle in self.diagnostics():
            found |= lib.getDiagnosticSeverity(handle) >= _ERROR
            lib.disposeDiagnostic(handle)
        return found

    def place(self, location: CXLocation) -> Place:
        """``location`` in a file."""
        self.clang.getExpansionLocation(location, *self._out)
        file = self._file.value
        name = self._names.get(file)
        if name is None:
            name = self._names[file] = self.clang.text(self.clang.getFileName(file))
        return Place(name, self._line.value, self._column.value)

    def place_of(self, cursor: CXCursor) -> Place:
        """Where ``cursor`` stands."""
        return self.place(self.clang.getCursorLocation(cursor))

    def end_of(self, cursor: CXCursor) -> Place:
        """Where ``cursor`` ends."""
        return self.place(self.clang.getRangeEnd(self.clang.getCursorExtent(cursor)))

    def evaluate(self, cursor: CXCursor) -> int | None:
        """The value of an integer constant expression, None when it is not constant.

        Only for scalar expressions of a unit without errors: libclang 18 follows a null pointer on
        an INIT_LIST_EXPR of array type.
        """
        if (
            cursor.kind == Expr.INIT_LIST
            or not Cursor.FIRST_EXPR <= cursor.kind <= Cursor.LAST_EXPR
        ):
            return None
        lib = self.clang
        result = lib.Cursor_Evaluate(cursor)
        if not result:
            return None
        try:
            if lib.EvalResult_getKind(result) != _EVAL_INT:
                return None
            if lib.EvalResult_isUnsignedInt(result):
                return int(lib.EvalResult_getAsUnsigned(result))
            return int(lib.EvalResult_getAsLongLong(result))
        finally:
            lib.EvalResult_dispose(result)
