"""A space that remembers builds the same designs as one that does not, and each of them once."""

from __future__ import annotations

import random
from typing import Any

import pytest
from small_spaces import SEARCHED, small

from nas.graph.builder import Builder
from nas.space import GenotypeError, Rejected, Space, load_space, memory
from nas.space.deciders import Random, Replay


def told(space: Space, decider: Any) -> Any:
    """All that a build says."""
    try:
        design = space.build(decider)
    except Rejected as rejected:
        return rejected.rule, list(rejected.genotype.items()), rejected.domains, rejected.steps
    return list(design.genotype.items()), design.domains, design.graph, design.recipe, design.costs, design.solved


@pytest.mark.parametrize("most", [100, memory.N_REMEMBERED])
@pytest.mark.parametrize("name", [*SEARCHED, "solved"])
def test_it_builds_the_same(name: str, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "N_REMEMBERED", most)
    solved = {"choose": '{n: {solve: "params <= 400", int: [1, 64]}, deep: [1, 2]}'}
    equations = "for i in range(deep):\n    x = linear(x, n)\nreturn linear(x, targets)"
    plain = small(equations, **solved) if name == "solved" else load_space(name)
    space = plain.remembering()
    one, other = random.Random(0), random.Random(0)
    for turn in range(30):
        assert told(space, Random(one)) == told(plain, Random(other))
        seen = plain.sample(random.Random(turn // 3)).genotype  # each comes three times
        father = plain.sample(random.Random(turn % 3)).genotype
        for made, wanted in (
            (space.replay(seen), plain.replay(seen)),
            (space.mutate(seen, one), plain.mutate(seen, other)),
            (space.crossover(seen, father, one), plain.crossover(seen, father, other)),
        ):
            assert made == wanted
            assert list(made.genotype) == list(wanted.genotype)
        assert one.getstate() == other.getstate(), "the deciders were asked the same questions"


def test_what_is_remembered_is_not_built_again(monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[Builder] = []
    finish = Builder.finish
    monkeypatch.setattr(Builder, "finish", lambda self, outputs: built.append(self) or finish(self, outputs))  # type: ignore[func-returns-value]
    space = small("return linear(x, targets, bias=b)", choose="{b: [true, false]}", require="[b or params > 3]")
    space = space.remembering()
    rng = random.Random(0)
    designs = [space.sample(rng) for _ in range(20)]
    assert len(built) == len({id(design) for design in designs}) == 2
    space.with_sizes({"features": 5}).sample(rng)
    assert len(built) == 3, "with other sizes it is another space"


def test_rejections_are_remembered() -> None:
    space = small("return linear(x, targets)", choose="{n: [1, 2]}", require='["n > 1"]').remembering()
    for _ in range(2):
        with pytest.raises(Rejected, match="n > 1") as caught:
            space.build(Replay({"n": 1}))
        assert caught.value.genotype == {"n": 1}
        with pytest.raises(GenotypeError, match="the genotype says 3"):
            space.build(Replay({"n": 3}))


def test_a_value_keeps_its_type() -> None:
    plain = small("return linear(x, targets)", choose="{rate: {float: [0, 1]}}", recipe="{lr: rate}")
    space = plain.remembering()
    for value in (1, 1.0):
        wanted, found = plain.replay({"rate": value}), space.replay({"rate": value})
        assert repr(found.genotype) == repr(wanted.genotype) == f"{{'rate': {value}}}"
