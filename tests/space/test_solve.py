"""A solved value is the largest that satisfies its rule; it follows from the decisions, and nobody chooses it."""

from __future__ import annotations

import json
import math
import random
from collections import Counter
from contextlib import suppress

import pytest
from small_spaces import small

from nas.errors import SpaceError
from nas.space import Architecture, Domain, GenotypeError, Rejected, Space, Value
from nas.space.check import check
from nas.space.deciders import Random

MODEL = """
z = linear(x, skip)
for i in range(depth):
    if shape == "wide":
        z = z + linear(act(linear(z, hidden)), skip)
    else:
        z = linear(act(linear(z, hidden)), skip)
return linear(z, targets)
"""
CHOOSE = """
shape: [wide, narrow]
depth: {int: [1, 2]}
skip: [4, 7]
act: [relu, layer_norm]
budget: [60, 200, 900]
"""
BUDGETS = CHOOSE.replace("60, 200, 900", "20000, 50000")
RULES = [
    "params <= budget",
    "params < budget",
    "budget >= params",
    "params <= 0.7 * budget + features",
    "trainable_params <= budget",
    "macs <= 2 * budget",
    "activation_bytes <= budget",
    "params + macs <= 2 * budget",
    "params <= budget and macs <= budget",
    'params <= budget if shape == "wide" else macs <= budget',
    "not params > budget",
]


def solving(rule: str, bounds: str, choose: str = CHOOSE, require: tuple[str, ...] = ()) -> Space:
    """The space in which `hidden` is the largest value that satisfies the rule."""
    return spelled(choose + f"hidden: {{solve: {json.dumps(rule)}, {bounds}}}", require)


def choosing(bounds: str, *require: str, choose: str = CHOOSE) -> Space:
    """The same space with `hidden` as a decision like any other."""
    return spelled(choose + f"hidden: {{{bounds}}}", require)


def spelled(choose: str, require: tuple[str, ...]) -> Space:
    rules = {"require": "".join(f"- {json.dumps(rule)}\n" for rule in require)} if require else {}
    return small(MODEL, choose=choose, **rules)


def key(genotype: dict[str, Value]) -> str:
    return json.dumps(genotype, sort_keys=True)


def largest(space: Space) -> dict[str, int]:
    """For each choice of all other decisions the largest `hidden` that the rules accept, found by trying all."""
    found: dict[str, int] = {}
    for design in space.enumerate():
        genotype = dict(design.genotype)
        hidden = genotype.pop("hidden")
        assert isinstance(hidden, int)
        found[key(genotype)] = max(hidden, found.get(key(genotype), 0))
    return found


def solutions(space: Space) -> dict[str, int]:
    return {key(dict(design.genotype)): design.solved["hidden"] for design in space.enumerate()}


def matched(bounds: str = "int: [1, 4096]") -> Space:
    return solving("params <= budget", bounds, BUDGETS)


class Counted:
    """Random decisions, and how often each was asked for."""

    def __init__(self, seed: int) -> None:
        self.random = Random(random.Random(seed))
        self.asked: Counter[str] = Counter()

    def decide(self, path: str, domain: Domain) -> Value:
        self.asked[path] += 1
        return self.random.decide(path, domain)


# ---------------------------------------------------------------------- the law


@pytest.mark.parametrize("bounds", ["int: [1, 30]", "int: [3, 40], step: 4", "int: [5, 5]", "int: [2, 3]"])
@pytest.mark.parametrize("rule", RULES)
def test_it_is_what_trying_all_values_finds(rule: str, bounds: str) -> None:
    space, expected = solving(rule, bounds), largest(choosing(bounds, rule))
    assert expected == solutions(space) != {}
    assert str(space.count()) == f"{len(expected):,}"


@pytest.mark.parametrize("seed", range(4))
def test_the_value_satisfies_the_rule_and_the_next_does_not(seed: int) -> None:
    step, high = 3, 3001
    space = matched(f"int: [1, {high}], step: {step}")
    free = choosing(f"int: [1, {high + step}], step: {step}", "budget > 0", choose=BUDGETS)
    rng = random.Random(seed)
    for _ in range(10):
        design = space.sample(rng)
        hidden, budget = design.solved["hidden"], design.genotype["budget"]
        assert isinstance(budget, int) and (hidden - 1) % step == 0
        assert design.costs.params <= budget
        assert free.replay({**design.genotype, "hidden": hidden}).graph == design.graph
        above = free.replay({**design.genotype, "hidden": hidden + step})
        assert above.costs.params > budget or hidden == high


