"""Graph → PyTorch source → module, one way for training and for export.

`source` needs no torch; `build`, `export` and `verify` load it when they are first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nas.codegen.preprocessing import Preprocessing, Scaling
from nas.codegen.render import source, weight_paths

if TYPE_CHECKING:
    from nas.codegen.exported import Exported, export, verify
    from nas.codegen.module import build
    from nas.codegen.own_operators import operator
    from nas.codegen.pruning import pruned

__all__ = [
    "Exported",
    "Preprocessing",
    "Scaling",
    "build",
    "export",
    "operator",
    "pruned",
    "source",
    "verify",
    "weight_paths",
]

_HOMES = {
    "build": "module",
    "Exported": "exported",
    "export": "exported",
    "verify": "exported",
    "operator": "own_operators",
    "pruned": "pruning",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module `{__name__}` has no attribute `{name}`")
    import importlib

    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
