"""Takes out of a graph what makes no difference to its outputs."""

from __future__ import annotations

from nas.graph.graph import Graph, Node
from nas.graph.operators.table import TABLE

_ZERO_ATTRS = tuple((argument.name, argument.default) for argument in TABLE["zero"].arguments)
_NOISE = ("dropout", "drop_path")


def simplify(graph: Graph) -> Graph:
    """The smallest graph that these rules lead to. It computes the same, bit for bit up to the sign of a zero.

    1. identity: `identity`, noise at rate 0 and a sum or product of one tensor give way to their input.
    2. zero: a sum drops its zeros; a product with a zero is zero; so is what an operator that keeps zero makes of zeros.
       The zeros that are left read the graph's first input, of which they need the batch size only.
    3. dead: a node that no output needs goes. The graph's inputs stay, for they are its signature.

    Nodes that stay keep their order, type, scope and weights; the outputs keep their types. (A sum may so know what an
    axis was merged from although only a dropped zero said it.) Applying it twice changes nothing more. With zeros go the weights that only they met. Values are taken to be finite: 0 · ∞ counts as 0.
    """
    stands = list(range(len(graph.nodes)))  # the node whose value a node's value is
    zeros: set[int] = set()
    summands: dict[int, tuple[int, ...]] = {}  # of sums that dropped some
    for node in graph.nodes:
        op = node.op
        if op == "input":
            continue
        sources = tuple([stands[i] for i in node.inputs])
        if op == "zero":
            zeros.add(node.id)
        elif op == "add":
            if zeros and not zeros.isdisjoint(sources):
                sources = summands[node.id] = tuple([i for i in sources if i not in zeros])
                if not sources:
                    zeros.add(node.id)
            if len(sources) == 1 and graph.nodes[sources[0]].type == node.type:
                stands[node.id] = sources[0]
        elif zeros and not zeros.isdisjoint(sources) and _is_zero(node, sources, zeros):
            zeros.add(node.id)
        elif (
            op == "identity"
            or (op == "multiply" and len(sources) == 1)
            or (op in _NOISE and not dict(node.attrs)["rate"])
        ):
            stands[node.id] = sources[0]
    return _rebuilt(graph, stands, zeros, summands)


def _is_zero(node: Node, sources: tuple[int, ...], zeros: set[int]) -> bool:
    return node.op == "multiply" or (zeros.issuperset(sources) and TABLE[node.op].keeps_zero(dict(node.attrs)))


def _rebuilt(graph: Graph, stands: list[int], zeros: set[int], summands: dict[int, tuple[int, ...]]) -> Graph:
    """The nodes that the outputs need, renumbered."""
    nodes = graph.nodes
    needed = [False] * len(nodes)
    for i in graph.inputs:
        needed[i] = True
    for i in graph.outputs:
        needed[stands[i]] = True
    for node in reversed(nodes):
        if needed[node.id] and node.id not in zeros:
            for i in summands.get(node.id, node.inputs):
                needed[stands[i]] = True
    if all(needed) and not zeros and not summands:
        return graph
    first = graph.inputs[0]
    number = [0] * len(nodes)
    kept: list[Node] = []
    for node in nodes:
        id_, op, attrs, inputs, type_, scope, weights = node
        if not needed[id_]:
            continue
        new = number[id_] = len(kept)
        if id_ in zeros:
            kept.append(Node(new, "zero", _ZERO_ATTRS, (number[first],), type_, scope))
        else:
            sources = tuple([number[stands[i]] for i in summands.get(id_, inputs)])
            kept.append(
                node if new == id_ and sources == inputs else Node(new, op, attrs, sources, type_, scope, weights)
            )
    return Graph(
        tuple(kept), tuple([number[i] for i in graph.inputs]), tuple([number[stands[i]] for i in graph.outputs])
    )