def test_shapes_are_compared_with_parameters_that_differ_by_less_than_a_step() -> None:
    """What the domain is for: an hourglass and a conventional block, each as large as the budget allows."""
    space = matched()
    for skip in (4, 7):
        for budget in (20_000, 50_000):
            rest: dict[str, Value] = {"depth": 2, "skip": skip, "act": "relu", "budget": budget}
            wide, narrow = (space.replay({"shape": shape, **rest}) for shape in ("wide", "narrow"))
            step = 2 * (2 * skip + 1)  # parameters that one more hidden unit takes in two layers
            assert budget - step < wide.costs.params <= budget
            assert abs(wide.costs.params - narrow.costs.params) < step


def test_the_highest_value_is_taken_where_the_rule_allows_all() -> None:
    assert set(solutions(solving("params <= 10 ** 6 + budget", "int: [1, 30]")).values()) == {30}


def test_a_candidate_whose_lowest_value_breaks_the_rule_is_rejected_by_it() -> None:
    space = solving("params <= budget", "int: [500, 600]")
    genotype: dict[str, Value] = {"shape": "wide", "depth": 1, "skip": 7, "act": "relu", "budget": 60}
    with pytest.raises(Rejected) as rejected:
        space.replay(genotype)
    assert rejected.value.rule == "params <= budget"
    assert "hidden" not in rejected.value.genotype and "hidden" not in rejected.value.domains
    with pytest.raises(SpaceError, match=r"no candidate is accepted[\s\S]*params <= budget / 10") as nothing:
        solving("params <= budget / 10", "int: [500, 600]").sample(random.Random(0))
    assert nothing.value.faults[0].place is not None


def test_a_hopeless_candidate_is_given_up_early() -> None:
    model = "z = linear(x, hidden)\nfor i in range(400):\n    z = act(linear(z, hidden))\nreturn linear(z, targets)"
    space = small(model, choose='act: [relu, gelu]\nhidden: {solve: "params <= 999", int: [200, 300]}')
    with pytest.raises(Rejected) as rejected:
        space.build(Random(random.Random(0)))
    assert rejected.value.rule == "params <= 999" and rejected.value.steps < 100


def test_bounds_and_step_may_be_decisions() -> None:
    choose = CHOOSE + "most: [10, 20]\nby: [1, 3]\n"
    bounds = "int: [skip, most], step: by"
    assert solutions(solving("params <= budget", bounds, choose)) == largest(
        choosing(bounds, "params <= budget", choose=choose)
    )


def test_a_space_may_have_nothing_but_the_solved_value() -> None:
    space = small(
        "return linear(linear(x, hidden), targets)", choose='\nhidden: {solve: "params <= 100", int: [1, 99]}'
    )
    (design,) = space.enumerate()
    assert dict(design.genotype) == {} and design.solved == {"hidden": 7}
    assert space.count().value == 1 and space.mutate({}, random.Random(0)).solved == {"hidden": 7}


def test_blocks_and_the_recipe_read_it_too() -> None:
    blocks = "wide(z): |\n  return z + linear(relu(linear(z, hidden)), size(z, features))"
    choose = 'depth: {int: [1, 3]}\nhidden: {solve: "params <= 2000", int: [1, 999]}'
    model = "z = x\nfor i in range(depth):\n    z = wide(z)\nreturn linear(z, targets)"
    space = small(model, blocks, choose=choose, recipe="{warmup: 2 * hidden}")
    for depth in (1, 2, 3):
        design = space.replay({"depth": depth})
        assert design.recipe == {"warmup": 2 * design.solved["hidden"]}
        assert 2000 - 17 * depth < design.costs.params <= 2000


def test_a_number_of_layers_can_be_solved_and_limits_bound_it_like_the_rule() -> None:
    model = "z = x\nfor i in range(depth):\n    z = act(linear(z, 8))\nreturn linear(z, targets)"
    choose = 'act: [relu, gelu]\ndepth: {solve: "params <= budget", int: [1, 64]}\nbudget: [200, 100000]'
    assert small(model, choose=choose).replay({"act": "relu", "budget": 200}).solved == {"depth": 2}
    assert small(model, choose=choose).replay({"act": "relu", "budget": 100_000}).solved == {"depth": 64}
    limited = small(model, choose=choose, limits="{nodes: 20}").replay({"act": "relu", "budget": 100_000})
    assert limited.solved == {"depth": 9}


