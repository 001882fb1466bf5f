"""Motifs on values whose cause is a known pattern, and on values without a cause."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from nas.graph.graph import Graph
from nas.pareto.front import Front, frontier
from nas.pareto.motifs import counted, motifs
from nas.pareto.report.motifs import motifs_section
from nas.space import space_from_text
from nas.study.objectives import Goal
from nas.study.records import StudyRecord, TrialRecord

pytest.importorskip("sklearn")

SPACE = space_from_text(
    """
space: chains
inputs: {x: [features]}
outputs: [classes]
sizes: {features: 8, classes: 3}
choose:
  width: {int: [4, 64], log: true}
  depth: {int: [1, 4]}
blocks:
  layer(z):
    choose:
      act: [relu, tanh, silu]
    body: |
      return act(linear(z, width))
model: |
  z = x
  for i in range(depth):
      z = layer(z)
  return linear(z, classes)
"""
)


@pytest.fixture
def searched(
    new_trial: Callable[..., TrialRecord], new_study: Callable[..., StudyRecord]
) -> Callable[[Callable[[Graph, random.Random], float], int], Front]:
    def searched(accuracy: Callable[[Graph, random.Random], float], n: int) -> Front:
        rng, goal = random.Random(0), Goal.parse(["maximize accuracy", "minimize params"], [], ["accuracy"])
        trials = []
        for number in range(n):
            design = SPACE.sample(rng)
            value, params = accuracy(design.graph, rng), design.costs.params
            trials.append(
                new_trial(
                    number, genotype=dict(design.genotype), costs={"params": params}, metrics={"accuracy": value},
                    values=(value, params), feasible=True,
                )
            )  # fmt: skip
        return frontier(new_study(trials, goal))

    return searched


def graph_of(trial: TrialRecord) -> Graph:
    return SPACE.replay(trial.genotype).graph


def tanhs(graph: Graph) -> int:
    return sum(node.op == "tanh" for node in graph.nodes)


def test_the_pattern_that_decides_is_found(searched: Callable[..., Front]) -> None:
    (found,) = motifs(searched(lambda graph, rng: 0.5 - 0.1 * tanhs(graph) + rng.gauss(0, 0.01), 150), graph_of)
    assert found.fit > 0.8
    assert found.found[0].name.startswith("tanh(linear")
    assert found.found[0].effect < 0
    assert found.found[0].is_clear
    better = [one.name for one in found.found if one.is_clear and one.effect > 0.01]
    assert not [name for name in better if "tanh" in name]


def test_luck_has_no_motif(searched: Callable[..., Front]) -> None:
    front = searched(lambda graph, rng: rng.random(), 150)
    (found,) = motifs(front, graph_of)
    assert found.fit < 0.1
    assert sum(one.is_clear for one in found.found) <= 0.15 * len(found.found)
    said = "Patterns and size predict too little of accuracy to say which matter."
    assert (
        motifs_section(front, graph_of) == f'<section id="motifs"><h2>Motifs</h2><p class=aside>{said}</p></section>'
    ), "one sentence"


def test_size_is_no_pattern(searched: Callable[..., Front]) -> None:
    """Deeper networks have more of every pattern, and more parameters: what size explains is left to it."""
    import math

    def accuracy(graph: Graph, rng: random.Random) -> float:
        from nas.graph.cost import costs

        return math.log10(costs(graph).params) / 10 + rng.gauss(0, 0.002)

    (found,) = motifs(searched(accuracy, 150), graph_of)
    assert found.fit > 0.9
    assert all(abs(one.effect) < 0.01 for one in found.found)


def test_the_section_shows_both_signs(searched: Callable[..., Front]) -> None:
    def accuracy(graph: Graph, rng: random.Random) -> float:
        relus = sum(node.op == "relu" for node in graph.nodes)
        return 0.5 - 0.1 * tanhs(graph) + 0.1 * relus + rng.gauss(0, 0.01)

    page = motifs_section(searched(accuracy, 150), graph_of)
    assert '<section id="motifs">' in page
    assert page.index(">relu(linear") < page.index(">tanh(linear")
    assert "150 candidates; patterns and size predict 9" in page
    assert "<span class=path>_</span> is the network's input" in page


def test_patterns_that_always_occur_together_are_one(searched: Callable[..., Front]) -> None:
    (found,) = motifs(searched(lambda graph, rng: 0.5 - 0.1 * tanhs(graph) + rng.gauss(0, 0.01), 60), graph_of)
    names = [one.name for one in found.found]
    assert any(" with " in name for name in names)
    assert not any(" = " in name for name in names)


@pytest.mark.parametrize("n", [5, 29])
def test_few_candidates_say_nothing(searched: Callable[..., Front], n: int) -> None:
    front = searched(lambda graph, rng: rng.random(), n)
    assert motifs(front, graph_of) == ()
    assert motifs_section(front, graph_of) == ""


def test_candidates_without_a_graph_are_left_out(searched: Callable[..., Front]) -> None:
    front = searched(lambda graph, rng: rng.random(), 60)
    nothing: Any = lambda trial: None  # noqa: E731
    assert motifs(front, nothing) == ()
    (found,) = motifs(front, lambda trial: graph_of(trial) if trial.number % 3 else None)
    assert found.n == 40


def test_repeats_count() -> None:
    rng = random.Random(3)
    design = next(one for one in (SPACE.sample(rng) for _ in range(200)) if one.genotype["depth"] == 3)
    counts = counted(design.graph)
    assert (
        sum(count for name, count in counts.items() if name.startswith("linear(")) == 7
    )  # 4 layers, two depths but for the first
    assert counts["linear(_)"] >= 1
