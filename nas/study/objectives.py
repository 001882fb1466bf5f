"""What a search is after, as text: `maximize accuracy`, `minimize params`, subject to `macs <= 5e6`.

Inside the study every objective is a *loss* (smaller is better) and every constraint a *slack* (positive is violated).
Costs are known before any training, metrics only after it.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from nas.errors import ExperimentError, nearest
from nas.study.latency import LATENCY

COSTS = ("params", "active_params", "trainable_params", "macs", "activation_bytes")

Direction = Literal["maximize", "minimize"]
_FLIPPED = {"<=": ">=", "<": ">", ">=": "<=", ">": "<"}
_SIGNS: dict[type[ast.cmpop], str] = {ast.LtE: "<=", ast.Lt: "<", ast.GtE: ">=", ast.Gt: ">"}


@dataclass(frozen=True)
class Objective:
    """One quantity to make large or small; `name` is a cost or a metric of the task."""

    direction: Direction
    name: str

    @property
    def is_cost(self) -> bool:
        """Whether it is known before training."""
        return self.name in COSTS

    @property
    def is_learned(self) -> bool:
        """Whether training decides it: neither a cost nor the latency, which is the same from the first report on."""
        return not self.is_cost and self.name != LATENCY

    def loss(self, value: float) -> float:
        """`value` with its sign turned where larger is better; a cost in decades.

        Dominance is the same on any rising scale. Crowding and hypervolume are not: on the plain scale of parameters
        all networks but the largest would be neighbours.
        """
        scaled = math.log10(1 + value) if self.is_cost else value
        return -scaled if self.direction == "maximize" else scaled

    def __str__(self) -> str:
        return f"{self.direction} {self.name}"


@dataclass(frozen=True)
class Constraint:
    """`name sign bound`, such as `macs <= 5000000.0`."""

    name: str
    sign: str
    bound: float

    @property
    def is_cost(self) -> bool:
        """Whether it is known before training."""
        return self.name in COSTS

    def holds(self, value: float) -> bool:
        """Whether `value` satisfies it; nan never does."""
        if self.sign == "<=":
            return value <= self.bound
        if self.sign == "<":
            return value < self.bound
        return value >= self.bound if self.sign == ">=" else value > self.bound

    def slack(self, value: float) -> float:
        """How far `value` is beyond the bound: positive where violated, on a logarithmic scale relative to the bound.

        The scale makes the violations of a bound in millions and of one below 1 comparable.
        """
        if math.isnan(value):
            return math.inf
        excess = value - self.bound if self.sign.startswith("<") else self.bound - value
        slack = math.copysign(math.log1p(abs(excess) / max(abs(self.bound), 1e-12)), excess)
        return slack if slack > 0 or self.holds(value) else 1e-12

    def __str__(self) -> str:
        return f"{self.name} {self.sign} {self.bound:.12g}"


@dataclass(frozen=True)
class Goal:
    """All objectives and constraints of a study."""

    objectives: tuple[Objective, ...]
    constraints: tuple[Constraint, ...] = ()

    @classmethod
    def parse(cls, objectives: Sequence[str], constraints: Sequence[str], metrics: Iterable[str]) -> Goal:
        """The goal that these texts state, over the costs and the `metrics` of the task.

        Raises: ExperimentError: a text is not understood, a name is unknown, objectives repeat or contradict one
            another, or no value can satisfy the constraints on a name. All faults at once.

        >>> Goal.parse(["maximize accuracy", "minimize params"], ["1e3 <= macs <= 5e6"], ["accuracy"]).constraints[1].bound
        5000000.0
        """
        known = (*COSTS, *metrics)
        faults: list[str] = []
        read: list[Objective] = []
        limits: list[Constraint] = []
        if not objectives:
            faults.append("a search needs at least one objective, such as `maximize accuracy`")
        for text in objectives:
            try:
                read.append(parse_objective(text, known))
            except ExperimentError as error:
                faults.append(str(error))
        for text in constraints:
            try:
                limits.extend(parse_constraint(text, known))
            except ExperimentError as error:
                faults.append(str(error))
        faults.extend(_clashes(read))
        faults.extend(_impossible(limits))
        if faults:
            raise ExperimentError(*faults)
        return cls(tuple(read), tuple(limits))

    def missing(self, metrics: Mapping[str, float]) -> tuple[str, ...]:
        """Names that the goal needs after training and `metrics` lacks."""
        needed = [one.name for one in self.objectives if not one.is_cost]
        needed += [one.name for one in self.constraints if not one.is_cost]
        return tuple(dict.fromkeys(name for name in needed if name not in metrics))

    def values(self, costs: Mapping[str, float], metrics: Mapping[str, float]) -> tuple[float, ...] | None:
        """The objectives as the user states them, or None where one is unknown or not finite."""
        found = tuple(costs[one.name] if one.is_cost else metrics.get(one.name, math.nan) for one in self.objectives)
        return found if all(map(math.isfinite, found)) else None

    def losses(self, values: Sequence[float]) -> tuple[float, ...]:
        """Objective values with every one of them to be minimised."""
        return tuple(one.loss(value) for one, value in zip(self.objectives, values, strict=True))

    def slacks(self, costs: Mapping[str, float], metrics: Mapping[str, float] | None = None) -> tuple[float, ...]:
        """One number for each constraint, positive where violated; 0 where `metrics` do not tell yet."""
        found = []
        for one in self.constraints:
            known = costs if one.is_cost else metrics or {}
            found.append(one.slack(known[one.name]) if one.name in known else 0.0)
        return tuple(found)

    def broken(self, costs: Mapping[str, float]) -> Constraint | None:
        """The first constraint on costs that a candidate with these costs violates, before any training."""
        return next((one for one in self.constraints if one.is_cost and not one.holds(costs[one.name])), None)


def parse_objective(text: str, known: Iterable[str]) -> Objective:
    """`maximize NAME` or `minimize NAME`.

    Raises: ExperimentError: it is written otherwise, or the name is not in `known`.
    """
    known = tuple(known)
    words = text.split() if isinstance(text, str) else []
    if len(words) != 2 or words[0] not in ("maximize", "minimize"):
        hint = nearest(words[0], ("maximize", "minimize")) if words else ""
        raise ExperimentError(
            f"an objective is written `maximize NAME` or `minimize NAME`, here stands {_shown(text)}{hint}"
        )
    _require_known(words[1], known, f"objective `{text}`")
    return Objective("maximize" if words[0] == "maximize" else "minimize", words[1])


def parse_constraint(text: str, known: Iterable[str]) -> tuple[Constraint, ...]:
    """`NAME <= NUMBER`, with `<`, `>=`, `>` too, in either order; `LOW <= NAME <= HIGH` gives two.

    Raises: ExperimentError: it is written otherwise, or the name is not in `known`.
    """
    known = tuple(known)
    form = ExperimentError(
        f"a constraint is written `NAME <= NUMBER` or `LOW <= NAME <= HIGH` (also with <, >=, >), here stands {_shown(text)}"
    )
    if not isinstance(text, str) or len(text) > 200:
        raise form
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise form from None
    if not isinstance(tree, ast.Compare) or len(tree.ops) > 2 or any(type(op) not in _SIGNS for op in tree.ops):
        raise form
    sides = [tree.left, *tree.comparators]
    names = [side for side in sides if isinstance(side, ast.Name)]
    if len(names) != 1 or (len(sides) == 3 and sides[1] is not names[0]):
        raise form
    found = []
    for left, op, right in zip(sides, tree.ops, sides[1:], strict=False):
        sign = _SIGNS[type(op)]
        number = _number(right if left is names[0] else left)
        if number is None:
            raise form
        found.append(Constraint(names[0].id, sign if left is names[0] else _FLIPPED[sign], number))
    _require_known(names[0].id, known, f"constraint `{text}`")
    return tuple(found)


def _number(node: ast.expr) -> float | None:
    sign = 1.0
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        sign, node = -1.0, node.operand
    if not isinstance(node, ast.Constant) or isinstance(node.value, bool) or not isinstance(node.value, int | float):
        return None
    number = sign * float(node.value) if abs(node.value) < 1e300 else math.inf
    return number if math.isfinite(number) else None


def _require_known(name: str, known: tuple[str, ...], where: str) -> None:
    if name not in known:
        raise ExperimentError(
            f"{where}: `{name}` is neither a cost nor a metric of the task; known are {', '.join(known)}{nearest(name, known)}"
        )


def _clashes(objectives: Sequence[Objective]) -> Iterable[str]:
    seen: dict[str, Objective] = {}
    for one in objectives:
        before = seen.setdefault(one.name, one)
        if before is one:
            continue
        if before.direction == one.direction:
            yield f"the objective `{one}` is stated twice"
        else:
            yield f"the objectives `{before}` and `{one}` contradict each other; keep one"


def _impossible(constraints: Sequence[Constraint]) -> Iterable[str]:
    for number, one in enumerate(constraints):
        for before in constraints[:number]:
            if before == one:
                yield f"the constraint `{one}` is stated twice"
            elif before.name == one.name and before.sign[0] != one.sign[0]:
                low, high = (before, one) if before.sign[0] == ">" else (one, before)
                if low.bound > high.bound or (low.bound == high.bound and (low.sign, high.sign) != (">=", "<=")):
                    yield f"no value of `{one.name}` satisfies both `{before}` and `{one}`"


def _shown(text: object) -> str:
    shown = f"`{text}`" if isinstance(text, str) else repr(text)
    return shown if len(shown) <= 80 else shown[:76] + " …`"
