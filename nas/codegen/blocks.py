"""Which block calls are one class, and what its constructor must be told.

Calls of a block with equal structure are one class. Numbers in which they differ become constructor arguments; numbers
that always agree with each other become one argument; all others are written out.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field

from nas.codegen import naming, templates
from nas.codegen.instances import Instance, Step
from nas.graph.graph import Graph
from nas.graph.types import TensorType


@dataclass(slots=True)
class Parameter:
    """An argument of a class's constructor: its name and what each instance gives for it."""

    name: str
    values: tuple[str, ...]
    is_size: bool
    stored: bool = False  # whether `forward` needs it too

    @property
    def type_name(self) -> str:
        return "int" if all(value.lstrip("-").isdigit() for value in self.values) else "float"


@dataclass(slots=True)
class Part:
    """A step as the text of its class has it: numbers are literals or names of parameters.

    `make_numbers` fill the holes of `make`; for a block they go with the parameters of its class `block`.
    `share` is the position of the first part that uses the same module with the same weights.
    """

    step: Step
    call_numbers: tuple[str, ...]
    make_numbers: tuple[str, ...]
    share: int
    block: BlockClass | None = None


@dataclass(slots=True)
class BlockClass:
    """A class of the source, with all its instances; the first one's node ids name its values."""

    block: str
    instances: list[Instance] = field(default_factory=list)
    parameters: list[Parameter] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    name: str = ""

    @property
    def first(self) -> Instance:
        return self.instances[0]


def classes(graph: Graph, root: Instance) -> list[BlockClass]:
    """All classes that `root` needs, those that others use first; the last one is that of `root`."""
    kinds: dict[Hashable, int] = {}
    identities: dict[Hashable, int] = {}
    found: list[BlockClass] = []

    def sort(instance: Instance) -> None:
        for step in instance.steps:
            if step.instance is not None:
                sort(step.instance)
        instance.kind = kinds.setdefault(_structure(instance), len(kinds))
        contents = tuple(
            (step.weights, step.make_numbers, step.call_numbers) if step.instance is None else step.instance.identity
            for step in instance.steps
        )
        instance.identity = identities.setdefault((instance.kind, contents), len(identities))
        if instance.kind == len(found):
            found.append(BlockClass(instance.block))
        found[instance.kind].instances.append(instance)

    sort(root)
    for block_class in found:
        _lift(graph, block_class, found)
    return found


def shares(instance: Instance) -> list[int]:
    """For each step, the first step of the instance whose module, weights and all, is the same."""
    first: dict[Hashable, int] = {}
    return [first.setdefault(_module(step, i), i) for i, step in enumerate(instance.steps)]


def _module(step: Step, position: int) -> Hashable:
    if not step.has_weights:
        return position
    if step.instance is not None:
        return step.instance.identity, ""
    return step.weights, step.make, step.make_numbers


def _structure(instance: Instance) -> Hashable:
    local = {i: position for position, i in enumerate(instance.values)}
    return (
        instance.block,
        len(instance.inputs),
        tuple(
            (
                step.word,
                step.call,
                step.make if step.instance is None else step.instance.kind,
                tuple([local[i] for i in step.reads]),
                len(step.writes),
                share,
            )
            for step, share in zip(instance.steps, shares(instance), strict=True)
        ),
        tuple([local[i] for i in instance.outputs]),
    )


def _lift(graph: Graph, block_class: BlockClass, known: list[BlockClass]) -> None:
    """Find the parameters of a class and write its parts in terms of them."""
    instances = block_class.instances
    names = naming.Names(naming.INPUTS)
    by_value: dict[tuple[str, tuple[str, ...]], Parameter] = {}
    share = shares(block_class.first)

    def written(position: int, values: tuple[str, ...], label: str, wish: str, stored: bool) -> str:
        """The text for a number which takes `values` in the instances."""
        if values.count(values[0]) == len(values):
            return values[0]
        argument = label or _argument(instances, position, values)
        parameter = by_value.get((argument, values))
        if parameter is None:
            name = argument or _size_name(graph, block_class, values) or wish or _inner_name(graph, block_class, values)
            parameter = Parameter(names.claim(naming.identifier(name)), values, not argument)
            by_value[argument, values] = parameter
            block_class.parameters.append(parameter)
        parameter.stored |= stored
        return f"self.{parameter.name}" if stored else parameter.name

    for position, step in enumerate(block_class.first.steps):
        same = [instance.steps[position] for instance in instances]
        make: Iterator[tuple[str, ...]]
        if step.instance is None:
            inner = None
            labels, wishes = step.make_labels, ("",) * len(step.make_labels)
            make = zip(*(other.make_numbers for other in same), strict=True)
        else:
            inner = known[step.instance.kind]
            wishes = tuple(parameter.name for parameter in inner.parameters)
            labels = tuple("" if parameter.is_size else parameter.name for parameter in inner.parameters)
            make = zip(*(other.instance.arguments for other in same if other.instance is not None), strict=True)
        call = zip(*(other.call_numbers for other in same), strict=True)
        make_numbers = tuple(
            written(position, values, label, wish, False)
            for values, label, wish in zip(make, labels, wishes, strict=True)
        )
        call_numbers = tuple(written(position, values, "", "", True) for values in call)
        block_class.parts.append(Part(step, call_numbers, make_numbers, share[position], inner))
    _name_in_signature_order(graph, block_class)
    for i, instance in enumerate(instances):
        instance.arguments = tuple([parameter.values[i] for parameter in block_class.parameters])


