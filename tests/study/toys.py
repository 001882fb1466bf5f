"""Small spaces without tensors, for tests of the study: a program of decisions whose cost is a sum. Fast, and exact."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from random import Random as Generator
from typing import Any

from nas.errors import SpaceError
from nas.graph.graph import Graph, Node
from nas.graph.types import Axis, TensorType
from nas.space import Rejected
from nas.space.deciders import Crossover, Mutation, Prefix, Random, Replay
from nas.space.domains import Categorical, Domain, Integer, Real, Value
from nas.study.candidate import Candidate

Decide = Callable[[str, Domain], Any]

_TYPE = TensorType((Axis("features", 4),))
NOTHING = Graph((Node(0, "input", (), (), _TYPE),), (0,), (0,))


@dataclass(frozen=True)
class ToyCosts:
    params: int

    def as_dict(self) -> dict[str, int]:
        return {
            "params": self.params,
            "active_params": self.params,
            "trainable_params": self.params,
            "macs": 2 * self.params,
            "activation_bytes": 4,
        }


@dataclass(frozen=True)
class ToyDesign:
    genotype: dict[str, Value]
    domains: dict[str, Domain]
    costs: ToyCosts
    digest: str
    recipe: dict[str, Any] = field(default_factory=dict)
    graph: Graph = NOTHING
    members: int = 1
    solved: dict[str, int] = field(default_factory=dict)


class ToySpace:
    """`program(decide)` reads decisions and returns (params, a description by which designs are the same)."""

    def __init__(
        self,
        program: Callable[[Decide], tuple[int, Any]],
        name: str = "toy",
        flat: bool = False,
        seeds: Mapping[str, dict[str, Value]] | None = None,
    ) -> None:
        self.program, self.name, self.is_flat = program, name, flat
        self.text = f"space: {name}\n"
        self.file = f"{name}.yaml"
        self.operator_files: dict[str, str] = {}
        self.seeds = dict(seeds or {})
        self.seed_sizes: dict[str, dict[str, int]] = {}

    def build(self, decider: Any) -> ToyDesign:
        genotype: dict[str, Value] = {}
        domains: dict[str, Domain] = {}

        def decide(path: str, domain: Domain) -> Value:
            if path not in genotype:
                value = decider.decide(path, domain)
                assert domain.contains(value), f"{value!r} is not {domain}"
                genotype[path], domains[path] = value, domain
            return genotype[path]

        try:
            params, identity = self.program(decide)
        except Rejected as rejected:
            rejected.genotype, rejected.domains = genotype, domains
            raise
        digest = hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:32]
        return ToyDesign(genotype, domains, ToyCosts(params), digest)

    def remembering(self) -> ToySpace:
        return self

    def _until_accepted(self, decider: Callable[[], Any], n: int = 2000) -> ToyDesign:
        for _ in range(n):
            try:
                return self.build(decider())
            except Rejected:
                continue
        raise SpaceError(f"{self.file}: none of {n} draws is accepted")

    def sample(self, rng: Generator) -> ToyDesign:
        return self._until_accepted(lambda: Random(rng))

    def replay(self, genotype: Mapping[str, Value], rng: Generator | None = None) -> ToyDesign:
        if rng is None:
            return self.build(Replay(genotype))
        return self._until_accepted(lambda: Replay(genotype, Random(rng)))

    def mutate(self, genotype: Mapping[str, Value], rng: Generator) -> ToyDesign:
        paths = sorted(genotype)
        return self._until_accepted(lambda: Mutation(genotype, frozenset([rng.choice(paths)]), rng))

    def crossover(self, a: Mapping[str, Value], b: Mapping[str, Value], rng: Generator) -> ToyDesign:
        return self._until_accepted(lambda: Crossover(a, b, rng))

    def neighbours(self, genotype: Mapping[str, Value], rng: Generator) -> Iterator[ToyDesign]:
        domains = self.replay(genotype).domains
        for path, domain in domains.items():
            others = list(domain.values()) if domain.size < 20 else [domain.sample(rng) for _ in range(5)]
            for value in others:
                if value != genotype[path]:
                    try:
                        yield self.build(Replay({**genotype, path: value}, Random(rng), lenient=True))
                    except Rejected:
                        continue

    def enumerate(self) -> Iterator[ToyDesign]:
        positions: list[int] = []
        for _ in count():
            prefix = Prefix(positions)
            try:
                design = self.build(prefix)
            except Rejected:
                design = None
            if any(domain.size == math.inf for _, domain, _ in prefix.way):
                raise SpaceError(f"{self.file}: a real number without a step; such a space has no list of members")
            if design is not None:
                yield design
            way = prefix.way
            while way and way[-1][2] + 1 >= way[-1][1].size:
                way.pop()
            if not way:
                return
            positions = [position for _, _, position in way]
            positions[-1] += 1


def flat(**options: Any) -> ToySpace:
    """Four decisions that are always read, one of each kind."""

    def program(decide: Decide) -> tuple[int, Any]:
        depth = decide("depth", Integer(1, 6))
        width = decide("width", Integer(8, 512, step=8, log=True))
        act = decide("act", Categorical(("relu", "gelu", "silu")))
        rate = decide("rate", Real(0.0, 0.5))
        return depth * width * width, [depth, width, act, rate]

    return ToySpace(program, "flat", flat=True, **options)


def conditional(**options: Any) -> ToySpace:
    """What is read depends on `kind`; `narrow[i]` has a domain that depends on `i` and on what came before."""

    def program(decide: Decide) -> tuple[int, Any]:
        kind = decide("kind", Categorical(("wide", "deep", "kan")))
        if kind == "wide":
            width = decide("width", Integer(64, 1024, step=16, log=True))
            return width * 50, [kind, width]
        if kind == "kan":
            degree, grid = decide("degree", Integer(1, 5)), decide("grid", Categorical((3, 5, 8), weights=(1, 2, 1)))
            return 40 * degree * grid, [kind, degree, grid]
        sizes = []
        last = 64
        for i in range(decide("depth", Integer(1, 4))):
            last = decide(f"narrow[{i}]", Integer(1, last))
            sizes.append(last)
        return sum(sizes) * 20 + 1, [kind, sizes]

    return ToySpace(program, "conditional", **options)


def grammar(**options: Any) -> ToySpace:
    """A tree of binary sums and products over leaves; a rule rejects about half of the draws."""

    def program(decide: Decide) -> tuple[int, Any]:
        leaves = 0

        def expression(path: str, depth: int) -> Any:
            nonlocal leaves
            options = ("leaf", "twice", "sum", "product") if depth < 5 else ("leaf",)
            rule = decide(f"{path}.rule", Categorical(options))
            if rule == "leaf":
                leaves += 1
                if leaves > 6:
                    raise Rejected("leaves <= 6")
                return decide(f"{path}.op", Categorical(("relu", "tanh", "norm")))
            if rule == "twice":
                return [rule, expression(f"{path}.a", depth + 1)]
            return [rule, expression(f"{path}.a", depth + 1), expression(f"{path}.b", depth + 1)]

        tree = expression("e", 0)
        if leaves < 2:
            raise Rejected("leaves >= 2")
        return 100 * leaves, tree

    return ToySpace(program, "grammar", **options)


def tiny(n: int = 3, **options: Any) -> ToySpace:
    """`n` squared genotypes, of which those with the same sum are one design: 2 n - 1 different ones."""

    def program(decide: Decide) -> tuple[int, Any]:
        a, b = decide("a", Integer(0, n - 1)), decide("b", Integer(0, n - 1))
        return 10 + a + b, a + b

    return ToySpace(program, f"tiny{n}", flat=True, **options)


SPACES = {"flat": flat, "conditional": conditional, "grammar": grammar}


def accuracy(candidate: Candidate) -> float:
    """A smooth law of diminishing returns in the parameters, and a part that only the design itself explains."""
    luck = int(candidate.digest[:8], 16) / 16**8
    return 1 - math.exp(-math.log10(candidate.costs["params"] + 10) / 3) + 0.05 * luck
