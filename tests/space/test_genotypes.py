"""A genotype is a full account: replaying it gives the same architecture, and every way to make one gives members."""

from __future__ import annotations

import json
import random

import pytest
from small_spaces import SEARCHED, Watched, recursive, small

from nas.errors import SpaceError
from nas.space import Architecture, GenotypeError, Rejected, Space, load_space, shipped_spaces, space_from_text
from nas.space.deciders import Mutation, Random


def draws(space: Space, count: int, seed: int = 0) -> list[Architecture]:
    rng = random.Random(seed)
    return [space.sample(rng) for _ in range(count)]


@pytest.mark.parametrize("name", [*SEARCHED, "nasbench201"])
def test_replaying_a_genotype_gives_the_same_architecture(name: str) -> None:
    space = load_space(name)
    for drawn in draws(space, 8 if name != "nasbench201" else 2):
        stored = json.loads(json.dumps(drawn.genotype))
        again = space.replay(stored)
        assert again.graph == drawn.graph
        assert again.digest == drawn.digest and again.costs == drawn.costs and again.recipe == drawn.recipe
        assert list(again.genotype.items()) == list(drawn.genotype.items())
        assert again.domains == drawn.domains


@pytest.mark.parametrize("name", SEARCHED)
def test_every_draw_lies_in_its_domains(name: str) -> None:
    for drawn in draws(load_space(name), 20):
        assert drawn.genotype.keys() == drawn.domains.keys()
        assert all(drawn.domains[path].contains(value) for path, value in drawn.genotype.items())


def test_the_order_of_a_genotype_does_not_matter() -> None:
    space = load_space("residual-mlp")
    drawn = draws(space, 1)[0]
    shuffled = dict(sorted(drawn.genotype.items()))
    assert list(space.replay(shuffled).genotype) == list(drawn.genotype)


def test_the_same_seed_draws_the_same() -> None:
    space = load_space("grammar")
    assert [a.genotype for a in draws(space, 5, seed=3)] == [a.genotype for a in draws(space, 5, seed=3)]
    assert [a.genotype for a in draws(space, 5, seed=3)] != [a.genotype for a in draws(space, 5, seed=4)]


@pytest.mark.parametrize(
    ("genotype", "said"),
    [
        ({"depth": 9}, "`depth` is an integer from 1 to 8; the genotype says 9"),
        ({"act": "tanh"}, "`act` is one of relu, gelu, silu; the genotype says 'tanh'"),
        ({"depht": 3}, "`depht` is no decision of this architecture; did you mean `depth`"),
        ({"layer[0].width": 3}, "is no decision of this architecture"),
    ],
)
def test_partial_genotypes_that_are_wrong(genotype: dict[str, int], said: str) -> None:
    with pytest.raises(GenotypeError, match=said):
        load_space("residual-mlp").replay(genotype, random.Random(0))


def test_a_missing_decision_is_named() -> None:
    with pytest.raises(
        GenotypeError, match="the genotype does not say `skip`, which is an integer from 64 to 1024 in steps of 16"
    ):
        load_space("residual-mlp").replay({"depth": 3, "shape": "hourglass"})


def test_a_partial_genotype_is_completed_until_accepted() -> None:
    space = load_space("residual-mlp")
    rng = random.Random(0)
    for _ in range(20):
        completed = space.replay({"shape": "hourglass", "hidden": 48}, rng)
        assert completed.genotype["hidden"] == 48
        assert completed.genotype["skip"] > 48  # type: ignore[operator]


def test_a_replay_that_the_rules_reject() -> None:
    space = small(
        "return linear(linear(x, a), targets)", choose="{a: {int: [1, 9]}, b: [1, 2]}", require="[a < 5, b < a]"
    )
    with pytest.raises(Rejected) as rejected:
        space.replay({"a": 7, "b": 1})
    assert rejected.value.rule == "a < 5" and rejected.value.genotype == {"a": 7, "b": 1}
    with pytest.raises(SpaceError, match="none of 2,000 draws is accepted"):
        space.replay({"a": 7}, random.Random(0))
    assert space.replay({"a": 4}, random.Random(0)).genotype["a"] == 4


