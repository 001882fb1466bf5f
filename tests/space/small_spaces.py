"""Short ways to write a space and to look at what it builds."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping

from nas.graph.graph import Graph
from nas.space import Architecture, Domain, Space, Value, shipped_spaces, space_from_text
from nas.space.deciders import Replay
from nas.space.loading import is_family

# shipped spaces that ask a question and are quick to build; families are held to their published counts
SEARCHED = [name for name, path in shipped_spaces().items() if not is_family(path) and name != "nasbench201"]


def small(model: str, blocks: str = "", **keys: str) -> Space:
    """The space of these equations; `keys` are other parts of the file, as YAML in one line or more."""
    lines = [
        "space: small",
        *(f"{key}: {default}" for key, default in DEFAULTS.items() if key not in keys),
        *(f"{key}: {value}" if "\n" not in value else f"{key}:\n{indented(value)}" for key, value in keys.items()),
        *(["blocks:", indented(blocks)] if blocks else []),
        "model: |",
        indented(model),
    ]
    return space_from_text("\n".join(lines) + "\n", "small.yaml")


DEFAULTS = {"inputs": "{x: [features]}", "outputs": "[targets]", "sizes": "{features: 8, targets: 4}"}


def indented(text: str) -> str:
    return textwrap.indent(textwrap.dedent(text).strip("\n"), "  ")


def built(space: Space, **genotype: Value) -> Architecture:
    """The architecture of this genotype; `__` in a name stands for what a Python name cannot hold."""
    return space.replay(genotype)


def ops(graph: Graph) -> list[str]:
    return [node.op for node in graph.nodes]


class Watched:
    """Replays a genotype and remembers what was asked, in order."""

    def __init__(self, genotype: Mapping[str, Value]) -> None:
        self.replay = Replay(genotype)
        self.asked: list[str] = []
        self.domains: dict[str, Domain] = {}

    def decide(self, path: str, domain: Domain) -> Value:
        self.asked.append(path)
        self.domains[path] = domain
        return self.replay.decide(path, domain)


RECURSIVE = """
space: recursive
inputs: {{x: [features]}}
outputs: [targets]
sizes: {{features: 8, targets: 4}}
limits: {{depth: {depth}, nodes: {nodes}}}
choose:
  width: [8, 16]
blocks:
  leaf(z): "return linear(z, width)"
  sequence(z): "return term(term(z))"
  parallel(z): "return term(z) + term(z)"
  term(z):
    choose:
      kind: [leaf, sequence, parallel]
    body: |
      return kind(z)
model: |
  return linear(term(x), targets)
"""


def recursive(depth: int, nodes: int = 200) -> Space:
    """A grammar of sequences and sums of linear layers."""
    return space_from_text(RECURSIVE.format(depth=depth, nodes=nodes), "recursive.yaml")