def test_candidates_that_do_without_it_have_no_value_and_its_rule_does_not_apply() -> None:
    model = 'if shape == "wide":\n    x = linear(x, hidden)\nreturn linear(x, targets)'
    space = small(model, choose='shape: [wide, bare]\nhidden: {solve: "params <= 35", int: [1, 99]}')
    assert {design.genotype["shape"]: dict(design.solved) for design in space.enumerate()} == {
        "wide": {"hidden": 2},
        "bare": {},
    }
    assert space.replay({"shape": "bare"}).costs.params == 36
    with pytest.raises(GenotypeError, match="`hidden` is no decision of this architecture"):
        space.replay({"shape": "bare", "hidden": 2})


# ---------------------------------------------------------------------- other rules judge the solution alone


@pytest.mark.parametrize(
    "rule", ["hidden % 2 == 0", "hidden < 5 * skip", "macs <= 180", "params >= 195", 'act == "relu" or shape == "wide"']
)
def test_other_rules_judge_the_solution(rule: str) -> None:
    everything, fewer = (solving("params <= budget", "int: [1, 40]", require=rules) for rules in ((), (rule,)))
    judge = choosing("int: [1, 40]", "budget > 0", rule)
    expected = {}
    for design in everything.enumerate():
        with suppress(Rejected):
            judge.replay({**design.genotype, **design.solved})
            expected[key(dict(design.genotype))] = design.solved["hidden"]
    assert solutions(fewer) == expected
    assert 0 < len(expected) < len(solutions(everything))


def test_the_rules_of_a_block_judge_the_solution() -> None:
    blocks = "layer(z, n):\n  require: [n % 4 == 0]\n  body: |\n    return linear(linear(z, n), 8)"
    choose = 'budget: {int: [60, 200]}\nhidden: {solve: "params <= budget", int: [1, 99]}'
    space = small("return linear(layer(x, hidden), targets)", blocks, choose=choose)
    values = {design.solved["hidden"] for design in space.enumerate()}
    assert values == {4, 8}
    with pytest.raises(Rejected, match="n % 4 == 0") as rejected:
        space.replay({"budget": 80})
    assert rejected.value.genotype == {"budget": 80} and rejected.value.steps > 0


# ---------------------------------------------------------------------- nobody chooses it


def test_a_decider_is_asked_for_every_decision_once_and_never_for_the_solved_one() -> None:
    for seed in range(20):
        decider = Counted(seed)
        design = matched().build(decider)
        assert "hidden" not in decider.asked and set(decider.asked.values()) == {1}
        assert decider.asked.keys() == design.genotype.keys() == design.domains.keys()
        assert list(design.solved) == ["hidden"]


@pytest.mark.parametrize("high", [2, 3, 64, 65, 4096])
def test_a_solved_draw_takes_few_builds(high: int, monkeypatch: pytest.MonkeyPatch) -> None:
    builds = 0
    execute = Space.execute

    def counted(self: Space, *arguments: object) -> Architecture:
        nonlocal builds
        builds += 1
        return execute(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Space, "execute", counted)
    space = matched(f"int: [1, {high}]")
    for seed in range(10):
        builds = 0
        space.build(Random(random.Random(seed)))
        assert 2 <= builds <= 2 + math.ceil(math.log2(high))


def test_replaying_gives_the_same_architecture_with_or_without_the_solved_value() -> None:
    space = matched()
    design = space.sample(random.Random(0))
    stored = json.loads(json.dumps(design.genotype))
    for genotype in (stored, {**stored, **design.solved}):
        again = space.replay(genotype)
        assert (again.graph, again.digest, again.recipe) == (design.graph, design.digest, design.recipe)
        assert list(again.genotype.items()) == list(design.genotype.items()) and again.solved == design.solved


def test_a_genotype_cannot_set_it() -> None:
    space = matched()
    design = space.sample(random.Random(0))
    wrong = {**design.genotype, "hidden": design.solved["hidden"] + 1}
    said = rf"`hidden` is solved to be {design.solved['hidden']} here; it cannot be set to another value"
    with pytest.raises(GenotypeError, match=said):
        space.replay(wrong)
    with pytest.raises(GenotypeError, match=said):
        space.replay(wrong, random.Random(0))


def test_partial_genotypes_and_seeds_are_completed() -> None:
    choose = CHOOSE + 'hidden: {solve: "params <= budget", int: [1, 4096]}'
    space = small(MODEL, choose=choose, seeds="{known: {depth: 2, budget: 900}}")
    assert check(space, draws=20).accepted > 0
    design = space.replay(space.seeds["known"], random.Random(0))
    assert design.genotype["depth"] == 2 and 900 - 40 < design.costs.params <= 900


