"""What every operator declares is what torch does: shapes, weights, MACs, and when zeros stay zeros."""

from __future__ import annotations

import pytest
import torch
from cases import CASES, Case
from moving_cases import UNCOUNTED
from running import Running, examples
from torch.utils.flop_counter import FlopCounterMode

from nas.graph.builder import Builder
from nas.graph.graph import Graph
from nas.graph.operators import TABLE


def graph_of(case: Case) -> Graph:
    builder = Builder({f"x{i}": type_ for i, type_ in enumerate(case.types)})
    node = builder.apply(case.op, tuple(range(len(case.types))), (), case.arguments, weights="w")
    return builder.finish([node])


def test_the_cases_leave_no_operator_out() -> None:
    assert {case.op for case in CASES} == set(TABLE)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_an_operator_is_what_it_declares(case: Case) -> None:
    torch.manual_seed(0)
    graph = graph_of(case)
    node = graph.nodes[-1]
    running = Running(graph)
    declared = TABLE[case.op].weights(case.types, dict(node.attrs))

    real: dict[str, tuple[tuple[int, ...], bool, bool]] = {}
    for module in running.owned.values():
        real |= {name: (tuple(p.shape), p.requires_grad, False) for name, p in module.named_parameters()}
        real |= {name: (tuple(b.shape), False, True) for name, b in module.named_buffers()}
    assert {weight.name: (weight.shape, weight.trainable, weight.buffer) for weight in declared} == real
    assert bool(declared) == bool(node.weights)

    running.eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        (out,) = running(*examples(graph, batch=3))
    assert tuple(out.shape) == (3, *node.type.shape)
    macs = TABLE[case.op].macs(case.types, dict(node.attrs), node.type)
    assert counter.get_total_flops() == (0 if case.op in UNCOUNTED else 2 * 3 * macs)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_zeros_stay_zeros_exactly_where_declared(case: Case) -> None:
    torch.manual_seed(0)
    graph = graph_of(case)
    running = Running(graph)
    with torch.no_grad():
        for parameter in running.parameters():
            parameter.normal_()
    zeros = [torch.zeros_like(x) for x in examples(graph, batch=4)]
    (training,) = running.train()(*zeros)
    (evaluation,) = running.eval()(*zeros)
    both = not training.any() and not evaluation.any()
    assert both == TABLE[case.op].keeps_zero(dict(graph.nodes[-1].attrs))


@pytest.mark.parametrize("case", [case for case in CASES if TABLE[case.op].view], ids=str)
def test_a_view_shares_memory(case: Case) -> None:
    graph = graph_of(case)
    inputs = examples(graph)
    (out,) = Running(graph)(*inputs)
    assert out.untyped_storage().data_ptr() == inputs[0].untyped_storage().data_ptr()


@pytest.mark.parametrize("case", [case for case in CASES if not TABLE[case.op].random], ids=str)
def test_only_random_operators_are_random(case: Case) -> None:
    graph = graph_of(case)
    running, inputs = Running(graph), examples(graph)
    assert torch.equal(running(*inputs)[0], running(*inputs)[0])


@pytest.mark.parametrize(
    "case", [case for case in CASES if TABLE[case.op].commutative and len(case.types) > 1], ids=str
)
def test_commutative_operators_do_not_mind_the_order(case: Case) -> None:
    graph = graph_of(case)
    running, inputs = Running(graph), examples(graph)
    torch.testing.assert_close(running(*inputs)[0], running(*reversed(inputs))[0])


@pytest.mark.parametrize("name", sorted(TABLE))
def test_every_operator_says_what_it_is(name: str) -> None:
    operator = TABLE[name]
    assert operator.equation.startswith("y")
    assert operator.doc.endswith(".")
    assert all(argument.doc for argument in operator.arguments)
    names = [argument.name for argument in operator.arguments]
    first = 1 if name == "embedding" else 0  # of which torch, too, wants the vocabulary first
    assert "n" not in names or names[first] == "n"
