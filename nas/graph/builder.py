"""Grows a graph one operator at a time and knows, as it grows, what it costs so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from nas.errors import ShapeError, nearest
from nas.graph.graph import Attribute, Call, Graph, Node
from nas.graph.operators import TABLE
from nas.graph.operators.table import REQUIRED, Argument, Operator
from nas.graph.types import TensorType


class _Applied(NamedTuple):
    """What an operator gives for these types and arguments; the same for every node like it."""

    attrs: tuple[tuple[str, Attribute], ...]
    type: TensorType
    params: int
    trainable: int
    active: int
    macs: int
    has_weights: bool


_applied: dict[tuple[Any, ...], _Applied] = {}
_REMEMBERED = 8_192


class Builder:
    """Appends nodes; `params`, `trainable_params`, `active_params` and `macs` are the running totals of all nodes so far."""

    def __init__(self, inputs: Mapping[str, TensorType]) -> None:
        self.nodes: list[Node] = []
        self.params = 0
        self.trainable_params = 0
        self.active_params = 0
        self.macs = 0
        self._owners: dict[str, Node] = {}
        for name, type_ in inputs.items():
            self.nodes.append(Node(len(self.nodes), "input", (("name", name),), (), type_))
        self._inputs = tuple(range(len(self.nodes)))

    def apply(
        self,
        op: str,
        inputs: tuple[int, ...],
        positional: Sequence[Any] = (),
        keywords: Mapping[str, Any] | None = None,
        scope: tuple[Call, ...] = (),
        weights: str = "",
    ) -> int:
        """Append `op` applied to the nodes `inputs` and return the new node's id.

        Args:
            positional: arguments after the tensors, in the table's order.
            keywords: arguments by name; axes are given by name.
            weights: key of the weights; a key used before shares them.
        Raises: ShapeError: the operator does not take these types or arguments.
        """
        nodes = self.nodes
        types = tuple([nodes[i].type for i in inputs])
        values, names = (*positional, *keywords.values()) if keywords else tuple(positional), tuple(keywords or ())
        key: tuple[Any, ...] = (op, types, values, tuple(map(type, values)), names)
        try:
            applied = _applied.get(key)
        except TypeError:  # a list among the arguments
            key, applied = (), None
        if applied is None:
            applied = _apply(op, types, positional, keywords or {})
            if key:
                if len(_applied) >= _REMEMBERED:
                    _applied.clear()
                _applied[key] = applied
        owned = weights if applied.has_weights else ""
        node = Node(len(nodes), op, applied.attrs, inputs, applied.type, scope, owned)
        owner = self._owners.setdefault(owned, node) if owned else node
        if owner is node:
            self.params += applied.params
            self.trainable_params += applied.trainable
            self.active_params += applied.active
        elif (owner.op, owner.attrs) != (op, applied.attrs) or not _same_weights(self, owner, node):
            raise ShapeError(
                f"`{op}` shares the weights `{owned}` with an earlier `{owner.op}` of another shape: "
                f"{_described(self, owner)} there, {_described(self, node)} here"
            )
        self.macs += applied.macs
        nodes.append(node)
        return node.id

    def finish(self, outputs: Sequence[int]) -> Graph:
        """The graph as it stands, with `outputs` as its results."""
        return Graph(tuple(self.nodes), self._inputs, tuple(outputs))


def weights_of(node: Node, types: tuple[TensorType, ...]) -> tuple[Any, ...]:
    """The `Weight`s a node owns, given the types of its inputs."""
    return TABLE[node.op].weights(types, dict(node.attrs))


def _same_weights(builder: Builder, one: Node, other: Node) -> bool:
    first, second = (tuple(builder.nodes[i].type for i in node.inputs) for node in (one, other))
    return weights_of(one, first) == weights_of(other, second)


def _described(builder: Builder, node: Node) -> str:
    return ", ".join(str(builder.nodes[i].type) for i in node.inputs) + f" → {node.type}"


def _apply(op: str, types: tuple[TensorType, ...], positional: Sequence[Any], keywords: Mapping[str, Any]) -> _Applied:
    operator = TABLE.get(op)
    if operator is None:
        raise ShapeError(f"`{op}` is not an operator{nearest(op, TABLE)}")
    fewest, most = operator.arity
    if len(types) < fewest or (most is not None and len(types) > most):
        wanted = str(fewest) if most == fewest else f"at least {fewest}" if most is None else f"{fewest} to {most}"
        raise ShapeError(f"`{op}` takes {wanted} tensor{'s' * (wanted.split()[-1] != '1')}, got {len(types)}")
    attrs = _bind(operator, positional, keywords)
    if types[0].axes and attrs.get("axis", "") is None:  # the last axis; two spellings of it are one operator
        attrs["axis"] = types[0].names[-1]
    type_ = operator.infer(types, attrs)
    owned = operator.weights(types, attrs)
    parameters = [weight for weight in owned if not weight.buffer]
    params = sum(weight.size for weight in parameters)
    return _Applied(
        tuple(attrs.items()),
        type_,
        params,
        sum(weight.size for weight in parameters if weight.trainable),
        params - operator.inactive(types, attrs),
        operator.macs(types, attrs, type_),
        bool(owned),
    )


def _bind(operator: Operator, positional: Sequence[Any], keywords: Mapping[str, Any]) -> dict[str, Attribute]:
    """Every argument of the operator by name, in the table's order, checked."""
    arguments = operator.arguments
    names = [argument.name for argument in arguments]
    if len(positional) > len(arguments):
        listed = ", ".join(names) or "none"
        raise ShapeError(
            f"`{operator.name}` takes {len(arguments)} argument{'s' * (len(arguments) != 1)} besides its tensors "
            f"({listed}), got {len(positional)}"
        )
    given = dict(zip(names, positional, strict=False))
    for name, value in keywords.items():
        if name not in names:
            raise ShapeError(f"`{operator.name}` has no argument `{name}`{nearest(name, names)}")
        if name in given:
            raise ShapeError(f"`{operator.name}` got `{name}` twice")
        given[name] = value
    bound: dict[str, Attribute] = {}
    for argument in arguments:
        value = given.get(argument.name, argument.default)
        if value is REQUIRED:
            raise ShapeError(f"`{operator.name}` needs its argument `{argument.name}`: {argument.doc}")
        bound[argument.name] = value if value is argument.default else _checked(operator.name, argument, value)
    return bound