def test_children_and_neighbours_are_solved_anew() -> None:
    space, rng = matched(), random.Random(0)
    mother, father = (space.sample(rng) for _ in range(2))
    children = [space.crossover(mother.genotype, father.genotype, rng) for _ in range(10)]
    children += [space.mutate({**mother.genotype, **mother.solved}, rng) for _ in range(10)]
    near = list(space.neighbours({**mother.genotype, **mother.solved}, rng))
    assert len(near) == 5 == len({key(dict(design.genotype)) for design in near})
    for child in (*children, *near):
        assert space.replay(child.genotype).solved == child.solved
        assert "hidden" not in child.genotype
    assert all(child.genotype != mother.genotype for child in (*children[10:], *near))


def test_a_solved_space_is_flat_if_its_decisions_are() -> None:
    assert matched().is_flat
    nested = small(
        'if act == "relu":\n    x = linear(x, skip)\nreturn linear(relu(linear(x, hidden)), targets)',
        choose='act: [relu, gelu]\nskip: [4, 8]\nhidden: {solve: "params <= 900", int: [1, 99]}',
    )
    assert not nested.is_flat


def test_a_large_space_is_estimated_without_the_solved_value() -> None:
    choose = 'a: {int: [1, 100]}\nb: {int: [1, 100]}\nhidden: {solve: "params <= 10 ** 7", int: [1, 4096]}'
    space = small("return linear(linear(linear(linear(x, a), b), hidden), targets)", choose=choose)
    count = space.count()
    assert not count.exact and count.value == pytest.approx(10_000, abs=5 * count.error + 1)


def test_a_binding_to_other_sizes_solves_anew() -> None:
    space = matched().bind([[100]], [[10]])
    design = space.sample(random.Random(0))
    budget = design.genotype["budget"]
    assert isinstance(budget, int)
    assert budget - 100 < design.costs.params <= budget


# ---------------------------------------------------------------------- contradictions end a draw, a mutation, a search


CONDITIONAL = 'act: [relu, gelu]\nhidden: {solve: "params <= 5000", int: [8, 4096]}'


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize(
    ("model", "choose", "said"),
    [
        (
            "z = linear(x, hidden)\nif hidden > 100:\n    z = act(z)\nreturn linear(z, targets)",
            CONDITIONAL,
            "the equations read `act` with `hidden = 519` and not with `hidden = 8`; a solved value may not decide which",
        ),
        (
            "z = linear(x, hidden)\nif hidden < 100:\n    z = act(z)\nreturn linear(z, targets)",
            CONDITIONAL,
            "the equations read `act` with `hidden = 263` and not with `hidden = 4096`|with `hidden = 8` and not with",
        ),
        (
            "return linear(act(linear(linear(x, hidden), other)), targets)",
            CONDITIONAL + "\nother: {int: [8, hidden]}",
            r"`other` is an integer from 8 to \d+, with `hidden = 8` an integer from 8 to 8; what is chosen from may not",
        ),
        (
            "parts = split(linear(x, hidden), 8)\nreturn linear(act(parts[0] + parts[1]), targets)",
            CONDITIONAL,
            r"with `hidden = 2052`, a value that the search for the largest passes: [\s\S]*`split` into 8[\s\S]*a `step` leaves",
        ),
        (
            "return linear(act(linear(x, hidden)), targets)",
            CONDITIONAL.replace("<= 5000", ">= 5000"),
            "`params >= 5000` holds with `hidden = 4096` and not with `hidden = 8`; the largest value is solved for",
        ),
        (
            "return linear(act(linear(x, 5000 - hidden)), targets)",
            CONDITIONAL.replace("5000", "80_000"),
            r"`params` falls from [\d,]+ with `hidden = 8` to [\d,]+ with `hidden = 4096`",
        ),
    ],
)
def test_probes_that_contradict_one_another(model: str, choose: str, said: str, strict: bool) -> None:
    space = small(model, choose=choose)
    with pytest.raises(SpaceError, match=said):
        space.build(Random(random.Random(0)), strict)
    with pytest.raises(SpaceError, match=said):
        space.mutate({"act": "relu"}, random.Random(0))


def test_a_cost_that_falls_between_two_probes_is_noticed() -> None:
    """Both ends agree with the rule; a value between them shows that the cost does not only grow."""
    model = "n = 50 if hidden < 100 else 10 if hidden < 2000 else 5000\nreturn linear(act(linear(x, n)), targets)"
    with pytest.raises(SpaceError, match="`params` falls from 654 with `hidden = 8` to 134 with `hidden = 1030`"):
        small(model, choose=CONDITIONAL).sample(random.Random(0))
