"""Random wirings: which nodes of a block read which, drawn by a generator of random graphs."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from nas.errors import Place, nearest
from nas.space.arithmetic import bounded_list, error
from nas.space.values import describe

if TYPE_CHECKING:
    from nas.space.run import Frame

MAX_NODES = 256
_ARGUMENTS = {"ws": ("k", "p"), "er": ("p",), "ba": ("m",)}  # that each kind takes besides `nodes` and `seed`
_NAMES = ("kind", "nodes", "k", "p", "m", "seed")


def wire(frame: Frame, args: list[Any], keywords: dict[str, Any], site: str, place: Place) -> list[list[int]]:
    """`wire(kind, nodes, …, seed)`: for each node of a random graph, the list of the nodes that it reads.

    The graph becomes directed by the order of its nodes: each edge leads to the later one, so a node reads only earlier
    ones. A node that reads none is fed by the input. Kinds: "ws" (Watts–Strogatz: a ring in which every node knows its
    `k` nearest, each edge moved with probability `p`), "er" (Erdős–Rényi: every edge with probability `p`), "ba"
    (Barabási–Albert: every new node reaches out to `m`, preferring those with many edges).
    Raises: SpaceError: an argument is missing, not of this kind, or out of its range.
    Source: Xie et al. 2019, "Exploring Randomly Wired Neural Networks for Image Recognition", arXiv:1904.01569.
    """
    given = _given(args, keywords, place)
    kind = given.pop("kind")
    nodes = _integer("nodes", given.pop("nodes"), 1, MAX_NODES, place)
    seed = _integer("seed", given.pop("seed"), 0, 10**18, place)
    numbers: tuple[float, ...]
    if kind == "ws":
        k = _integer("k", given["k"], 2, nodes - 1, place)
        if k % 2:
            raise error(place, f"`wire` takes an even number as `k`, half of it on each side; got {k}")
        numbers = (k, _probability(given["p"], place))
    elif kind == "er":
        numbers = (_probability(given["p"], place),)
    else:
        numbers = (_integer("m", given["m"], 1, nodes - 1, place),)
    frame.run.spend(nodes * nodes // 16, place)
    return bounded_list(frame, [list(read) for read in _predecessors(kind, nodes, numbers, seed)], place)


def _given(args: list[Any], keywords: dict[str, Any], place: Place) -> dict[str, Any]:
    """The arguments by name: exactly those of the kind."""
    if not args or len(args) > 2:
        raise error(place, '`wire` begins with the kind and the number of nodes: wire("ws", 32, k=4, p=0.75, seed=0)')
    given = dict(zip(_NAMES, args, strict=False))
    kind = given["kind"]
    if not isinstance(kind, str) or kind not in _ARGUMENTS:
        hint = nearest(kind, _ARGUMENTS) if isinstance(kind, str) else ""
        raise error(place, f"`wire` knows the kinds {', '.join(_ARGUMENTS)}, got {describe(kind)}{hint}")
    takes = ("nodes", *_ARGUMENTS[kind], "seed")
    for name, value in keywords.items():
        if name in given:
            raise error(place, f"`wire` got `{name}` twice")
        if name not in takes:
            raise error(place, f'`wire("{kind}")` has no argument `{name}`; it has {", ".join(takes)}')
        given[name] = value
    for name in takes:
        if name not in given:
            raise error(place, f'`wire("{kind}")` needs its argument `{name}`')
    return given


def _integer(name: str, value: Any, low: int, high: int, place: Place) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        most = f"{high:,}" if high < 10**18 else "1e18"
        span = (
            f"an integer from {low} to {most}" if low <= high else f"an integer from {low}, below the number of nodes"
        )
        raise error(place, f"`wire` takes {span} as `{name}`, got {describe(value)}")
    return int(value)


def _probability(value: Any, place: Place) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise error(place, f"`wire` takes a number from 0 to 1 as `p`, got {describe(value)}")
    return float(value)


@lru_cache(maxsize=1_024)
def _predecessors(kind: str, nodes: int, numbers: tuple[float, ...], seed: int) -> tuple[tuple[int, ...], ...]:
    """For each node, the earlier nodes that it shares an edge with, in order."""
    import networkx  # here, since few spaces need it

    make: dict[str, Callable[..., Any]] = {
        "ws": networkx.watts_strogatz_graph,
        "er": networkx.gnp_random_graph,
        "ba": networkx.barabasi_albert_graph,
    }
    graph = make[kind](nodes, *numbers, seed=seed)
    return tuple(tuple(sorted(other for other in graph[node] if other < node)) for node in range(nodes))
