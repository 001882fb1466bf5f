"""What other libraries call our operators, for hints about names that are not known."""

from __future__ import annotations

from collections.abc import Iterable

from nas.errors import nearest
from nas.graph.operators import TABLE

# by their spelling in lower case without `_`, so that `LayerNorm`, `layernorm` and `layer_norm` are one
_ALIASES = {
    "swish": "silu", "conv1d": "conv", "conv2d": "conv", "dropout1d": "dropout", "dropout2d": "dropout",
    "batchnorm1d": "batch_norm", "batchnorm2d": "batch_norm", "dense": "linear", "fc": "linear",
    "maxpool1d": "max_pool", "maxpool2d": "max_pool", "avgpool1d": "avg_pool", "avgpool2d": "avg_pool",
    "sum": "add", "cat": "concat",
    **{name.replace("_", ""): name for name in TABLE if name != "input"},
}  # fmt: skip


def operator_called(name: str) -> str | None:
    """Our name of the operator that another library calls `name`."""
    found = _ALIASES.get(name.lower().replace("_", ""))
    return found if found in TABLE else None


def operator_hint(name: str, known: Iterable[str]) -> str:
    """`nas.errors.nearest` that also knows the names of other libraries."""
    known = set(known)
    called = operator_called(name)
    return f"; did you mean `{called}`?" if called in known else nearest(name, known)
