"""libclang's numbers: cursor kinds, type kinds, operators (clang-c/Index.h of libclang 18)."""

from __future__ import annotations


class Cursor:
    """enum CXCursorKind, declarations, references and attributes; also the ranges."""

    UNEXPOSED_DECL = 1
    STRUCT = 2
    UNION = 3
    ENUM = 5
    FIELD = 6
    ENUM_CONSTANT = 7
    FUNCTION = 8
    VAR = 9
    PARAM = 10
    TYPEDEF = 20
    TYPE_REF = 43
    MEMBER_REF = 47
    LABEL_REF = 48
    FIRST_EXPR = 100
    LAST_EXPR = 199
    FIRST_STMT = 200
    LAST_STMT = 299
    FIRST_ATTR = 400
    LAST_ATTR = 499
    UNEXPOSED_ATTR = 400
    ANNOTATE_ATTR = 406
    ASM_LABEL_ATTR = 407
    PACKED_ATTR = 408
    STATIC_ASSERT = 602


class Expr:
    """enum CXCursorKind, expressions."""

    UNEXPOSED = 100
    DECL_REF = 101
    MEMBER_REF = 102
    CALL = 103
    BLOCK = 105
    INTEGER = 106
    FLOATING = 107
    IMAGINARY = 108
    STRING = 109
    CHARACTER = 110
    PAREN = 111
    UNARY = 112
    SUBSCRIPT = 113
    BINARY = 114
    COMPOUND_ASSIGN = 115
    CONDITIONAL = 116
    CAST = 117
    COMPOUND_LITERAL = 118
    INIT_LIST = 119
    ADDR_LABEL = 120
    STATEMENT = 121
    GENERIC = 122
    SIZEOF = 136


class Stmt:
    """enum CXCursorKind, statements."""

    UNEXPOSED = 200
    LABEL = 201
    COMPOUND = 202
    CASE = 203
    DEFAULT = 204
    IF = 205
    SWITCH = 206
    WHILE = 207
    DO = 208
    FOR = 209
    GOTO = 210
    INDIRECT_GOTO = 211
    CONTINUE = 212
    BREAK = 213
    RETURN = 214
    ASM = 215
    MS_ASM = 229
    NULL = 230
    DECL = 231


class Kind:
    """enum CXTypeKind."""

    INVALID = 0
    UNEXPOSED = 1
    VOID = 2
    POINTER = 101
    RECORD = 105
    ENUM = 106
    TYPEDEF = 107
    FUNCTION_NO_PROTO = 110
    FUNCTION = 111
    CONSTANT_ARRAY = 112
    VECTOR = 113
    INCOMPLETE_ARRAY = 114
    VARIABLE_ARRAY = 115
    ELABORATED = 119


# CXTypeKind -> (C spelling, size in bytes, signed). Sizes are those of every 64-bit Linux target.
INTEGERS: dict[int, tuple[str, int, bool]] = {
    3: ("_Bool", 1, False),
    4: ("char", 1, False),
    5: ("unsigned char", 1, False),
    8: ("unsigned short", 2, False),
    9: ("unsigned int", 4, False),
    10: ("unsigned long", 8, False),
    11: ("unsigned long long", 8, False),
    12: ("unsigned __int128", 16, False),
    13: ("char", 1, True),
    14: ("signed char", 1, True),
    16: ("short", 2, True),
    17: ("int", 4, True),
    18: ("long", 8, True),
    19: ("long long", 8, True),
    20: ("__int128", 16, True),
}

FLOATS: dict[int, str] = {
    21: "float",
    22: "double",
    23: "long double",
    30: "__float128",
    31: "half",
    32: "_Float16",
}


class Storage:
    """enum CX_StorageClass."""

    EXTERN = 2
    STATIC = 3


# enum CXBinaryOperatorKind
BINARY: dict[int, str] = {
    3: "*",
    4: "/",
    5: "%",
    6: "+",
    7: "-",
    8: "<<",
    9: ">>",
    11: "<",
    12: ">",
    13: "<=",
    14: ">=",
    15: "==",
    16: "!=",
    17: "&",
    18: "^",
    19: "|",
}
LOGICAL: dict[int, str] = {20: "&&", 21: "||"}
ASSIGN = 22
COMMA = 33
COMPOUND_ASSIGN: dict[int, str] = {
    23: "*",
    24: "/",
    25: "%",
    26: "+",
    27: "-",
    28: "<<",
    29: ">>",
    30: "&",
    31: "^",
    32: "|",
}


class Unary:
    """enum CXUnaryOperatorKind."""

    ADDRESS = 5
    DEREF = 6
    PLUS = 7
    EXTENSION = 13


# CXUnaryOperatorKind -> (operator, whether it stands before its operand)
INCREMENT: dict[int, tuple[str, bool]] = {
    1: ("++", False),
    2: ("--", False),
    3: ("++", True),
    4: ("--", True),
}
UNARY: dict[int, str] = {8: "-", 9: "~", 10: "!"}
