"""One name for all graphs that are the same: equal exactly when the canonical forms are isomorphic."""

from __future__ import annotations

from collections import Counter
from functools import cache
from hashlib import blake2b

from nas.graph.canonical import Form, canonical
from nas.graph.graph import Graph

_VERSION = b"hourglass 1"


def digest(graph: Graph, simplified: bool = False) -> str:
    """32 hexadecimal digits, the same in every run and Python version, equal for two graphs exactly when their canonical
    forms are isomorphic (up to collisions of a 128-bit hash).

    An isomorphism keeps operators, arguments, the order of inputs where it matters, the graph's inputs and outputs in
    their order, and which expressions share weights. So two layers on one tensor are not the same as one layer used
    twice, which a hash of each expression's inputs alone confuses. `simplified` says that `simplify` made the graph.

    >>> from nas.graph.builder import Builder
    >>> from nas.graph.types import Axis, TensorType
    >>> builder = Builder({"x": TensorType((Axis("features", 4),))})
    >>> digest(builder.finish([builder.apply("relu", (0,))])) == digest(builder.finish([builder.apply("gelu", (0,))]))
    False
    """
    form = canonical(graph, simplified)
    colours = _forward_colours(form)
    parts = [
        "\n".join(form.signature).encode(),
        b"".join([colours[i] for i in form.outputs]),
    ]
    if len(set(colours)) == len(colours):
        # All expressions differ in what they are made of, so the outputs' colours say everything but the ties.
        ties = sorted([b"".join(sorted([colours[i] for i in group])) for group in form.ties])
        return _hash(b"rigid", *parts, *ties).hex()
    return _hash(b"symmetric", *parts, b"".join(sorted(colours)), *_certificates_of(form, colours)).hex()


def _hash(*parts: bytes) -> bytes:
    """A hash of the parts, each with its length, so that no two sequences of parts read the same."""
    text = b"".join([b"%d:%b" % (len(part), part) for part in parts])
    return blake2b(_VERSION + text, digest_size=16).digest()


def _forward_colours(form: Form) -> list[bytes]:
    """A hash of each expression and of all that it is made of."""
    colours: list[bytes] = []
    for label, terms in zip(form.labels, form.terms, strict=True):
        if terms and terms[0][1] < 0:
            read = b"".join(sorted([b"%b%d;" % (colours[i], times) for i, times in terms]))
        else:
            read = b"".join([colours[i] for i, _ in terms])
        colours.append(blake2b(label.encode() + b"\n" + read, digest_size=16).digest())
    return colours


# From here on: graphs in which some layers look alike. Colours are hashes that say all that is known of a vertex; they mean
# the same in every graph. A *cell* is a set of vertices of one colour.

_Colours = dict[int, bytes]
_Links = dict[int, list[tuple[int, bytes]]]


def _certificates_of(form: Form, forward: list[bytes]) -> list[bytes]:
    """Certificates of the parts of the form in which layers look alike, in an order that does not depend on numbers.

    An expression whose colour is its own is settled, and so are its inputs: the colour tells them. Of the others it must be
    said which of the settled ones and which of each other they are joined to, and with whom they share weights.
    """
    times = Counter(forward)
    ties = range(len(forward), len(forward) + len(form.ties))
    alike = {i for i, colour in enumerate(forward) if times[colour] > 1} | {*ties}
    links: _Links = {vertex: [] for vertex in alike}
    known: dict[int, list[bytes]] = {vertex: [] for vertex in alike}  # links to settled expressions

    def join(one: int, kind: bytes, other: int) -> None:
        if one in alike:
            if other in alike:
                links[one].append((other, kind))
            else:
                known[one].append(forward[other] + kind)

    for number, terms in enumerate(form.terms):
        for source, place in terms:
            join(number, _kind("reads", place), source)
            join(source, _kind("is read", place), number)
    for tie, group in zip(ties, form.ties, strict=True):
        for member in group:
            join(tie, _kind("holds"), member)
            join(member, _kind("is held"), tie)
    for place, output in enumerate(form.outputs):
        if output in alike:
            known[output].append(_kind("is output", place))
    own = [*forward, *[_kind("tie")] * len(ties)]
    colours = {vertex: _hash(own[vertex], *sorted(known[vertex])) for vertex in alike}
    parts = [{vertex: colours[vertex] for vertex in part} for part in _components(alike, links)]
    return sorted([_certificate(part, links, greedy=False) for part in parts])


@cache
def _kind(kind: str, place: int = 0) -> bytes:
    """A hash of one kind of link, as long as a colour."""
    return _hash(kind.encode(), b"%d" % place)


def _certificate(colours: _Colours, links: _Links, greedy: bool) -> bytes:
    """A complete invariant of the coloured graph that `links` spans between the vertices of `colours`.

    Vertices whose colour is theirs alone are settled: the colours tell all their links. The others fall into components
    that no link joins, each settled by itself. A component in which every colour is shared is settled by giving one vertex
    of a cell a colour of its own; the smallest certificate over all vertices of that cell is the certificate.

    With `greedy` any one vertex is taken instead. The result then depends on the numbering, but equal results still mean
    isomorphic graphs: two vertices of a cell whose greedy certificates agree are images of each other under a symmetry,
    and one of them stands for both. This is what keeps many equal branches cheap.
    """
    colours = _refined(colours, links)
    cells: dict[bytes, list[int]] = {}
    for vertex, colour in colours.items():
        cells.setdefault(colour, []).append(vertex)
    settled = _hash(*sorted(colours.values()))
    open_ = {vertex for cell in cells.values() if len(cell) > 1 for vertex in cell}
    if not open_:
        return settled
    components = _components(open_, links)
    if len(components) > 1 or len(open_) < len(colours):
        parts = [_certificate({v: colours[v] for v in part}, links, greedy) for part in components]
        return _hash(settled, *sorted(parts))
    colour, cell = min(cells.items(), key=lambda item: (len(item[1]), item[0]))
    marked = _hash(b"marked", colour)
    if greedy:
        return _hash(settled, marked, _certificate({**colours, cell[0]: marked}, links, greedy))
    unlike = {_certificate({**colours, v: marked}, links, greedy=True): v for v in cell}
    return _hash(settled, marked, min(_certificate({**colours, v: marked}, links, greedy) for v in unlike.values()))


def _refined(colours: _Colours, links: _Links) -> _Colours:
    """Colours made finer by those of the neighbours, until that tells no more vertices apart."""
    if len(colours) == 1:
        return colours
    inside = {vertex: [link for link in links[vertex] if link[0] in colours] for vertex in colours}
    n_colours = len(set(colours.values()))
    while True:
        colours = {
            vertex: _packed(colours[vertex], sorted([colours[other] + kind for other, kind in near]))
            for vertex, near in inside.items()
        }
        n_before, n_colours = n_colours, len(set(colours.values()))
        if n_colours == n_before:
            return colours


def _packed(colour: bytes, near: list[bytes]) -> bytes:
    """A hash of a colour and of the links near it; all of one length, so that nothing need say where one ends."""
    return blake2b(colour + b"".join(near), digest_size=16).digest()


def _components(vertices: set[int], links: _Links) -> list[list[int]]:
    """The connected parts of the graph between `vertices`."""
    left = set(vertices)
    parts: list[list[int]] = []
    while left:
        part = [left.pop()]
        for vertex in part:
            for other, _ in links[vertex]:
                if other in left:
                    left.discard(other)
                    part.append(other)
        parts.append(part)
    return parts
