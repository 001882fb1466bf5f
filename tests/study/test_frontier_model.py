"""The parts of the `frontier` sampler, against what they must equal."""

from __future__ import annotations

import math
from random import Random
from typing import Any

import moocore
import numpy as np
import pytest
import scipy.stats
import toys
from scipy.optimize import approx_fprime

from nas.space import load_space
from nas.space.domains import Categorical, Integer, Real
from nas.study.parameters import Parameters
from nas.study.samplers.frontier import process
from nas.study.samplers.frontier.beliefs import Observed, Warp, milestone, yeo_johnson
from nas.study.samplers.frontier.choice import Choice
from nas.study.samplers.frontier.columns import Columns, described, position
from nas.study.samplers.frontier.improvement import expected_improvement, hypervolume_improvement
from nas.study.samplers.frontier.process import Kernel, Process, Scales, learnt, matern, prior, squared_distances

RNG = np.random.default_rng(0)
GROUPS = np.array([0, 0, 1])
SCALES = Scales(np.log([0.5, 2.0]), math.log(1.3), math.log(0.05))


def kernel(first: Any, second: Any) -> Any:
    """Matérn-5/2 one pair at a time, as in Rasmussen and Williams 2006, equation 4.17."""
    weights = np.exp(SCALES.log_weights)[GROUPS]
    found = np.empty((len(first), len(second)))
    for i, one in enumerate(first):
        for j, other in enumerate(second):
            r = math.sqrt(5 * float((weights * (one - other) ** 2).sum()))
            found[i, j] = 1.3 * (1 + r + r * r / 3) * math.exp(-r)
    return found


def test_the_posterior_is_the_textbook_one() -> None:
    seen, unseen, values = RNG.normal(size=(12, 3)), RNG.normal(size=(5, 3)), RNG.normal(size=12)
    extra = RNG.uniform(0, 0.2, 12)
    inverse = np.linalg.inv(kernel(seen, seen) + np.diag(0.05 + process.NOISE_FLOOR + process.JITTER + extra))
    cross = kernel(seen, unseen)
    posterior = Process(Kernel(GROUPS, SCALES), range(12), seen, values, extra)
    found = posterior.predict(unseen)
    assert found.means == pytest.approx(cross.T @ inverse @ values, abs=1e-9)
    assert found.covariance == pytest.approx(kernel(unseen, unseen) - cross.T @ inverse @ cross, abs=1e-9)
    assert posterior.means == pytest.approx(kernel(seen, seen) @ inverse @ values, abs=1e-9)
    joined = posterior.predict(unseen, posterior.predict(unseen[:2]))
    assert joined.means == pytest.approx(found.means, abs=1e-12)
    assert joined.covariance == pytest.approx(found.covariance, abs=1e-12)


def test_a_kernel_says_the_same_whatever_it_was_asked_before() -> None:
    """To the bit, in any order: a resumed search asks for all observed designs at once."""
    grown, rows = Kernel(GROUPS, SCALES), RNG.normal(size=(200, 3))
    rows[3] = rows[17]  # two designs that look alike
    for count in (1, 2, 7, 8, 40, 200):
        order = [int(i) for i in RNG.permutation(count)]
        found = grown.among(order, rows[order])
        assert (found == Kernel(GROUPS, SCALES).among(order, rows[order])).all()
    assert found == pytest.approx(grown.between(rows[order], rows[order]), abs=1e-12)


def test_learning_a_design_is_observing_it() -> None:
    seen, unseen, values = RNG.normal(size=(12, 3)), RNG.normal(size=(5, 3)), RNG.normal(size=12)
    known = Kernel(GROUPS, SCALES)
    before = Process(known, range(12), seen, values).predict(unseen)
    more, told = np.concatenate([seen, unseen[2:3]]), np.append(values, before.means[2])
    after = Process(known, range(13), more, told).predict(unseen)
    assert after.means == pytest.approx(before.means, abs=1e-8)
    assert after.covariance == pytest.approx(learnt(before.covariance, 2, known.noise + process.JITTER), abs=1e-8)


