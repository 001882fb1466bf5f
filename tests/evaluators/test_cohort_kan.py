"""Kolmogorov-Arnold networks in cohorts: each ends where it ends when it trains alone."""

from __future__ import annotations

import pytest
from test_cohort_equality import assert_equal, batches, graphs, module_of, together
from torch import Tensor

from evaluators.cohorts.cohort import Cohort, Member
from evaluators.recipe import Recipe

KANS = """
space: kans
inputs: {x: [features]}
outputs: [targets]
choose:
  basis: [kan(grid=grid, degree=degree), rbf_kan(grid=bumps), chebyshev_kan(degree=order), fourier_kan(grid=grid)]
  grid: {int: [1, 6]}
  degree: {int: [0, 5]}
  bumps: {int: [2, 4]}
  order: {int: [1, 5]}
  depth: {int: [0, 2]}
  width: {int: [1, 9]}
  skip: [false, true]
model: |
  z = x
  for i in range(depth):
      h = basis(z, width)
      z = z + h if skip and i > 0 else h
  return basis(z, targets)
"""


def trained(
    text: str, count: int, seed: int = 0, scale: float = 1.0
) -> tuple[Cohort, dict[int, list[tuple[Tensor, Tensor]]]]:
    made = graphs(text, count, seed)
    members = [Member(graph, module_of(graph, i), Recipe(lr=1e-2), i) for i, graph in enumerate(made)]
    given = {0: [(x * scale, y) for x, y in batches(seed)]}
    return together(members, given), given


@pytest.mark.parametrize("seed", range(4))
def test_kans_of_any_basis_and_shape_train_as_they_do_alone(seed: int) -> None:
    cohort, given = trained(KANS, 12, seed, scale=0.5 + seed)
    assert_equal(cohort, given)


SPLINES = """
space: splines
inputs: {x: [features]}
outputs: [targets]
choose:
  grid: {int: [1, 8]}
  degree: {int: [2, 4]}
  width: {int: [1, 9]}
model: |
  return kan(kan(x, width, grid=grid, degree=degree), targets, grid=grid, degree=degree)
"""


def test_splines_are_the_same_at_and_beyond_their_knots() -> None:
    made = graphs(SPLINES, 10)
    members = [Member(graph, module_of(graph, i), Recipe(lr=1e-2), i) for i, graph in enumerate(made)]
    given = {0: [((x * 4).round() / 2, y) for x, y in batches()]}
    assert_equal(together(members, given), given)


TIED = """
space: tied
axes: [tokens]
inputs: {x: [features]}
outputs: [targets]
choose:
  basis: [kan, rbf_kan, chebyshev_kan]
  width: {int: [3, 9]}
model: |
  z = basis(repeat(x, 3, into=tokens), width)
  for i in range(2):
      z = z + basis(z, width, tied="again")
  return basis(mean_pool(z, axis=tokens), targets)
"""


def test_tokens_and_tied_layers() -> None:
    cohort, given = trained(TIED, 12)
    assert_equal(cohort, given)
