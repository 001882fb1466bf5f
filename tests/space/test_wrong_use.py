"""Every operator, used wrongly in an equation, says where, which operator, and what it was given.

The misuses are made by rules from the operators' own examples, so that a new operator is tried too.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from nas.errors import ShapeError, SpaceError
from nas.graph.examples import example_of, tensors_of
from nas.graph.graph import Graph
from nas.graph.operators import TABLE
from nas.graph.operators.table import Argument, Operator
from nas.graph.types import TensorType
from nas.space import space_from_text
from nas.space.deciders import Replay

SPELLED = {"add": "+", "multiply": "*", "divide": "/", "chunk": "split"}  # as equations write them
NEW = ("into", "to")  # arguments that name axes that are not there yet
SIMPLIFIED = {"identity", "zero"}  # which leave no node behind
LINE = 8  # of the space file: the equation's
NUMBERS = (2, 3, 7, 1000)  # one of them divides none of the sizes of an example
WRONG = {"size": "'wide'", "int": "0.5", "float": "'high'", "bool": "3", "str": "3", "axis": "3", "axes": "3"}


@dataclass(frozen=True)
class Misuse:
    """An equation, and what has to stand in the message besides the operator and its place."""

    equation: str
    said: tuple[str, ...]

    def __str__(self) -> str:
        return self.equation


def run(operator: Operator, equation: str) -> Graph:
    """Build the model of this equation. Raises: SpaceError: it is wrong."""
    types = tensors_of(operator)
    sizes = {axis.name: axis.size for type_ in types.values() for axis in type_.axes}
    named = {node.id for node in ast.walk(ast.parse(equation)) if isinstance(node, ast.Name)}
    inner = sorted({*named, "copies"} - {*sizes, *types, *TABLE})
    text = f"""\
space: wrong
inputs: {{{", ".join(f"{name}: [{', '.join(type_.names)}]" for name, type_ in types.items())}}}
outputs: [targets]
axes: [{", ".join(inner)}]
sizes: {{{", ".join(f"{name}: {size}" for name, size in sizes.items())}, targets: 3}}

model: |
  z = {equation}
  return linear(flatten(repeat(z, 2, into=copies)), targets)
