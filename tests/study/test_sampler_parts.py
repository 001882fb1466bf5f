"""The parts that samplers are made of, each against what a person can see."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np
import toys

from nas.space.domains import Integer
from nas.study.mirror import Mirror, Point
from nas.study.objectives import Goal
from nas.study.ranking import ranks
from nas.study.samplers import make_sampler
from nas.study.samplers.bohb import at_level, levels
from nas.study.samplers.neighbours import moved
from nas.study.samplers.nsga3 import associated, directions, niched, normalized, survivors

ONE = Goal.parse(["maximize accuracy"], [], ["accuracy"])


def told(number: int, *losses: float, **genotype: Any) -> Point:
    return Point(dict(genotype), dict(genotype), "told", number, losses=losses)


def line(decide: toys.Decide) -> tuple[int, Any]:
    values = [decide(name, Integer(0, 9)) for name in "ab"]
    return 1, values


def mirrored(space: toys.ToySpace, genotypes: list[dict[str, int]], loss: Any) -> Mirror:
    mirror = Mirror()
    for number, genotype in enumerate(genotypes):
        design = space.replay(genotype)
        mirror.parameters.named(design.genotype, design.domains)
        mirror.add(told(number, loss(genotype), **genotype))
    mirror.results = len(genotypes)
    return mirror


def test_evolution_forgets_the_old_however_good() -> None:
    space: Any = toys.ToySpace(line, "line")
    sampler = make_sampler({"name": "evolution", "population": 3, "tournament": 8}, space, ONE)
    mirror = mirrored(space, [{"a": i, "b": 0} for i in range(6)], lambda genotype: float(genotype["a"]))
    origins = {sampler.propose(mirror, seed).origin for seed in range(20)}
    assert "mutation of 3" in origins, "the best of the last three"
    assert origins <= {"mutation of 3", "mutation of 4", "mutation of 5"}


def test_local_search_takes_unknown_neighbours_of_the_best_and_then_starts_anew() -> None:
    space: Any = toys.ToySpace(line, "line")
    sampler = make_sampler({"name": "local-search", "startup": 1}, space, ONE)
    mirror = mirrored(space, [{"a": 5, "b": 5}, {"a": 0, "b": 0}], lambda genotype: float(genotype["a"] == 0))
    seen = set()
    while (proposal := sampler.propose(mirror, len(mirror.points))).origin == "neighbour of 0":
        genotype: Any = dict(proposal.architecture.genotype)
        assert (genotype["a"] == 5) != (genotype["b"] == 5)
        assert str(genotype) not in seen
        seen.add(str(genotype))
        mirror.add(told(len(mirror.points), 2.0, **genotype))
    assert len(seen) == 18
    assert {sampler.propose(mirror, seed).origin for seed in range(20)} == {"random", "neighbour of 1"}


def test_tabu_leaves_alone_what_it_has_just_changed() -> None:
    space: Any = toys.ToySpace(line, "line")
    settings = {"name": "tabu", "startup": 1, "neighbourhood": 3, "patience": 9, "tenure": 1}
    around = [{"a": 5, "b": 4}, {"a": 2, "b": 5}, {"a": 5, "b": 6}]
    mirror = mirrored(space, around, lambda genotype: abs(genotype["a"] - 2.0))
    assert moved([mirror.points[i] for i in (1, 0, 2)]) == {"a"}
    sampler = make_sampler(settings, space, ONE)
    for seed in range(10):
        proposal = sampler.propose(mirror, seed)
        assert proposal.origin == "neighbour of 1"
        assert proposal.architecture.genotype["a"] == 2, "only `b` may change"
    for b in set(range(10)) - {5}:
        mirror.add(Point({}, {"a": 2, "b": b}, "refused", None))
    assert sampler.propose(mirror, 0).architecture.genotype["a"] != 2, "where nothing else is unknown it may"


def test_bohb_models_the_highest_level_that_enough_have_reached() -> None:
    mirror = Mirror(reached={1: {0: (3.0,), 1: (2.0,), 2: (1.0,), 9: (0.0,)}, 3: {1: (1.5,), 2: (0.5,)}}, budget=9)
    mirror.add(Point({}, {"a": 0}, "told", 0, losses=(3.0,), stopped=True))
    mirror.add(Point({}, {"a": 1}, "told", 1, losses=(1.0,)))
    mirror.add(Point({}, {"a": 2}, "pending", 2))
    mirror.add(Point({}, {"a": 9}, "refused", 9, violation=1.0))
    assert levels(mirror) == [{1: (1.0,)}, {1: (1.5,), 2: (0.5,)}, {0: (3.0,), 1: (2.0,), 2: (1.0,)}]
    seen = at_level(mirror, levels(mirror)[1]).points
    assert [(point.number, point.state, point.losses) for point in seen] == [
        (1, "told", (1.5,)),
        (2, "told", (0.5,)),
        (9, "refused", None),
    ]


def test_nsga3_spreads_what_it_keeps_over_its_directions() -> None:
    """A crowd in the middle of a straight front, and one point at each end: the ends stay."""
    middle = [told(i, 0.5 + i / 1000, 0.5 - i / 1000) for i in range(10)]
    points = [*middle, told(10, 0.0, 1.0), told(11, 1.0, 0.0)]
    rank = ranks(np.array([point.losses for point in points]))
    assert set(rank) == {0}
    kept = survivors(points, rank, 3, Random(0))
    assert {10, 11} < set(kept) and len(kept) == 3
    assert len(set(survivors(points, rank, 12, Random(0)))) == 12


def test_directions_and_the_points_near_them() -> None:
    laid = directions(3, 15)
    assert laid.shape == (15, 3) and np.allclose(laid.sum(axis=1), 1.0)
    nearest, apart = associated(np.array([[2.0, 0.0], [1.0, 1.0], [0.0, 0.5]]), directions(2, 3))
    assert nearest.tolist() == [2, 1, 0] and np.allclose(apart, 0.0)
    losses = np.array([[1.0, 10.0], [2.0, 20.0], [3.0, 15.0], [1.5, 12.0]])
    assert normalized(losses).min() == 0.0, "from the best of each"
    assert np.isfinite(normalized(np.ones((3, 2)))).all(), "where there is nothing to tell apart"
    chosen = niched(np.array([0, 0, 1]), np.array([0.2, 0.1, 0.3]), np.array([1, 1]), 1, Random(0))
    assert chosen == [1], "the nearest of the direction that has none"
