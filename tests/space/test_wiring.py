"""Random wirings: directed by the order of their nodes, the same for a seed, part of the search."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import networkx
import pytest
from small_spaces import Watched, small

from nas.errors import SpaceError
from nas.space import Space
from nas.space.wiring import _predecessors

KINDS = {"ws": (4, 0.75), "er": (0.3,), "ba": (3,)}
MAKERS: dict[str, Callable[..., Any]] = {
    "ws": networkx.watts_strogatz_graph,
    "er": networkx.gnp_random_graph,
    "ba": networkx.barabasi_albert_graph,
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_each_edge_of_the_random_graph_leads_to_the_later_node(kind: str, seed: int) -> None:
    read = _predecessors(kind, 32, KINDS[kind], seed)
    edges = {(source, node) for node, sources in enumerate(read) for source in sources}
    undirected = MAKERS[kind](32, *KINDS[kind], seed=seed)
    assert edges == {(min(edge), max(edge)) for edge in undirected.edges}
    assert networkx.is_directed_acyclic_graph(networkx.DiGraph(edges))
    assert all(list(sources) == sorted(set(sources)) for sources in read)


def test_known_wirings() -> None:
    """Written down once: a record must mean the same architecture for ever."""
    assert _predecessors("ws", 8, (4, 0.75), 0) == ((), (0,), (0, 1), (1,), (0, 1, 3), (2, 4), (1,), (1, 2, 3, 4, 5, 6))
    assert _predecessors("er", 8, (0.3,), 0) == ((), (), (), (), (0,), (2,), (5,), (1,))
    assert _predecessors("ba", 8, (2,), 0) == ((), (0,), (0,), (0, 2), (0, 3), (0, 3), (4, 5), (3, 6))


def test_without_rewiring_a_small_world_is_a_ring() -> None:
    ring = _predecessors("ws", 6, (2, 0.0), 7)
    assert ring == ((), (0,), (1,), (2,), (3,), (0, 4))
    assert _predecessors("er", 4, (1.0,), 0) == ((), (0,), (0, 1), (0, 1, 2))
    assert _predecessors("er", 3, (0.0,), 0) == ((), (), ())


RANDWIRE = """
node(z): |
  return relu(linear(z, features, bias=False))
stage(z, sources_of): |
  made = []
  for sources in sources_of:
      read = []
      for source in sources:
          read = read + [made[source]]
      made = made + [node(add(read) if len(read) > 0 else z)]
  ends = []
  for i in range(len(made)):
      is_read = False
      for sources in sources_of:
          is_read = is_read or i in sources
      ends = ends if is_read else ends + [made[i]]
  return add(ends) / len(ends)
"""


def wired(wiring: str, choose: str = "{}") -> Space:
    return small(f"return linear(stage(x, wire({wiring})), targets)", RANDWIRE, choose=choose)


@pytest.mark.parametrize(
    "wiring", ['"ws", 10, k=4, p=0.5, seed=3', '"er", nodes=10, p=0.4, seed=3', '"ba", 10, m=2, seed=3']
)
def test_a_randomly_wired_stage(wiring: str) -> None:
    """Every node of the graph is one layer, and every node that none reads reaches the output."""
    built = wired(wiring).build(Watched({}), strict=True)
    assert built.costs.params == 10 * 64 + 36
    assert built.unused_params == 0
    assert built.digest == wired(wiring).build(Watched({}), strict=True).digest


def test_the_wiring_is_searched() -> None:
    space = wired(
        "kind, nodes, p=p, seed=seed",
        "{kind: [er], nodes: {int: [2, 12]}, p: {float: [0.1, 0.9]}, seed: {int: [0, 9]}}",
    )
    drawn = [space.sample(random.Random(i)) for i in range(20)]
    assert len({architecture.digest for architecture in drawn}) > 15
    assert set(drawn[0].genotype) == {"kind", "nodes", "p", "seed"}


@pytest.mark.parametrize(
    ("wiring", "said"),
    [
        ('"watts", 8, seed=0', r"`wire` knows the kinds ws, er, ba, got the word 'watts'"),
        ("3, 8, seed=0", "`wire` knows the kinds ws, er, ba, got the number 3"),
        ("nodes=8, seed=0", "`wire` begins with the kind and the number of nodes"),
        ('"ws", 8, 4, 0.5, 0', "`wire` begins with the kind and the number of nodes"),
        ('"ws", 8, k=4, seed=0', r"`wire\(\"ws\"\)` needs its argument `p`"),
        ('"er", 8, p=0.5', r"`wire\(\"er\"\)` needs its argument `seed`"),
        ('"er", p=0.5, seed=0', r"`wire\(\"er\"\)` needs its argument `nodes`"),
        ('"er", 8, nodes=8, p=0.5, seed=0', "`wire` got `nodes` twice"),
        ('"er", 8, m=2, p=0.5, seed=0', r"has no argument `m`; it has nodes, p, seed"),
        ('"er", 0, p=0.5, seed=0', "an integer from 1 to 256 as `nodes`, got the number 0"),
        ('"er", 257, p=0.5, seed=0', "an integer from 1 to 256 as `nodes`, got the number 257"),
        ('"er", 8.5, p=0.5, seed=0', "as `nodes`, got the number 8.5"),
        ('"er", 8, p=0.5, seed=0 - 1', "an integer from 0 to 1e18 as `seed`, got the number -1"),
        ('"er", 8, p=1.5, seed=0', "a number from 0 to 1 as `p`, got the number 1.5"),
        ('"er", 8, p=True, seed=0', "a number from 0 to 1 as `p`, got True"),
        ('"ws", 8, k=3, p=0.5, seed=0', "an even number as `k`, half of it on each side; got 3"),
        ('"ws", 8, k=8, p=0.5, seed=0', "an integer from 2 to 7 as `k`, got the number 8"),
        ('"ws", 2, k=2, p=0.5, seed=0', "an integer from 2, below the number of nodes as `k`, got the number 2"),
        ('"ba", 8, m=x, seed=0', "an integer from 1 to 7 as `m`, got a tensor"),
        ('"er", 256, p=1.0, seed=0', "a list longer than 10,000"),
    ],
)
def test_mistakes(wiring: str, said: str) -> None:
    space = small(f"w = wire({wiring})\nfor s in w:\n    x = relu(x)\nreturn linear(x, targets)")
    with pytest.raises(SpaceError, match=said):
        space.build(Watched({}), strict=True)