"""
    return space_from_text(text, "wrong.yaml").build(Replay({}), strict=True).graph


def written(operator: Operator, change: Callable[[ast.Call, dict[str, ast.expr]], None]) -> str:
    """The example after `change`, which sees its call and all its arguments as keywords."""
    call = ast.parse(operator.example, mode="eval").body
    assert isinstance(call, ast.Call)
    n_tensors = len(tensors_of(operator))
    names = [argument.name for argument in operator.arguments]
    given = dict(zip(names, call.args[n_tensors:], strict=False))
    given |= {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}
    call.args = call.args[:n_tensors]
    change(call, given)
    call.keywords = [ast.keyword(name, value) for name, value in given.items()]
    return ast.unparse(call)


def with_argument(operator: Operator, name: str, value: str) -> str:
    """The example with another value of one argument."""
    return written(operator, lambda call, given: given.update({name: ast.parse(value, mode="eval").body}))


def with_tensor(operator: Operator, index: int, tensor: str) -> str:
    """The example with an expression in the place of one of its tensors."""

    def change(call: ast.Call, given: dict[str, ast.expr]) -> None:
        call.args[index] = ast.parse(tensor, mode="eval").body

    return written(operator, change)


def type_of(operator: Operator) -> str:
    return str(next(iter(tensors_of(operator).values())))


def absent_axes(operator: Operator) -> Iterator[Misuse]:
    """Axes that the tensor does not have."""
    for argument in operator.arguments:
        if argument.kind in ("axis", "axes") and argument.name not in NEW:
            value = "[absent]" if argument.kind == "axes" else "absent"
            yield Misuse(with_argument(operator, argument.name, value), ("absent", type_of(operator)))


def wrong_kinds(operator: Operator) -> Iterator[Misuse]:
    """Arguments of another kind, words that are none of the options, numbers out of bounds, and names nobody knows."""
    for argument in operator.arguments:
        said = (f"`{argument.name}`",)
        yield Misuse(
            with_argument(operator, argument.name, WRONG[argument.kind]), (*said, WRONG[argument.kind].strip("'"))
        )
        if argument.kind not in ("axis", "axes"):
            yield Misuse(with_argument(operator, argument.name, "x"), ("tensor",))
        yield from (Misuse(with_argument(operator, argument.name, value), said) for value in _outside(argument))
    yield Misuse(with_argument(operator, "unheard", "1"), ("`unheard`",))


def _outside(argument: Argument) -> Iterator[str]:
    if argument.options:
        yield "'unheard'"
    if argument.kind == "size":
        yield "0"
    if argument.low is not None:
        yield str(argument.low - 1)
    if argument.high is not None:
        yield str(argument.high + 1)


def wrong_numbers_of_tensors(operator: Operator) -> Iterator[Misuse]:
    fewest, most = operator.arity
    names = list(tensors_of(operator))

    def given(tensors: list[str]) -> Callable[[ast.Call, dict[str, ast.expr]], None]:
        return lambda call, _: setattr(call, "args", [ast.Name(name) for name in tensors])

    yield Misuse(written(operator, given(names[: fewest - 1])), (f"got {fewest - 1}",))
    if most is not None:
        yield Misuse(written(operator, given(["x"] * (most + 1))), (f"got {most + 1}",))


def other_tensors(operator: Operator) -> Iterator[Misuse]:
    """Each tensor in turn with an axis of another size, under another name, or gone: what is refused names all types."""
    for index, (name, type_) in enumerate(tensors_of(operator).items()):
        for axis in type_.axes:
            yield from (
                Misuse(with_tensor(operator, index, tensor), ())
                for tensor in (
                    f"linear({name}, {axis.size + 1}, axis={axis.name})",
                    f"rename({name}, {axis.name}, absent)",
                    f"mean_pool({name}, axis={axis.name})",
                )
            )


def other_numbers(operator: Operator) -> Iterator[Misuse]:
    """Other sizes: those that do not divide, or do not fit, are refused with the type."""
    for argument in operator.arguments:
        if argument.kind in ("size", "int"):
            low, high = argument.low or 0, argument.high or max(NUMBERS)
            yield from (Misuse(with_argument(operator, argument.name, str(n)), ()) for n in NUMBERS if low <= n <= high)


def all_of(rule: Callable[[Operator], Iterator[Misuse]]) -> list[Any]:
    return [pytest.param(name, misuse, id=str(misuse)) for name in sorted(TABLE) for misuse in rule(TABLE[name])]


def refused(name: str, equation: str) -> str:
    """What is said against the equation, which is said at its place and of the operator."""
    with pytest.raises((SpaceError, ShapeError)) as caught:
        run(TABLE[name], equation)
    (fault,) = caught.value.faults
    assert fault.place is not None
    assert (fault.place.file, fault.place.line) == ("wrong.yaml", LINE)
    assert fault.place.text.strip() == f"z = {equation}"
    assert f"`{name}`" in fault.message or f"`{SPELLED.get(name)}`" in fault.message
    return fault.message


def given_types(name: str, equation: str) -> list[TensorType]:
    """The types of the tensors that the equation gives to the operator."""
    operator = TABLE[name]
    call = ast.parse(equation, mode="eval").body
    assert isinstance(call, ast.Call)
    types = tensors_of(operator)
    return [
        types[tensor.id] if isinstance(tensor, ast.Name) else run(operator, ast.unparse(tensor)).nodes[len(types)].type
        for tensor in call.args
    ]


@pytest.mark.parametrize("name", sorted(TABLE))
def test_the_example_is_in_the_language(name: str) -> None:
    graph = run(TABLE[name], TABLE[name].example)
    expected = example_of(TABLE[name]).nodes[-1]
    made = [(node.op, node.attrs, node.type) for node in graph.nodes]
    assert ((name, expected.attrs, expected.type) in made) == (name not in SIMPLIFIED)


@pytest.mark.parametrize(
    ("name", "misuse"), [*all_of(absent_axes), *all_of(wrong_kinds), *all_of(wrong_numbers_of_tensors)]
)
def test_a_misuse_is_named(name: str, misuse: Misuse) -> None:
    message = refused(name, misuse.equation)
    for said in misuse.said:
        assert said in message, message


@pytest.mark.parametrize(("name", "misuse"), [*all_of(other_tensors), *all_of(other_numbers)])
def test_what_is_refused_names_all_types(name: str, misuse: Misuse) -> None:
    try:
        run(TABLE[name], misuse.equation)
    except (SpaceError, ShapeError):
        message = refused(name, misuse.equation)
        for type_ in given_types(name, misuse.equation):
            assert str(type_) in message, message


def refuses(operator: Operator, rule: Callable[[Operator], Iterator[Misuse]]) -> bool:
    for misuse in rule(operator):
        try:
            run(operator, misuse.equation)
        except (SpaceError, ShapeError):
            return True
    return False


def test_the_rules_reach_what_they_are_for() -> None:
    several = {name for name, operator in TABLE.items() if len(tensors_of(operator)) > 1}
    assert {name for name in TABLE if refuses(TABLE[name], other_tensors)} >= several
    dividing = {"chunk", "conv", "conv_transpose", "group_norm", "patchify", "rational", "split_axis", "unpatchify"}
    assert {name for name in TABLE if refuses(TABLE[name], other_numbers)} >= dividing
    for name, operator in TABLE.items():
        kinds = {argument.kind for argument in operator.arguments if argument.name not in NEW}
        assert bool(kinds & {"axis", "axes"}) == bool(list(absent_axes(operator))), name
        assert len(list(wrong_kinds(operator))) > len(operator.arguments), name
