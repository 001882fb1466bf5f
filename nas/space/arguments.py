"""Arguments of calls: evaluated, checked, and sorted into what operators and blocks take."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from nas.errors import Place, nearest
from nas.graph.operators import TABLE
from nas.space.arithmetic import error
from nas.space.program import BlockSpec, Expression
from nas.space.values import AxisSize, Callee, Tensor, axis_name, describe

if TYPE_CHECKING:
    from nas.space.run import Frame

MAX_TENSORS = 256  # of one operator
_PLAIN = frozenset({int, float, bool, str, type(None)})

Keywords = Sequence[tuple[str, Expression]]


class OperatorArguments(NamedTuple):
    """Ids of the tensors, the other arguments by position, and those by name."""

    tensors: tuple[int, ...]
    rest: list[Any]
    given: dict[str, Any]


def operator_arguments(
    frame: Frame, name: str, args: Sequence[Expression], keywords: Keywords, place: Place
) -> OperatorArguments:
    """What an operator is called with. Raises: SpaceError: something that no operator takes, or takes elsewhere."""
    tensors: list[int] = []
    rest: list[Any] = []
    special = False  # an argument that is not a plain number or word
    for expression in args:
        value = expression(frame)
        kind = type(value)
        if kind in _PLAIN:
            rest.append(value)
        elif kind is Tensor and not rest:
            tensors.append(value.id)
        elif kind is list and value and type(value[0]) is Tensor and not rest:
            if len(tensors) + len(value) > MAX_TENSORS:
                raise error(place, f"`{name}` takes {len(tensors) + len(value):,} tensors; at most {MAX_TENSORS}")
            tensors.extend(_ids(name, value, place))
        elif kind is Tensor:
            raise error(place, f"`{name}` takes its tensors before its other arguments")
        else:
            special = True
            rest.append(_checked(name, value, place))
    given: dict[str, Any] = {}
    for key, expression in keywords:
        if key in given:
            raise error(place, f"`{name}` got `{key}` twice")
        given[key] = value = expression(frame)
        if type(value) not in _PLAIN:
            special = True
            _checked(name, value, place)
    if special:
        rest, given = _axes_by_name(name, rest, given)
    return OperatorArguments(tuple(tensors), rest, given)


def block_arguments(
    frame: Frame, block: BlockSpec, args: Sequence[Expression], keywords: Keywords, place: Place
) -> tuple[dict[str, Any], str | None]:
    """The value of every parameter of a block, and the name that `tied` gives.

    Raises: SpaceError: too many arguments, one that the block does not have, one twice, or one that is missing.
    """
    name, params = block.name, block.params
    if len(args) > len(params):
        raise error(place, f"block `{name}` takes {len(params)} arguments ({', '.join(params)}), got {len(args)}")
    values = dict(zip(params, [value(frame) for value in args], strict=False))
    tied = None
    for key, expression in keywords:
        if key == "tied":
            tied = tied_name(expression(frame), place)
        elif key not in params:
            raise error(place, f"block `{name}` has no argument `{key}`{nearest(key, params)}")
        elif key in values:
            raise error(place, f"block `{name}` got `{key}` twice")
        else:
            values[key] = expression(frame)
    for key in params:
        if key not in values:
            if key not in block.defaults:
                raise error(place, f"block `{name}` needs its argument `{key}`")
            values[key] = block.defaults[key]
    return values, tied


def tied_name(value: Any, place: Place) -> str:
    """The argument of `tied=`. Raises: SpaceError: it is no name."""
    if not isinstance(value, str) or not value.isidentifier():
        raise error(place, f'`tied` takes a name in quotes: tied="shared"; got {describe(value)}')
    return value


def constant(value: Any) -> Expression:
    """An expression that is always `value`."""
    return lambda frame: value


def _checked(name: str, value: Any, place: Place) -> Any:
    """An operator's argument besides its tensors, which is a number, a word, an axis or a list of these."""
    for part in value if type(value) is list else (value,):
        if isinstance(part, Tensor | Callee | list):
            raise error(place, f"`{name}` takes numbers, words and axes as its other arguments, got {describe(part)}")
    return value


def _ids(name: str, values: list[Any], place: Place) -> list[int]:
    for value in values:
        if type(value) is not Tensor:
            raise error(place, f"`{name}` takes a list of tensors, and {describe(value)} is in it")
    return [value.id for value in values]


def _axes_by_name(op: str, rest: Sequence[Any], given: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """Axis values become names where the operator takes an axis, and sizes elsewhere."""
    arguments = TABLE[op].arguments
    kinds = {argument.name: argument.kind for argument in arguments}
    positional = [_axis(value, arguments[i].kind if i < len(arguments) else "int") for i, value in enumerate(rest)]
    return positional, {name: _axis(value, kinds.get(name, "int")) for name, value in given.items()}


def _axis(value: Any, kind: str) -> Any:
    if type(value) is AxisSize and kind != "axis":
        return int(value)
    if type(value) is list and kind == "axes":
        return tuple(map(axis_name, value))
    return axis_name(value)
