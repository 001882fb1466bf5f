"""Which patterns of the graph go with better values: the Weisfeiler–Lehman model of NAS-BOWL, asked what it learnt.

A motif is an operator with what it reads, one or two steps deep, written as in the language: `add(_, relu)`. How often each
occurs is what a Weisfeiler–Lehman kernel compares; a Gaussian process with that kernel is Bayesian linear regression
on the counts, so what it learnt of a motif is a weight with its uncertainty.

Source: Ru et al. 2021, "Interpretable Neural Architecture Search via Bayesian Optimisation with Weisfeiler-Lehman Kernels", §3.2.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from nas.errors import ParetoError

if TYPE_CHECKING:
    from nas.graph.graph import Graph
    from nas.pareto.front import Front
    from nas.study.objectives import Objective
    from nas.study.records import TrialRecord

LEAST = 30
"""Candidates below which nothing is said of motifs."""
MOST = 400
"""Candidates that are looked at; of more, so many are drawn."""
DEEPEST = 2
RARE = 0.05
"""A motif that fewer than this share of the candidates has, or lacks, is left out, unless its number varies among more."""
SURE = 1.96
"""Posterior deviations of an effect: a 95 % interval."""
N_FOLDS = 5


@dataclass(frozen=True)
class Motif:
    """What one pattern goes with, other patterns and the number of parameters being equal.

    Args:
        name: the pattern; those that always occur together share one, `a with b`.
        n: candidates that have it.
        effect: how much better the objective is where there is a standard deviation more of it, in units of the objective;
            positive is better, whatever the direction.
        deviation: of the posterior of `effect`.
    """

    name: str
    n: int
    effect: float
    deviation: float

    @property
    def is_clear(self) -> bool:
        """Whether the 95 % interval leaves out 0."""
        return abs(self.effect) > SURE * self.deviation


@dataclass(frozen=True)
class Motifs:
    """Motifs of the candidates, for one objective that training decides.

    Args:
        n: candidates that were looked at.
        found: largest effect first, whatever its sign.
        fit: how much of the variance the model predicts of candidates it has not seen (R²); where it is near 0 the
            motifs say nothing.
    """

    objective: Objective
    n: int
    found: tuple[Motif, ...]
    fit: float


def motifs(front: Front, graph: Callable[[TrialRecord], Graph | None], seed: int = 0) -> tuple[Motifs, ...]:
    """For every objective that training decides, among all candidates that were trained to the end.

    It is an association among candidates that the search chose, not an experiment.

    Args:
        graph: of a candidate; None: it cannot be had, and the candidate is left out.
    Raises: ParetoError: scikit-learn, which does the regression, is not installed.
    """
    trials = list(front.candidates)
    if len(trials) > MOST:
        trials = random.Random(seed).sample(trials, MOST)
    known = [(trial, counted(drawn)) for trial in trials if (drawn := graph(trial)) is not None]
    if len(known) < LEAST:
        return ()
    names, columns, have = _columns([counts for _, counts in known])
    if not names:
        return ()
    size = np.log10([[1.0 + trial.costs.get("params", 0)] for trial, _ in known])
    found = []
    for at, objective in enumerate(front.record.objectives):
        if objective.is_cost:
            continue
        better = 1.0 if objective.direction == "maximize" else -1.0
        values = better * np.array([(trial.values or ())[at] for trial, _ in known], dtype=np.float64)
        if np.ptp(values) > 0:
            found.append(Motifs(objective, len(known), *_learnt(names, columns, have, size, values, seed)))
    return tuple(found)


def counted(graph: Graph) -> Counter[str]:
    """How often each motif occurs in a graph, one and two steps deep.

    >>> from nas.graph.builder import Builder
    >>> from nas.graph.types import Axis, TensorType
    >>> builder = Builder({"x": TensorType((Axis("features", 4),))})
    >>> first = builder.apply("relu", (0,))
    >>> sorted(counted(builder.finish([builder.apply("add", (0, first))])).items())
    [('add(_, relu(_))', 1), ('add(_, relu)', 1), ('relu(_)', 1)]
    """
    found: Counter[str] = Counter()
    shallow = ["_" if node.op == "input" else node.op for node in graph.nodes]
    for _ in range(DEEPEST):
        deeper = []
        for node in graph.nodes:
            read = sorted(shallow[i] for i in node.inputs)
            deeper.append(f"{node.op}({', '.join(read)})" if read else "_")
        found.update(motif for motif, before in zip(deeper, shallow, strict=True) if motif != before)
        shallow = deeper
    return found


def _columns(
    counts: Sequence[Counter[str]],
) -> tuple[list[str], npt.NDArray[np.float64], list[int]]:
    """Names, columns `(n, p)` of variance 1, and how many candidates have each; equal columns are one."""
    least = max(2, math.ceil(RARE * len(counts)))
    alike: dict[bytes, tuple[list[str], npt.NDArray[np.float64], int]] = {}
    for name in sorted({name for one in counts for name in one}):
        column = np.log2([1.0 + one[name] for one in counts])
        usual = Counter(column.tolist()).most_common(1)[0][1]
        if len(counts) - usual < least:
            continue
        scaled = (column - column.mean()) / column.std()
        key = np.round(scaled, 9).tobytes()
        alike.setdefault(key, ([], scaled, int((column > 0).sum())))[0].append(name)
    names = [" with ".join(sorted(group, key=len)[:2]) for group, _, _ in alike.values()]
    columns = np.array([column for _, column, _ in alike.values()]).reshape(len(names), len(counts)).T
    return names, columns, [n for _, _, n in alike.values()]


def _learnt(
    names: Sequence[str],
    columns: npt.NDArray[np.float64],
    have: Sequence[int],
    size: npt.NDArray[np.float64],
    values: npt.NDArray[np.float64],
    seed: int,
) -> tuple[tuple[Motif, ...], float]:
    """Motifs by effect, and R² on candidates left out."""
    try:
        from sklearn.linear_model import BayesianRidge
        from sklearn.model_selection import KFold
    except ImportError:
        raise ParetoError("motif importance needs scikit-learn: pip install 'hourglass-nas[data]'") from None
    size = (size - size.mean()) / (size.std() or 1.0)
    rows, unit = np.hstack([columns, size, size**2]), values.std()
    target = (values - values.mean()) / unit
    missed = 0.0
    for learnt, left_out in KFold(N_FOLDS, shuffle=True, random_state=seed).split(rows):
        model = BayesianRidge().fit(rows[learnt], target[learnt])
        missed += float(((model.predict(rows[left_out]) - target[left_out]) ** 2).sum())
    model = BayesianRidge().fit(rows, target)
    deviations = np.sqrt(np.diag(model.sigma_))
    found = [
        Motif(name, n, float(unit * effect), float(unit * deviation))
        for name, n, effect, deviation in zip(names, have, model.coef_, deviations, strict=False)
    ]
    return tuple(sorted(found, key=lambda one: (-abs(one.effect), one.name))), 1 - missed / float((target**2).sum())
