"""Writes a model in a format, compares the file with the model, and finds the operator that is to blame where that fails."""

from __future__ import annotations

import contextlib
import io
import logging
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from nas.codegen.formats import FORMATS
from nas.codegen.formats.format import Format, Written, as_tuple
from nas.codegen.fresh import same_bits
from nas.codegen.module import build
from nas.codegen.render import source
from nas.graph.graph import Graph, Node
from nas.graph.operators import TABLE

TRACED = 3  # samples in the example that a format sees; torch takes a batch of one for a constant
BATCHES = (1, 2, 7)
_PLACES = 3


class Refused(Exception):
    """A format cannot hold a model; `str()` says why in a sentence."""


@dataclass(frozen=True)
class Subject:
    """A model to be written.

    Args:
        model: in evaluation mode.
        fresh: makes it anew, with other weights.
        draw: `batch -> ` random inputs for that many samples.
        graph: what it was made from; None where nobody knows.
    """

    model: nn.Module
    fresh: Callable[[], nn.Module]
    draw: Callable[[int], tuple[Tensor, ...]]
    graph: Graph | None = None


def write(format: Format, subject: Subject, path: Path) -> Written:
    """Write `path` and compare it with the model. Raises: Refused: the operators to blame, where they are and why."""
    blamed = [] if subject.graph is None else _declared(format, subject.graph)
    if blamed:
        raise Refused(_told(blamed))
    try:
        return tried(format, subject, path)
    except Refused as problem:
        if subject.graph is None:
            raise
        blamed = _found(format, subject.graph)
        whole = f"none of its operators is to blame by itself; {problem}"
        raise Refused(_told(blamed) if blamed else whole) from None


def tried(format: Format, subject: Subject, path: Path) -> Written:
    """`write` without a look at the graph. Raises: Refused: what the format says, or how far it is from the model."""
    try:
        with _quiet(), torch.no_grad():
            format.write(subject.model, subject.draw(TRACED), path)
            again = format.load(path, subject.fresh)
            inputs = [subject.draw(batch) for batch in BATCHES]
            difference = max(_difference(again(*one), as_tuple(subject.model(*one))) for one in inputs)
    except Refused:
        raise
    except Exception as problem:  # whatever the format's package says
        raise Refused(_reason(problem)) from problem
    if not difference <= format.tolerance:
        raise Refused(f"its outputs differ by {difference:.2g} of the largest, {format.tolerance:g} is accepted")
    return Written(format.name, path, difference, format.tolerance)


def of_node(graph: Graph, node: Node) -> Subject:
    """One node as a model of its own, with random weights and inputs."""
    types = [graph.nodes[i].type for i in node.inputs]
    inputs = [Node(i, "input", (("name", f"x{i}"),), (), one) for i, one in enumerate(types)]
    ids = tuple(range(len(types)))
    alone = node._replace(id=len(ids), inputs=ids, scope=(), weights="w" if node.weights else "")
    small = Graph((*inputs, alone), ids, (len(ids),))
    text = source(small)
    shapes = [one.shape for one in types]
    return Subject(build(text).eval(), lambda: build(text), lambda batch: random_inputs(shapes, batch), small)


def random_inputs(shapes: Sequence[Sequence[int]], batch: int) -> tuple[Tensor, ...]:
    """The same numbers whenever they are drawn, and the random state as it was."""
    generator = torch.Generator().manual_seed(batch)
    return tuple(torch.randn(batch, *shape, generator=generator) for shape in shapes)


def _declared(format: Format, graph: Graph) -> list[tuple[Node, str]]:
    """The nodes whose operators say of themselves that the format cannot hold them, and why."""
    nodes = (node for node in graph.nodes if node.op in TABLE)
    said = ((node, TABLE[node.op].unexportable.get(format.name, "")) for node in nodes)
    return [(node, why) for node, why in said if why]


def _found(format: Format, graph: Graph) -> list[tuple[Node, str]]:
    """The nodes that fail by themselves, each kind tried once."""
    answers: dict[object, str] = {}
    blamed = []
    for node in graph.nodes:
        if node.op == "input":
            continue
        kind = (node.op, node.attrs, tuple(graph.nodes[i].type for i in node.inputs))
        if kind not in answers:
            with tempfile.TemporaryDirectory(prefix="nas-format-") as folder:
                try:
                    tried(format, of_node(graph, node), Path(folder) / f"node{FORMATS[format.name]}")
                    answers[kind] = ""
                except Refused as problem:
                    answers[kind] = str(problem)
        if answers[kind]:
            blamed.append((node, answers[kind]))
    return blamed


def _told(blamed: list[tuple[Node, str]]) -> str:
    """`` `experts` in `mixer[0]` cannot be written: it loops …``, for each operator and reason."""
    places: dict[tuple[str, str], list[str]] = {}
    for node, why in blamed:
        scope = ".".join(map(str, node.scope))
        places.setdefault((node.op, why), []).append(scope)
    told = []
    for (op, why), scopes in places.items():
        known = [f"`{scope}`" for scope in dict.fromkeys(scopes) if scope]
        more = [f"{len(known) - _PLACES} more places"] if len(known) > _PLACES else []
        where = f" in {', '.join(known[:_PLACES] + more)}" if known else ""
        told.append(f"`{op}`{where} cannot be written: {why}")
    return "; ".join(told)


def _difference(found: tuple[Tensor, ...], expected: tuple[Tensor, ...]) -> float:
    """The largest difference, relative to the largest number expected. Raises: Refused: the shapes or types differ."""
    if len(found) != len(expected):
        raise Refused(f"it gives {len(found)} outputs instead of {len(expected)}")
    worst = 0.0
    for mine, other in zip(found, expected, strict=True):
        if mine.shape != other.shape or mine.dtype != other.dtype:
            was, should = (f"{tuple(one.shape)} of {one.dtype}" for one in (mine, other))
            raise Refused(f"it gives {was} instead of {should}")
        if same_bits(mine, other):
            continue
        equal = (mine == other) | (mine.isnan() & other.isnan())
        gap = torch.where(equal, 0.0, (mine - other).abs()).max()
        largest = other.abs().nan_to_num(0.0, posinf=0.0).max()
        relative = (gap / largest.clamp_min(torch.finfo(largest.dtype).tiny)).item()
        worst = max(worst, relative if relative == relative else float("inf"))
    return worst


def _reason(problem: BaseException) -> str:
    """The cause at the bottom, in one line."""
    while problem.__cause__ is not None:
        problem = problem.__cause__
    if "DataDependent" in type(problem).__name__:
        return "which operations run depends on the numbers that it is given, and the format holds one fixed sequence"
    lines = [line.strip() for line in str(problem).splitlines() if line.strip()]
    return f"{type(problem).__name__}: {lines[0]}" if lines else type(problem).__name__


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Nothing is printed, warned or logged: exporters talk of their progress and of packages that they can do without."""
    before = logging.root.manager.disable
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        logging.disable(logging.CRITICAL)
        try:
            yield
        finally:
            logging.disable(before)
