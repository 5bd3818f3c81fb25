"""What network and cgroup hooks say when they refuse: a table of hints for each, and what all
share.
"""

from __future__ import annotations

import errno
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..errors import AttachError, SyscallError
from ..features.catalogue import CATALOGUE
from ..features.probe import Support
from ..syscalls.call import ENOTSUPP
from ..uapi.bpf import ProgType
from .base import Attachable
from .explain import Explanation

if TYPE_CHECKING:
    from ..system import System

PERMISSION = "run as root, or with CAP_NET_ADMIN and CAP_BPF"
_PERMISSION = frozenset({errno.EPERM, errno.EACCES})
_MISSING = frozenset({errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS, ENOTSUPP})


def check_type(program: Attachable, where: str, *types: ProgType) -> None:
    """Raise AttachError unless the hook runs programs of this type."""
    if program.type not in types:
        wanted = " or ".join(str(kind) for kind in types)
        raise AttachError(
            program.name,
            where,
            f"it was loaded as {program.type}, and this hook runs {wanted}",
            "load it as that, or name the hook in its section",
        )


def explain_refusal(
    system: System, error: SyscallError, hints: Mapping[int, str], feature: str = ""
) -> Explanation:
    """Say why the kernel refused; that it lacks ``feature`` when that is why."""
    code = error.errno or 0
    if code in _MISSING and feature and system.features.get(feature) is Support.NO:
        return Explanation(str(error), missing(feature))
    return Explanation(str(error), hints.get(code, PERMISSION if code in _PERMISSION else ""))


def missing(feature: str) -> str:
    """Tell which release and which option bring a feature of the catalogue."""
    found = next(each for each in CATALOGUE if each.name == feature)
    text = f"this kernel lacks {feature}, which came with Linux {found.since}"
    return f"{text} and needs CONFIG_{found.config}" if found.config else text
