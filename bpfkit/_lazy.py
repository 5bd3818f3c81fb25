"""Import a heavy or optional package where it is used, with an error that says how to get it."""

from __future__ import annotations

import importlib
from types import ModuleType

from .errors import MissingDependencyError


def need(module: str, *, install: str, purpose: str) -> ModuleType:
    """Import ``module``; raise MissingDependencyError naming the package to install otherwise."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingDependencyError(
            f"{purpose} needs the package '{install}' ({error}); run: pip install {install}"
        ) from error
