"""What arithmetic on tensors refuses, and how it says it."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch
from case import FLAT, MERGED, SEQUENCE
from running import Running

from nas.errors import ShapeError
from nas.graph.builder import Builder
from nas.graph.types import Axis, TensorType

BACKWARD = TensorType((Axis("tokens", 6, (Axis("width", 3), Axis("height", 2))), Axis("channels", 4)))


@pytest.mark.parametrize(
    ("op", "types", "arguments", "said"),
    [
        ("times", (FLAT,), {}, "`times` needs its argument `by`: the factor"),
        ("plus", (FLAT,), {"by": "one"}, "`plus` takes a number as `by`, got the string 'one'"),
        ("power", (FLAT, FLAT), {"by": 2}, "`power` takes 1 tensor, got 2"),
        ("divide", (FLAT,), {}, "`divide` takes 2 tensors, got 1"),
        (
            "divide",
            (FLAT, SEQUENCE),
            {},
            "`/` needs tensors of one type, got [features=6] and [tokens=6, channels=4]",
        ),
        ("divide", (MERGED, BACKWARD), {}, "`tokens` is height=2·width=3 there and width=3·height=2 here"),
    ],
)
def test_refusals(op: str, types: tuple[TensorType, ...], arguments: dict[str, Any], said: str) -> None:
    builder = Builder({f"x{i}": each for i, each in enumerate(types)})
    with pytest.raises(ShapeError, match=re.escape(said)):
        builder.apply(op, tuple(range(len(types))), (), arguments)


@pytest.mark.parametrize(
    ("op", "by", "expected"),
    [
        ("times", -0.5, [-1.0, 0.0, 2.0]),
        ("plus", 1.5, [3.5, 1.5, -2.5]),
        ("plus", -1.5, [0.5, -1.5, -5.5]),
        ("power", 2, [4.0, 0.0, 16.0]),
    ],
)
def test_values(op: str, by: float, expected: list[float]) -> None:
    builder = Builder({"x": TensorType((Axis("features", 3),))})
    graph = builder.finish([builder.apply(op, (0,), (by,))])
    (value,) = Running(graph)(torch.tensor([[2.0, 0.0, -4.0]]))
    assert value.tolist() == [expected]