def test_the_gradient_of_a_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def minimize(loss: Any, start: Any, **options: Any) -> Any:
        asked.append(loss)
        return scipy.optimize.OptimizeResult(x=start, fun=0.0)

    monkeypatch.setattr(process, "minimize", minimize)
    columns, values = RNG.normal(size=(15, 3)), RNG.normal(size=15)
    process.fit(columns, values, GROUPS, prior(2), RNG.uniform(0, 0.1, 15), 5)
    at = RNG.normal(size=4) - 1
    numeric = approx_fprime(at, lambda vector: asked[0](vector)[0], 1e-7)
    assert asked[0](at)[1] == pytest.approx(numeric, rel=1e-4, abs=1e-4)


def test_a_fit_finds_what_matters() -> None:
    columns = RNG.normal(size=(60, 3))
    values = np.sin(2 * columns[:, 2]) + 0.01 * RNG.normal(size=60)
    found = process.fit(columns, values, GROUPS, prior(2), np.zeros(60), 50)
    assert found.log_weights[1] > found.log_weights[0] + 2
    assert found.log_noise < math.log(0.01)


@pytest.mark.parametrize("n_costs", [0, 1, 2])
def test_expected_growth_of_the_hypervolume(n_costs: int) -> None:
    """Against draws of the loss, each with the hypervolume that moocore finds."""
    rng = np.random.default_rng(n_costs)
    losses, members = rng.normal(size=7), rng.uniform(size=(7, n_costs))
    reference = np.array([1.5, 0.9, 0.95][: 1 + n_costs])
    mean, deviation, costs = rng.normal(size=6) - 0.5, rng.uniform(0.2, 1.0, 6), rng.uniform(size=(6, n_costs))
    found = hypervolume_improvement(mean, deviation, costs, losses, members, reference)

    def volume(points: Any) -> float:
        if n_costs == 0:
            return float(max(reference[0] - points.min(), 0.0))
        return float(moocore.hypervolume(points, ref=reference))

    points = np.concatenate([losses[:, None], members], 1)
    grid = scipy.stats.norm.ppf((np.arange(800) + 0.5) / 800)
    for i in range(6):
        drawn = [
            volume(np.concatenate([points, [[mean[i] + deviation[i] * z, *costs[i]]]])) - volume(points) for z in grid
        ]
        assert found[i] == pytest.approx(np.mean(drawn), rel=0.02, abs=2e-4)


def test_expected_improvement_of_what_is_almost_known() -> None:
    found = expected_improvement(1.0, np.array([0.2, 3.0]), np.array([1e-9, 1e-9]))
    assert found == pytest.approx([0.8, 0.0], abs=1e-8)


def test_a_choice_spreads_its_batch() -> None:
    """Two equally good twins and a lesser design far away: after one twin is taken, the other has little to give."""
    covariance = np.array([[1.0, 0.999, 0.0], [0.999, 1.0, 0.0], [0.0, 0.0, 1.0]])
    costs = np.array([[0.2], [0.2], [0.6]])
    choice = Choice(
        [np.array([-1.0, -1.0, -0.9])], [covariance], [1e-4], costs, np.ones(3), np.zeros((1, 1)), np.ones((1, 1)), 3, 0
    )
    first = choice.best()
    assert first in (0, 1)
    choice.take(first)
    order = choice.order()
    assert first not in order
    choice.take(order[0])
    choice.take(order[1])
    assert choice.best() is None


def test_a_loss_that_exploded_leaves_the_others_apart() -> None:
    losses = np.append(np.linspace(0.1, 0.2, 20), 1e7)
    warped = Warp(losses)(losses)
    assert (np.diff(warped) > 0).all()
    assert np.ptp(warped[:20]) > 1


@pytest.mark.parametrize("power", [-2.0, 0.0, 0.5, 1.0, 2.0, 3.0])
def test_the_power_transform_is_scipys(power: float) -> None:
    values = np.linspace(-3, 3, 41)
    assert yeo_johnson(values, power) == pytest.approx(scipy.stats.yeojohnson(values, power), abs=1e-12)
    assert (np.diff(yeo_johnson(values, power)) > 0).all()


def test_a_warp_rises_and_standardises() -> None:
    losses = np.exp(RNG.normal(size=200))
    warp = Warp(losses)
    warped = warp(losses)
    assert warped.mean() == pytest.approx(0, abs=1e-9)
    assert warped.std() == pytest.approx(1, abs=1e-9)
    assert (np.argsort(warped) == np.argsort(losses)).all()
    assert abs(scipy.stats.skew(warped)) < 0.3 < scipy.stats.skew(losses)
    assert np.isfinite(Warp(np.full(4, 2.0))(np.array([2.0, 3.0]))).all(), "equal losses are no division by zero"