def _name_in_signature_order(graph: Graph, block_class: BlockClass) -> None:
    """The size of the first input comes first, as in torch's own layers."""
    first_axes = axis_sizes(graph, block_class, block_class.first.inputs[0]) if block_class.first.inputs else []
    sizes = [values for _, values in first_axes]
    block_class.parameters.sort(key=lambda parameter: not (parameter.is_size and parameter.values in sizes))


def axis_sizes(graph: Graph, block_class: BlockClass, value: int) -> list[tuple[str, tuple[str, ...]]]:
    """Name and sizes (one for each instance) of a value's axes; nothing if its axes are not the same in all instances."""
    types = value_types(graph, block_class, value)
    if any(type_.names != types[0].names for type_ in types):
        return []
    return [(axis.name, tuple([str(type_.axes[k].size) for type_ in types])) for k, axis in enumerate(types[0].axes)]


def value_types(graph: Graph, block_class: BlockClass, value: int) -> list[TensorType]:
    """The type that a value, given by its id in the first instance, has in each instance."""
    position = block_class.first.values.index(value)
    return [graph.nodes[instance.values[position]].type for instance in block_class.instances]


def _argument(instances: list[Instance], position: int, values: tuple[str, ...]) -> str:
    """The operator's argument that these values are; empty for sizes."""
    nodes = [instance.steps[position].node for instance in instances]
    operator_arguments = [dict(node.attrs) for node in nodes if node is not None]
    if not operator_arguments:
        return ""
    for name, value in operator_arguments[0].items():
        is_number = name != "n" and isinstance(value, int | float)
        if is_number and tuple([repr(attrs[name]) for attrs in operator_arguments]) == values:
            return name
    return ""


def _size_name(graph: Graph, block_class: BlockClass, values: tuple[str, ...]) -> str:
    """A name for a size by the axis that has it: of an input, else of the output."""
    first = block_class.first
    for value in first.inputs:
        for name, sizes in axis_sizes(graph, block_class, value):
            if sizes == values:
                return name
    for value in first.outputs:
        for name, sizes in axis_sizes(graph, block_class, value):
            if sizes == values:
                return f"out_{name}"
    return ""


def _inner_name(graph: Graph, block_class: BlockClass, values: tuple[str, ...]) -> str:
    """A name for a size that only the inside of the block knows."""
    first = block_class.first
    outside = axis_sizes(graph, block_class, first.inputs[0]) if first.inputs else []
    for step in first.steps:
        for value in step.writes:
            for name, sizes in axis_sizes(graph, block_class, value):
                if sizes == values:
                    last = not outside or name == outside[-1][0]
                    return "hidden" if last else f"hidden_{name}"
    return "hidden" if all(value.isdigit() for value in values) else "value"


def argument_list(part: Part) -> str:
    """The arguments with which a part's block class is called: the first by position, the others by name."""
    assert part.block is not None
    pairs = zip(part.block.parameters, part.make_numbers, strict=True)
    return ", ".join(
        text if i == 0 and parameter.is_size else f"{parameter.name}={text}"
        for i, (parameter, text) in enumerate(pairs)
    )


def constructor_text(part: Part, numbers: tuple[str, ...] | None = None) -> str:
    """The expression that makes a part's module; `numbers` replaces its own."""
    if part.block is not None:
        given = part if numbers is None else Part(part.step, (), numbers, 0, part.block)
        return f"{part.block.name}({argument_list(given)})"
    assert part.step.make is not None
    return templates.filled(part.step.make, "", [], part.make_numbers if numbers is None else numbers)
