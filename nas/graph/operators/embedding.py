"""Codes of categories and words as vectors."""

from __future__ import annotations

from nas.graph.operators.axes import made_of, position
from nas.graph.operators.table import Argument, Attributes, Module, Operator, Types, Weight, register
from nas.graph.types import Axis, TensorType


def _infer(types: Types, attrs: Attributes) -> TensorType:
    position("embedding", types[0], None)
    return made_of("embedding", types[0], (*types[0].axes, Axis(attrs["into"], attrs["n"])))


def _shape(types: Types, attrs: Attributes) -> tuple[int, int, int]:
    return 1 if attrs["shared"] else types[0].shape[-1], attrs["vocabulary"], attrs["n"]


register(
    Operator(
        name="embedding",
        equation="y[f] = T_f[x[f]]",
        example="embedding(x, 100, 4, into=values)",
        on=("fields=6",),
        count="fields·vocabulary·n",
        doc=(
            "Every field, that is every position of the last axis, holds a code and has a table of vectors of its own; the "
            "vectors lie along a new last axis. A number that is no code is taken for the nearest one."
        ),
        arguments=(
            Argument("vocabulary", "size", "how many codes there are, counted from 0"),
            Argument("n", "size", "the size of a vector"),
            Argument("into", "axis", "the name of the new axis"),
            Argument("shared", "bool", "whether all fields read one table, as words do", default=False),
            Argument("std", "float", "the standard deviation at the start", default=1.0, low=0.0),
        ),
        infer=_infer,
        weights=lambda types, attrs: (Weight("weight", _shape(types, attrs)),),
        module=lambda types, attrs: Module(
            "FieldEmbedding", _shape(types, attrs), () if attrs["std"] == 1 else (("std", attrs["std"]),)
        ),
        forward=lambda types, attrs, out, module, args: f"{module}({args[0]})",
        layers=("nas.layers.field_embedding:FieldEmbedding",),
    )
)
