"""What the ``debug=`` flags print about a compiled text, on standard error as in bcc.

The verifier's log (DEBUG_BPF, DEBUG_BPF_REGISTER_STATE) comes when a program is loaded; the text as
it is compiled (DEBUG_PREPROCESSOR) before it is.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...btf.listing import list_types
from ...compiler.compiled import Compiled
from ...obj.listing import list_object
from ...obj.spec import ObjectSpec
from . import constants


def debug_output(debug: int, spec: ObjectSpec, compiled: Compiled) -> Iterator[str]:
    """Give the pieces that the flags ``debug`` ask for, each ending in a newline.

    DEBUG_LLVM_IR: the IR we made. DEBUG_SOURCE: instructions with the C lines they come from.
    DEBUG_BTF: the types of the object.
    """
    if debug & constants.DEBUG_LLVM_IR:
        yield compiled.ir
    if debug & constants.DEBUG_SOURCE:
        yield list_object(spec)
    if debug & constants.DEBUG_BTF and spec.btf is not None:
        yield "".join(f"{line}\n" for line in list_types(spec.btf))
