"""What was computed once is remembered, in tables that a search of any length does not outgrow."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

from nas.codegen import templates
from nas.graph import builder, cost
from nas.graph.builder import Builder
from nas.graph.cost import Costs, costs
from nas.graph.graph import Graph
from nas.graph.types import Axis, TensorType


def layer(width: int) -> Graph:
    built = Builder({"x": TensorType((Axis("features", 8),))})
    return built.finish([built.apply("linear", (0,), [width])])


def by_hand(width: int) -> tuple[int, int]:
    """Parameters and MACs of a linear layer from 8 features."""
    return 9 * width, 8 * width


def facts(of: Costs) -> tuple[int, int]:
    return of.params, of.macs


@pytest.mark.parametrize(("module", "table"), [(builder, "_applied"), (cost, "_owned")])
def test_a_table_of_operators_stays_within_its_bound(module: ModuleType, table: str) -> None:
    remembered: dict[Any, Any] = getattr(module, table)
    most = 0
    for width in range(1, module._REMEMBERED + 100):
        assert facts(costs(layer(width))) == by_hand(width)
        most = max(most, len(remembered))
    assert most == module._REMEMBERED, "as many as it may, and not one more"


def test_what_was_forgotten_is_computed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(builder, "_REMEMBERED", 3)
    monkeypatch.setattr(cost, "_REMEMBERED", 3)
    for width in (*range(1, 9), *range(1, 9)):
        assert facts(costs(layer(width))) == by_hand(width)
    assert len(builder._applied) <= 3
    assert len(cost._owned) <= 3


def test_templates_of_source_are_remembered_within_a_bound() -> None:
    for place in range(3000):
        skeleton, numbers = templates.taken_apart(f"F.f{place}(_0, {place})")
        assert (skeleton, numbers) == ((f"F.f{place}(", 0, ", ", -2, ")"), (str(place),))
        assert templates.grammar(skeleton).holes[0].argument == 0
    for remember in (templates.taken_apart, templates.grammar):
        assert remember.cache_info().currsize == remember.cache_info().maxsize == 2_048
