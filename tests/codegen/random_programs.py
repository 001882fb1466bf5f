"""Random programs with blocks: called again with other sizes, nested, tied, with several inputs and results."""

from __future__ import annotations

import random

from any_operator import Fitting, drawn
from node_by_node import type_

from nas.graph.builder import Builder
from nas.graph.graph import Call, Graph

_KINDS = (
    "mlp", "mlp", "act", "add", "multiply", "norm", "split", "concat", "tokens", "twice", "drop", "kan", "number", "move",
    "slide", "learn", "any", "any", "any", "any", "any", "any", "call",
)  # fmt: skip
_MOVES = (
    "shift",
    "roll",
    "cycle",
    "border",
    "spectrum",
    "cosine",
    "copies",
    "means",
    "windows",
    "permute",
)
_LEARNED = ("per", "start", "scale", "attention", "mixture", "experts", "activation", "wavelets")
_POINTWISE = ("relu", "gelu", "tanh", "silu")


class _Program:
    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.builder = Builder({"x": type_(tokens=4, channels=6), "gate": type_(tokens=4, channels=6)})
        self.structures = [rng.randrange(10**6) for _ in range(rng.choice((1, 2, 3)))]
        self.n_sites = 0
        self.n_weights = 0
        self.tied: dict[str, str] = {}

    def weights(self, tie: str = "") -> str:
        if tie in self.tied:
            return self.tied[tie]
        self.n_weights += 1
        key = f"w{self.n_weights}"
        if tie:
            self.tied[tie] = key
        return key

    def ops(self, shape: random.Random, values: list[int], scope: tuple[Call, ...], hidden: int, tie: str) -> list[int]:
        """A few operators in the order that `shape` draws; sizes come from `hidden`."""
        apply = self.builder.apply
        for number in range(shape.randint(1, 4)):
            x, y = values[-1], shape.choice(values)
            here = f"{tie}/{number}" if tie else ""
            kind = shape.choice(_KINDS)
            if kind == "mlp":
                h = apply("linear", (x,), (hidden,), scope=scope, weights=self.weights(here and here + "u"))
                h = apply(shape.choice(_POINTWISE), (h,), scope=scope)
                h = apply(
                    "linear", (h,), (6,), {"bias": shape.random() < 0.5}, scope, self.weights(here and here + "d")
                )
            elif kind == "act":
                h = apply(shape.choice(_POINTWISE), (x,), scope=scope)
            elif kind in ("add", "multiply"):
                h = apply(kind, (y, x) if shape.random() < 0.5 else (x, y, values[0]), scope=scope)
            elif kind == "norm":
                h = apply(shape.choice(("layer_norm", "batch_norm")), (x,), scope=scope, weights=self.weights(here))
            elif kind == "split":
                order = (0, 1) if shape.random() < 0.7 else (1, 0)
                halves = [apply("chunk", (x,), (i, 2), scope=scope) for i in order]
                h = apply("concat", (halves[1], halves[0]), scope=scope)
            elif kind == "concat":
                h = apply("concat", (x, y), scope=scope)
                h = apply("linear", (h,), (6,), scope=scope, weights=self.weights(here))
            elif kind == "tokens":
                h = apply("linear", (x,), (hidden,), {"axis": "tokens"}, scope, self.weights(here and here + "u"))
                h = apply("linear", (h,), (4,), {"axis": "tokens"}, scope, self.weights(here and here + "d"))
            elif kind == "twice":
                key = self.weights(here)
                h = apply("linear", (x,), (6,), scope=scope, weights=key)
                h = apply("linear", (apply("relu", (h,), scope=scope),), (6,), scope=scope, weights=key)
            elif kind == "drop":
                h = apply(shape.choice(("dropout", "drop_path")), (x,), (self.rng.choice((0.1, 0.2)),), scope=scope)
            elif kind == "number":
                h = apply(shape.choice(("times", "plus")), (x,), (self.rng.choice((0.5, -2.0)),), scope=scope)
            elif kind == "kan":
                h = apply("chebyshev_kan", (x,), (6,), {"degree": self.rng.choice((2, 3))}, scope, self.weights())
            elif kind == "move":
                h = self.moved(shape.choice(_MOVES), x, scope)
            elif kind == "learn":
                h = self.learned(shape.choice(_LEARNED), (x, y), scope, here)
            elif kind == "slide":
                h = apply("conv", (x,), (hidden,), scope=scope, weights=self.weights(here and here + "u"))
                h = apply("conv", (h,), (6,), {"kernel": 1}, scope, self.weights(here and here + "d"))
            elif kind == "any":
                h = Fitting(self.builder, scope, lambda step, here=here: self.weights(here and here + step)).apply(
                    drawn(shape), (x, y)
                )
            else:
                h = self.call(shape, values, scope)[-1] if len(scope) < 3 else x
            values = [*values, h]
        return values

    def learned(self, kind: str, read: tuple[int, int], scope: tuple[Call, ...], tie: str) -> int:
        """Weights of other shapes, starts and uses than those of a plain linear map."""
        apply, (x, y), weights = self.builder.apply, read, self.weights(tie)
        if kind == "per":
            return apply("linear", (x,), (6,), {"per": ("tokens",)}, scope, weights)
        if kind == "start":
            return apply("linear", (x,), (6,), {"init": "orthogonal", "bias_init": "ones"}, scope, weights)
        if kind == "scale":
            terms = {"spread": 0.5, "distribution": "normal"}
            h = apply("bias", (x,), (("tokens",),), terms, scope, weights)
            return apply("scale", (h,), (("channels",),), {"distribution": "signs"}, scope, self.weights())
        if kind == "attention":
            keys = apply("rename", (y,), ("tokens", "keys"), scope=scope)
            scores = apply("softmax", (apply("contract", (x, keys), (("channels",),), scope=scope),), scope=scope)
            return apply("contract", (scores, keys), (("keys",),), scope=scope)
        if kind == "mixture":
            return apply("mixture", (x, y), scope=scope, weights=weights)
        if kind == "experts":
            gates = apply("softmax", (apply("linear", (y,), (3,), scope=scope, weights=self.weights()),), scope=scope)
            return apply("experts", (x, gates), (6, 4), {"active": 2}, scope, weights)
        if kind == "activation":
            h = apply("rational", (x,), (3,), scope=scope, weights=weights)
            return apply("parametric", (h,), ("mish",), scope=scope, weights=self.weights())
        return apply("wavelet_kan", (x,), (6,), scope=scope, weights=weights)

    def moved(self, kind: str, x: int, scope: tuple[Call, ...]) -> int:
        """Numbers at other places, by distances that the calls of a block do not share."""
        apply, by = self.builder.apply, self.rng.choice((1, 2, 3))
        axis = {"axis": "tokens"}
        if kind == "shift":
            return apply("shift", (x,), (self.rng.choice((-by, by)),), axis, scope)
        if kind == "roll":
            return apply("roll", (x,), (by,), axis, scope)
        if kind == "cycle":
            return apply("cycle_shift", (x,), (by,), axis, scope)
        if kind == "border":
            longer = apply("pad", (x,), (by, 0), {**axis, "mode": "reflect"}, scope)
            return apply("slice", (apply("flip", (longer,), (), axis, scope),), (0, 4), axis, scope)
        if kind == "spectrum":
            spectrum = apply("rfft", (x,), (), axis, scope)
            return apply("irfft", (spectrum,), (4,), axis, scope)
        if kind == "cosine":
            return apply(
                "idct", (apply("dct", (x,), (), axis, scope, self.weights()),), (), axis, scope, self.weights()
            )
        if kind == "copies":
            several = apply("repeat", (x,), (by,), {"into": "members"}, scope)
            return apply("mean_pool", (several,), (), {"axis": "members"}, scope)
        if kind == "means":
            return apply("expand", (apply("mean_pool", (x,), (), axis, scope), x), scope=scope)
        if kind == "windows":
            windows = apply("unfold", (x,), (by,), {**axis, "into": "window"}, scope)
            sums = apply("sum_pool", (windows,), (), {"axis": "window"}, scope)
            return apply("resize", (sums,), (4,), {"over": ["tokens"], "mode": "linear"}, scope)
        return apply("permute_values", (x,), (by,), axis, scope, self.weights())

    def call(self, rng: random.Random, values: list[int], scope: tuple[Call, ...]) -> list[int]:
        """A loop of calls of one block, each fed by the one before."""
        number = rng.randrange(len(self.structures))
        self.n_sites += 1
        tie = f"tie{number}" if rng.random() < 0.2 else ""
        hidden = self.rng.choice((3, 5, 8))
        second = rng.choice(values)
        for i in range(rng.choice((1, 1, 2, 3, 4))):
            inner = (*scope, Call(f"block{number}", f"site{self.n_sites}", (i,)))
            shape = random.Random(self.structures[number] + len(scope))
            hidden = hidden if tie or rng.random() < 0.5 else self.rng.choice((3, 5, 8))
            fed = [second, values[-1]] if shape.random() < 0.4 else [values[-1]]
            key = tie and f"{tie}{len(scope)}{hidden}"
            values = [*values, *self.ops(shape, fed, inner, hidden, key)[-(1 + (shape.random() < 0.3)) :]]
        return values


def random_program(seed: int) -> Graph:
    """A graph of blocks called by blocks."""
    rng = random.Random(seed)
    program = _Program(rng)
    values = [0, 1][: rng.choice((1, 2))]
    for _ in range(rng.randint(1, 4)):
        values = program.call(rng, values, ()) if rng.random() < 0.6 else program.ops(rng, values, (), 5, "")
    outputs = values[-1:] if rng.random() < 0.7 else [values[-1], rng.choice(values)]
    return program.builder.finish(outputs)


def scattered(graph: Graph, seed: int) -> Graph:
    """The same graph with scopes drawn at random for every node."""
    rng = random.Random(seed)
    calls = [Call(rng.choice("ab"), rng.choice("pq"), (rng.randrange(2),)) for _ in range(4)]
    nodes = tuple(
        node if node.op == "input" else node._replace(scope=tuple(rng.choices(calls, k=rng.choice((0, 1, 1, 2, 3)))))
        for node in graph.nodes
    )
    return Graph(nodes, graph.inputs, graph.outputs)