@pytest.mark.parametrize("name", shipped_spaces())
def test_seeds_are_members(name: str) -> None:
    space = load_space(name)
    for seed, design in space.seeds.items():
        completed = space.seed_space(seed).replay(design, random.Random(0))
        assert {path: completed.genotype[path] for path in design} == dict(design)


@pytest.mark.parametrize("name", SEARCHED)
def test_a_mutation_changes_something_and_is_a_member(name: str) -> None:
    space, rng = load_space(name), random.Random(1)
    for parent in draws(space, 6):
        child = space.mutate(parent.genotype, rng)
        assert child.genotype != parent.genotype
        assert space.replay(child.genotype).graph == child.graph


def test_a_mutation_touches_only_what_it_says() -> None:
    space, rng = load_space("mlp"), random.Random(0)
    parent = space.replay(
        {"depth": 3, "act": "relu", "norm": "identity", "rate": 0.1, **{f"layer[{i}].width": 64 for i in range(3)}}
    )
    child = space.build(Mutation(parent.genotype, frozenset({"layer[1].width"}), rng))
    assert {path for path in child.genotype if child.genotype[path] != parent.genotype[path]} == {"layer[1].width"}
    deeper = space.build(Mutation({**parent.genotype, "depth": 5}, frozenset(), rng))
    assert {path: deeper.genotype[path] for path in parent.genotype if path != "depth"} == {
        path: value for path, value in parent.genotype.items() if path != "depth"
    }
    assert set(deeper.genotype) - set(parent.genotype) == {"layer[3].width", "layer[4].width"}


@pytest.mark.parametrize("name", SEARCHED)
def test_a_child_of_two_takes_each_decision_from_a_parent(name: str) -> None:
    space, rng = load_space(name), random.Random(2)
    inherited = total = 0
    for first, second in zip(draws(space, 8), draws(space, 8, seed=1), strict=True):
        child = space.crossover(first.genotype, second.genotype, rng)
        assert space.replay(child.genotype).graph == child.graph
        for path, value in child.genotype.items():
            known = [parent.genotype[path] for parent in (first, second) if path in parent.genotype]
            inherited += value in known
            total += bool(known)
    assert inherited >= 0.9 * total  # a conditional domain may hold neither parent's value


def test_a_child_takes_block_calls_whole_or_decision_by_decision() -> None:
    space = small(
        "return linear(cell(cell(x)), targets)",
        """
        cell(z):
          choose: {a: {int: [1, 50]}, b: {int: [1, 50]}}
          body: |
            return linear(linear(z, a), b)
        """,
    )
    first, second = draws(space, 2)
    rng, whole, mixed = random.Random(0), 0, 0
    for _ in range(60):
        child = space.crossover(first.genotype, second.genotype, rng).genotype
        pairs = []
        for call in ("cell", "cell#2"):
            parents = [(p.genotype[f"{call}.a"], p.genotype[f"{call}.b"]) for p in (first, second)]
            a, b = child[f"{call}.a"], child[f"{call}.b"]
            assert a in {parent[0] for parent in parents}
            assert b in {parent[1] for parent in parents}
            pairs.append((a, b) in parents)
        whole += all(pairs)
        mixed += not all(pairs)
    assert whole >= 30  # half of the children keep calls whole, some of the others do by chance
    assert mixed >= 10


def test_neighbours_differ_in_one_decision() -> None:
    space, rng = load_space("residual-mlp"), random.Random(0)
    parent = draws(space, 1)[0].genotype
    found = [neighbour.genotype for neighbour in space.neighbours(parent, rng)]
    assert len(found) > 20
    for genotype in found:
        assert len([path for path in parent if genotype[path] != parent[path]]) == 1
    assert len({json.dumps(genotype, sort_keys=True) for genotype in found}) > 0.9 * len(found)


def test_neighbours_of_a_conditional_space_keep_the_rest() -> None:
    space, rng = recursive(4), random.Random(0)
    parent = draws(space, 1, seed=5)[0].genotype
    for neighbour in space.neighbours(parent, rng):
        changed = {path for path in parent if path in neighbour.genotype and neighbour.genotype[path] != parent[path]}
        assert len(changed) == 1


