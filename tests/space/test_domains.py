"""Every draw is a member, every member can be drawn, and `values` lists what `contains` accepts."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_spaces import built, small

from nas.space import Categorical, Domain, Integer, Real
from nas.space.deciders import another


@st.composite
def integers(draw: st.DrawFn) -> Integer:
    low = draw(st.integers(1, 100))
    step = draw(st.integers(1, 9))
    return Integer(low, low + step * draw(st.integers(0, 40)), step, draw(st.booleans()))


@st.composite
def reals(draw: st.DrawFn) -> Real:
    low = draw(st.floats(1e-6, 10))
    step = draw(st.sampled_from([None, 0.1, 0.25, 1e-3]))
    return Real(low, low + draw(st.floats(0, 10)), step, draw(st.booleans()))


CATEGORIES = st.lists(st.sampled_from([2, 3, "a", "b", True, 0.5, None]), min_size=1, unique=True)
DOMAINS = st.one_of(integers(), reals(), CATEGORIES.map(lambda values: Categorical(tuple(values))))


@given(DOMAINS, st.integers(0, 10))
def test_a_draw_is_a_member(domain: Domain, seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(20):
        value = domain.sample(rng)
        assert domain.contains(value)
        other = another(domain, value, rng)
        assert domain.contains(other)
        assert (type(other), other) != (type(value), value) or domain.size == 1


@given(DOMAINS)
def test_values_are_the_members(domain: Domain) -> None:
    if domain.size == math.inf:
        with pytest.raises(ValueError, match="without a step"):
            next(iter(domain.values()))  # type: ignore[arg-type]
        return
    values = list(domain.values())
    assert len(values) == domain.size == len({(type(value), value) for value in values})
    assert all(domain.contains(value) for value in values)
    assert values == [domain.nth(position) for position in range(int(domain.size))]


@pytest.mark.parametrize(
    "domain",
    [
        Integer(8, 64, 8, log=True),
        Integer(1, 5),
        Real(0.0, 0.4, 0.1),
        Real(0.1, 0.8, 0.1, log=True),
        Categorical((1, 2, 3)),
    ],
)
def test_every_member_is_drawn_at_some_time(domain: Domain) -> None:
    rng = random.Random(0)
    assert {domain.sample(rng) for _ in range(2_000)} == set(domain.values())


def test_a_log_scale_draws_evenly_over_ratios() -> None:
    rng = random.Random(0)
    drawn = [Integer(1, 1024, log=True).sample(rng) for _ in range(4_000)]
    halves = sum(value <= 32 for value in drawn) / len(drawn)
    assert 0.45 < halves < 0.58
    reals = [Real(1e-4, 1.0, log=True).sample(rng) for _ in range(4_000)]
    assert 0.46 < sum(value < 1e-2 for value in reals) / 4_000 < 0.54


def test_weights_are_chances() -> None:
    rng = random.Random(0)
    domain = Categorical(("a", "b", "c"), (3.0, 1.0, 0.0))
    drawn = [domain.sample(rng) for _ in range(4_000)]
    assert 0.71 < drawn.count("a") / 4_000 < 0.79 and drawn.count("c") == 0


@pytest.mark.parametrize(
    ("domain", "members", "strangers"),
    [
        (Integer(8, 32, 8), [8, 16, 24, 32], [0, 9, 40, 16.0, True, "16", None, [16]]),
        (Real(0.0, 0.4, 0.1), [0.0, 0.1, 0.2, 0.3, 0.4, 0], [0.05, -0.1, 0.5, True, "0.1", math.nan, None]),
        (Real(0.0, 1.0), [0.0, 0.123, 1, 1.0], [-1e-9, 1.1, math.nan, math.inf, False, "0"]),
        (Categorical((1, "a", None)), [1, "a", None], [1.0, True, "1", "None", [1]]),
        (Categorical((True, False)), [True, False], [1, 0, "true"]),
    ],
)
def test_members_and_strangers(domain: Domain, members: list[object], strangers: list[object]) -> None:
    assert all(domain.contains(value) for value in members)
    assert not any(domain.contains(value) for value in strangers)


@pytest.mark.parametrize(
    ("written", "domain"),
    [
        ("{int: [1, 8]}", Integer(1, 8)),
        ("{int: [8, 64], step: 8, log: true}", Integer(8, 64, 8, log=True)),
        ("{int: [8, 70], step: 8}", Integer(8, 64, 8)),
        ("{int: [1, 2 ** 6]}", Integer(1, 64)),
        ("{int: [1, 1_000]}", Integer(1, 1000)),
        ("{int: [2.0, 1e1]}", Integer(2, 10)),
        ("{int: [-3, 3]}", Integer(-3, 3)),
        ("{int: [1, features]}", Integer(1, 8)),
        ("{int: [1, features // 2], step: features // 4}", Integer(1, 3, 2)),
        ("{float: [0, 0.4], step: 0.1}", Real(0.0, 0.4, 0.1)),
        ("{float: [1e-4, 1e-1], log: true}", Real(1e-4, 1e-1, log=True)),
        ("[1, 2, 4]", Categorical((1, 2, 4))),
        ("[1, 2.5]", Categorical((1, 2.5))),
        ("[no, on, 12:30]", Categorical(("no", "on", "12:30"))),
        ("[true, false]", Categorical((True, False))),
        ("[relu, null]", Categorical(("relu", None))),
        ("{choice: [a, b], weights: [1, 3]}", Categorical(("a", "b"), (1.0, 3.0))),
        ("{choice: [a, b]}", Categorical(("a", "b"))),
        ("[linear, kan( grid = 5,degree=3 )]", Categorical(("linear", "kan(grid=5, degree=3)"))),
    ],
)
def test_domains_as_they_are_written(written: str, domain: Domain) -> None:
    space = small(
        "value = d\nif value == 1:\n    return linear(relu(x), targets)\nreturn linear(x, targets)",
        choose=f"{{d: {written}}}",
    )
    assert space.sample(random.Random(0)).domains == {"d": domain}


def test_bounds_read_arguments_and_decisions() -> None:
    space = small(
        """
        for i in range(3):
            x = layer(x, i)
        return linear(x, targets)
        """,
        """
        layer(z, i):
          choose:
            source: {int: [0, i]}
            width: {int: [low, 4 * low], step: low}
          body: |
            return linear(z, source + width)
        """,
        choose="{low: {int: [2, 3]}}",
    )
    domains = space.sample(random.Random(0)).domains
    low = built_low = space.sample(random.Random(0)).genotype["low"]
    assert [domains[f"layer[{i}].source"] for i in range(3)] == [Integer(0, i) for i in range(3)]
    assert domains["layer[2].width"] == Integer(low, 4 * low, low) and built_low in (2, 3)  # type: ignore[operator, arg-type]
    assert built(
        small("return linear(linear(x, n), targets)", choose="{n: {int: [1, m]}, m: [3, 5]}"), n=4, m=5
    ).genotype == {"m": 5, "n": 4}
