"""From source to module, by executing the text that an export would write."""

from __future__ import annotations

import hashlib
import linecache
from collections import OrderedDict
from types import CodeType, ModuleType
from typing import cast

from torch import nn

_REMEMBERED = 512
_compiled: OrderedDict[str, tuple[str, CodeType]] = OrderedDict()


def build(source: str, name: str = "Model") -> nn.Module:
    """A new module of the class `name` in `source`, with weights drawn from torch's current random state.

    Args:
        source: text from `nas.codegen.source`. It is executed, so it must come from there or from someone you trust.
        name: of a class whose constructor takes no arguments.
    """
    file, code = _code(source)
    module = ModuleType(file.strip("<>"))
    module.__file__ = file
    exec(code, module.__dict__)
    return cast("nn.Module", module.__dict__[name]())


def _code(source: str) -> tuple[str, CodeType]:
    """The name under which tracebacks show the text, and its code, compiled once for each text."""
    known = _compiled.get(source)
    if known is not None:
        _compiled.move_to_end(source)
        return known
    file = f"<nas_model_{hashlib.sha256(source.encode()).hexdigest()[:12]}>"
    known = file, compile(source, file, "exec", dont_inherit=True)
    _compiled[source] = known
    linecache.cache[file] = len(source), None, source.splitlines(keepends=True), file
    if len(_compiled) > _REMEMBERED:
        _, (oldest, _) = _compiled.popitem(last=False)
        linecache.cache.pop(oldest, None)
    return known