def test_reading_draws_and_nothing_else() -> None:
    space = small(
        """
        z = x
        if kind == "deep":
            for i in range(depth):
                z = relu(z)
        elif kind == "wide":
            z = linear(z, width)
        return linear(z, targets)
        """,
        choose="{kind: [deep, wide, flat], depth: [1, 2], width: {int: [1, 9]}}",
    )
    for genotype, read in (
        ({"kind": "deep", "depth": 2}, ["kind", "depth"]),
        ({"kind": "wide", "width": 3}, ["kind", "width"]),
        ({"kind": "flat"}, ["kind"]),
    ):
        watched = Watched(genotype)
        assert list(space.build(watched).genotype) == watched.asked == read
    with pytest.raises(GenotypeError, match="`depth` is no decision of this architecture"):
        space.replay({"kind": "flat", "depth": 2})


def test_short_circuits_do_not_read() -> None:
    space = small(
        "z = linear(x, 3) if a == 1 and b == 1 else x\nreturn linear(z, targets)", choose="{a: [1, 2], b: [1, 2]}"
    )
    assert list(space.replay({"a": 2}).genotype) == ["a"]
    assert list(space.replay({"a": 1, "b": 2}).genotype) == ["a", "b"]


def test_a_path_does_not_depend_on_the_branches_taken() -> None:
    space = small(
        """
        z = x
        if first:
            z = layer(z)
        for i in range(depth):
            z = layer(z)
        z = layer(z)
        return linear(z, targets)
        """,
        """
        layer(z):
          choose: {width: {int: [1, 64]}}
          body: |
            return linear(z, width)
        """,
        choose="{first: [true, false], depth: {int: [0, 3]}}",
    )
    rng, known = random.Random(0), set()
    for _ in range(40):
        drawn = space.sample(rng)
        known |= set(drawn.genotype)
        assert "layer#3.width" in drawn.genotype
        assert ("layer.width" in drawn.genotype) == drawn.genotype["first"]
    assert known == {"first", "depth", "layer.width", "layer#3.width", *(f"layer#2[{i}].width" for i in range(3))}


def test_paths_of_nested_calls_and_loops() -> None:
    space = small(
        """
        for i in range(2):
            x = stage(x)
        return linear(x, targets)
        """,
        """
        stage(z): |
          for j in range(2):
              for k in range(2):
                  z = cell(z)
          return z
        cell(z):
          choose: {width: {int: [1, 64]}, op: [other, linear]}
          body: |
            return op(z, width)
        other(z, n):
          choose: {act: [relu, gelu]}
          body: |
            return act(linear(z, n))
        """,
    )
    paths = {path for drawn in draws(space, 20) for path in drawn.genotype}
    cells = [f"stage[{i}].cell[{j}][{k}]" for i in range(2) for j in range(2) for k in range(2)]
    assert paths == {f"{cell}.{name}" for cell in cells for name in ("width", "op", "op.other.act")}


def test_random_is_a_decider() -> None:
    space = small("return linear(linear(x, n), targets)", choose="{n: {int: [1, 9]}}")
    assert space.build(Random(random.Random(0))).genotype == space.sample(random.Random(0)).genotype


def test_one_design_of_a_thousand_is_found() -> None:
    """Rules that refuse after the first decisions hide nothing of what the later ones would be."""
    names = "abcdefghij"
    choose = ", ".join(f"{name}: [off_, on_]" for name in names)
    rules = ", ".join(f"{name} == 'on_'" for name in names)
    space = space_from_text(
        f"space: rare\ninputs: {{x: [features]}}\noutputs: [targets]\nsizes: {{features: 4, targets: 2}}\n"
        f"choose: {{{choose}}}\nrequire: [{rules}]\nmodel: |\n  return linear(x, targets)\n"
    )
    assert set(space.sample(random.Random(0)).genotype.values()) == {"on_"}


def test_a_rare_option_is_waited_for() -> None:
    space = space_from_text(
        "space: rare\ninputs: {x: [features]}\noutputs: [targets]\nsizes: {features: 4, targets: 2}\n"
        "choose: {a: {choice: [off_, on_], weights: [999, 1]}}\nrequire: [a == 'on_']\nmodel: |\n  return linear(x, targets)\n"
    )
    assert space.sample(random.Random(0)).genotype["a"] == "on_"
