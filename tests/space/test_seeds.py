"""Known designs and the sizes they were published with."""

from __future__ import annotations

import pytest
from small_spaces import small

from nas.errors import SpaceError
from nas.space import Space
from nas.space.check import check


def patched(seeds: str, sizes: str = "{features: 40, targets: 4}") -> Space:
    return small(
        "return linear(flatten(patchify(x, patch, into=[tokens, channels])), targets)",
        sizes=sizes,
        axes="[tokens, channels]",
        choose="{patch: [4, 5, 16]}",
        require="[features % patch == 0]",
        seeds=seeds,
    )


SEEDS = "{here: {patch: 5}, there: {patch: 16, sizes: {features: 784, targets: 10}}, part: {patch: 4, sizes: {features: 80}}}"


def test_a_seed_stands_at_its_sizes() -> None:
    space = patched(SEEDS)
    assert space.seeds == {"here": {"patch": 5}, "there": {"patch": 16}, "part": {"patch": 4}}
    assert space.seed_space("here").sizes == {"features": 40, "targets": 4}
    assert space.seed_space("there").sizes == {"features": 784, "targets": 10}
    assert space.seed_space("part").sizes == {"features": 80, "targets": 4}
    assert space.seed_space("there").replay(space.seeds["there"]).costs.params == 7850


def test_a_task_does_not_change_the_published_sizes() -> None:
    bound = patched(SEEDS).bind([[20]], [[2]])
    assert bound.sizes == {"features": 20, "targets": 2}
    assert bound.seed_space("there").sizes == {"features": 784, "targets": 10}
    assert bound.seed_space("part").sizes == {"features": 80, "targets": 4}
    check(bound, draws=5)


def test_sizes_that_nobody_gives_are_the_tasks() -> None:
    bound = patched("{one: {patch: 5, sizes: {targets: 3}}}", sizes="{}").bind([[25]], [[2]])
    assert bound.seed_space("one").sizes == {"features": 25, "targets": 3}


def test_a_decision_may_be_called_sizes() -> None:
    space = small("return linear(linear(x, sizes), targets)", choose="{sizes: [3, 5]}", seeds="{a: {sizes: 3}}")
    assert space.seeds == {"a": {"sizes": 3}}
    assert space.seed_sizes == {}


def test_a_seed_that_is_not_there() -> None:
    with pytest.raises(SpaceError, match=r"small.yaml has no seed `ther`; did you mean `there`\?"):
        patched(SEEDS).seed_space("ther")
    with pytest.raises(SpaceError, match=r"has no seed `x`; it has none"):
        small("return linear(x, targets)").seed_space("x")


def test_a_check_looks_at_seeds_where_they_were_published() -> None:
    check(patched(SEEDS), draws=5)
    with pytest.raises(
        SpaceError, match=r"the seed `bad` is no member of the space: `features % patch == 0` rejects it"
    ):
        check(patched("{bad: {patch: 16}}"), draws=5)


def test_parameters_that_no_output_reads_are_counted() -> None:
    space = small("lost = linear(x, 10)\nz = x + zero(linear(x, 8), 8)\nreturn linear(z, targets)")
    built = space.replay({})
    assert (built.costs.params, built.allocated_params, built.unused_params) == (36, 36 + 90 + 72, 162)
    tied = small('z = linear(x, 8, tied="a") + linear(x, 8, tied="a")\nreturn linear(z, targets)').replay({})
    assert (tied.costs.params, tied.unused_params) == (72 + 36, 0)