def test_what_a_stopped_candidate_is_expected_to_reach() -> None:
    """Those that went on gained 1, more or less; with too few of them nothing is assumed but doubt."""
    end = np.array([1.0, 1.1, 0.9, 1.0, 1.2, np.nan, np.nan])
    rung = np.array([2.0, 2.1, 2.0, 1.9, 2.2, 3.0, np.nan])
    losses, doubt = Observed(end, {10: rung}).expected()
    assert losses[5] == pytest.approx(2.0)
    assert 0 < doubt[5] < 0.3
    assert (losses[:5] == end[:5]).all()
    assert (doubt[:5] == 0).all()
    few, unsure = Observed(end[3:], {10: rung[3:]}).expected()
    assert few[2] == 3.0
    assert unsure[2] > 0.1


def test_milestones_are_a_function_of_the_count() -> None:
    reached = [milestone(count, 10) for count in range(10, 400)]
    assert reached[:4] == [10, 11, 12, 13]
    assert all(one <= count for one, count in zip(reached, range(10, 400), strict=True))
    assert len(set(reached)) < 60


def test_positions_in_domains() -> None:
    width = math.sqrt(12)
    assert position(Integer(1, 100, log=True), 10) == pytest.approx([0.5 * width])
    assert position(Real(0.0, 4.0), 1.0) == pytest.approx([0.25 * width])
    assert position(Categorical((16, 32, 64)), 32) == pytest.approx([0.5 * width])
    assert position(Categorical((64, 32, 16)), 16) == pytest.approx([width])
    assert len(position(Categorical((3, 5)), 3)) == 2, "two values have no order worth a scale"
    for domain in (Real(0.0, 1.0), Categorical(("a", "b", "c"))):
        drawn = np.array([position(domain, domain.sample(Random(seed))) for seed in range(2000)])
        assert drawn.var(0).sum() == pytest.approx(1, abs=0.05)


def test_equal_functions_look_equal_whatever_the_space_calls_them() -> None:
    """Of NAS-Bench-201: with no way through node b, what leads to it and from it makes no difference to the graph."""
    space = load_space("nasbench201")
    edges = dict.fromkeys(["edge_10", "edge_20", "edge_21", "edge_30", "edge_31", "edge_32"], "zero")
    seen = [
        described(space.replay({**edges, "edge_30": "conv3x3", **more}), Parameters())
        for more in ({}, {"edge_10": "conv3x3"}, {"edge_21": "conv1x1"}, {"edge_20": "conv3x3", "edge_32": "conv1x1"})
    ]
    assert seen[0].key == seen[1].key == seen[2].key != seen[3].key
    assert (seen[0].graph == seen[1].graph).all()
    assert (seen[0].graph == seen[2].graph).all()
    assert (seen[0].graph != seen[3].graph).any()


def test_columns_of_a_space_whose_designs_decide_different_things() -> None:
    space, parameters = load_space("grammar"), Parameters()
    rng = Random(0)
    designs = [space.sample(rng) for _ in range(40)]
    seen = [described(design, parameters) for design in designs]
    for design in designs:
        parameters.named(design.genotype, design.domains)
    columns = Columns(seen[:30])
    rows = columns.rows(seen)
    assert rows.shape == (40, len(columns.groups))
    assert np.isfinite(rows).all()
    same = squared_distances(rows, rows)
    assert np.diag(same) == pytest.approx(0, abs=1e-9)
    assert np.median(same) > 0.5
    assert matern(same).max() <= 1 + 1e-9
    assert len(columns.names) == columns.groups.max() + 1
    assert (rows[:30].std(0) > 0).all()


def test_rare_decisions_share_their_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nas.study.samplers.frontier.columns.N_OWN", 1)
    space, parameters = toys.flat(), Parameters()
    rng = Random(0)
    seen = [described(space.sample(rng), parameters) for _ in range(10)]
    columns = Columns(seen)
    rows = columns.rows(seen)
    assert len({tuple(row) for row in rows}) == len({one.key for one in seen})
