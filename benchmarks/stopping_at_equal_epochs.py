"""Which stopping rule finds the best frontier in a given number of epochs, on recorded learning curves.

    python benchmarks/stopping_at_equal_epochs.py    less than a minute

`stopping.py` sends all 240 designs through a rule and asks what is lost; here what is saved is spent on further designs, as in a
search. From this table the rules of `stopping_at_equal_time.py` were taken, the first of each kind, before anything was run there.
"""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Sequence
from typing import Any

from stopping import ACCURACY, N_EPOCHS, PARAMS, REFERENCE, TABLE, Curve, named, read, send

from nas.pareto import geometry
from nas.study.stopping import make_rungs, parse_stopping

EPOCHS = 50 * N_EPOCHS  # of a search: fifty designs without stopping
N_ORDERS = 40
RUNGS = ([3], [5], [10], [3, 10], [5, 15], [10, 20])
GRACES = (1, 3, 5, 10)
FACTORS = (2, 3, 4)


def main() -> None:
    curves = read(TABLE)
    plain = statistics.mean(at_equal_epochs(curves, {"rule": "none"}, both=True))
    print(f"{EPOCHS} epochs, {N_ORDERS} orders; without stopping {plain:.4f}\n")
    print("| rule | hypervolume | gain |\n|---|---|---|")
    for rules, both in ((rules_of_both(), True), (rules_of_one(), False)):
        found = {named(rule, both): statistics.mean(at_equal_epochs(curves, rule, both)) for rule in rules}
        for name, volume in sorted(found.items(), key=lambda item: -item[1]):
            print(f"| {name} | {volume:.4f} | {volume - plain:+.4f} |")


def rules_of_both() -> list[dict[str, Any]]:
    """Rules that see accuracy and parameters."""
    halving = [{"rule": "pareto-halving", "rungs": rungs, "eta": eta} for rungs in RUNGS for eta in FACTORS]
    return [*halving, {"rule": "learning-curve", "rungs": list(range(3, N_EPOCHS, 3))}]


def rules_of_one() -> list[dict[str, Any]]:
    """Ray's ASHA, which sees accuracy alone, with a rung at each of its milestones."""
    return [
        {"rule": "ray:asha", "rungs": milestones(grace, factor), "grace_period": grace, "reduction_factor": factor}
        for grace in GRACES
        for factor in FACTORS
    ]


def milestones(grace: int, factor: int) -> list[int]:
    """Where Ray's ASHA judges: `grace` times powers of `factor`, before the end.

    >>> milestones(3, 3)
    [3, 9, 27]
    """
    found = []
    while grace < N_EPOCHS:
        found.append(grace)
        grace *= factor
    return found


def at_equal_epochs(curves: Sequence[Curve], rule: dict[str, Any], both: bool) -> list[float]:
    """The hypervolume that each order of arrival reaches in `EPOCHS`; `both`: the rule sees the parameters, too."""
    objectives = (ACCURACY, PARAMS) if both else (ACCURACY,)
    stopping = parse_stopping(rule, {"epochs": N_EPOCHS})
    volumes = []
    for seed in range(N_ORDERS):
        order = list(curves)
        random.Random(seed).shuffle(order)
        rungs, spent, points = make_rungs(stopping, objectives), 0, []
        for number, curve in enumerate(order):
            end = send(rungs, number, curve, objectives)
            spent += end
            if spent > EPOCHS:
                break
            if end == N_EPOCHS:
                points.append((-curve.accuracy[-1], math.log10(curve.params)))
        volumes.append(geometry.hypervolume(points, reference=REFERENCE))
    return volumes


if __name__ == "__main__":
    main()