def _checked(op: str, argument: Argument, value: Any) -> Attribute:
    def refuse(wanted: str) -> ShapeError:
        shown = (
            f"the string '{value}'"
            if isinstance(value, str)
            else str(value).lower()
            if isinstance(value, bool)
            else repr(value)
        )
        return ShapeError(f"`{op}` takes {wanted} as `{argument.name}`, got {shown}")

    kind = argument.kind
    checked: Attribute
    if kind in ("size", "int"):
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or (kind == "size" and value < 1):
            raise refuse("a positive integer" if kind == "size" else "an integer")
        checked = int(value)
    elif kind == "float":
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise refuse("a number")
        checked = float(value) + 0.0  # -0.0 is 0.0: equal arguments are one
    elif kind == "bool":
        if not isinstance(value, bool):
            raise refuse("True or False")
        checked = value
    elif kind == "axes":
        if not isinstance(value, list | tuple) or not all(isinstance(name, str) for name in value):
            raise refuse("a list of axes")
        checked = tuple(str(name) for name in value)
    else:
        if not isinstance(value, str):
            raise refuse("the name of an axis" if kind == "axis" else "a word")
        checked = str(value)
        if argument.options and checked not in argument.options:
            raise refuse("one of " + ", ".join(argument.options))
    if isinstance(checked, int | float) and not isinstance(checked, bool):
        if argument.low is not None and checked < argument.low:
            raise refuse(f"at least {argument.low:g}")
        if argument.high is not None and checked > argument.high:
            raise refuse(f"at most {argument.high:g}")
    return checked
