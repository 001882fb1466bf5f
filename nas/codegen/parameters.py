"""What the constructor of a class must be told: the numbers in which its instances differ.

Numbers that always agree with each other are one argument; those that all instances agree on are written out.
"""

from __future__ import annotations

from collections.abc import Iterator

from nas.codegen import naming
from nas.codegen.blocks import BlockClass, Parameter
from nas.codegen.instances import Instance
from nas.graph.graph import Graph


def lift(graph: Graph, block_class: BlockClass) -> None:
    """Find the parameters of a class and write its parts in terms of them."""
    instances = block_class.instances
    names = naming.Names(naming.INPUTS)
    by_value: dict[tuple[str, tuple[str, ...]], Parameter] = {}

    def written(position: int, values: tuple[str, ...], label: str, wish: str, stored: bool) -> str:
        """The text for a number which takes `values` in the instances."""
        if values.count(values[0]) == len(values):
            return values[0]
        argument = label or _argument(instances, position, values)
        parameter = by_value.get((argument, values))
        if parameter is None:
            name = argument or _size_name(graph, block_class, values) or wish or _inner_name(graph, block_class, values)
            name = name or _other_name(graph, block_class, values, stored)
            parameter = Parameter(names.claim(naming.identifier(name)), values, not argument)
            by_value[argument, values] = parameter
            block_class.parameters.append(parameter)
        parameter.stored |= stored
        return f"self.{parameter.name}" if stored else parameter.name

    for position, part in enumerate(block_class.parts):
        same = [instance.steps[position] for instance in instances]
        make: Iterator[tuple[str, ...]]
        if part.block is None:
            labels, wishes = part.step.make_labels, ("",) * len(part.step.make_labels)
            make = zip(*(step.make_numbers for step in same), strict=True)
        else:
            wishes = tuple(parameter.name for parameter in part.block.parameters)
            labels = tuple("" if parameter.is_size else parameter.name for parameter in part.block.parameters)
            make = zip(*(step.instance.arguments for step in same if step.instance is not None), strict=True)
        part.make_numbers = tuple(
            written(position, values, label, wish, False)
            for values, label, wish in zip(make, labels, wishes, strict=True)
        )
        call = zip(*(step.call_numbers for step in same), strict=True)
        part.call_numbers = tuple(written(position, values, "", "", True) for values in call)
    _put_in_order(graph, block_class)
    for i, instance in enumerate(instances):
        instance.arguments = tuple([parameter.values[i] for parameter in block_class.parameters])


def _put_in_order(graph: Graph, block_class: BlockClass) -> None:
    """The size of the first input comes first, as in torch's own layers."""
    sizes = [values for _, values in axis_sizes(graph, block_class, 0)]
    block_class.parameters.sort(key=lambda parameter: not (parameter.is_size and parameter.values in sizes))


def axis_sizes(graph: Graph, block_class: BlockClass, value: int) -> list[tuple[str, tuple[str, ...]]]:
    """Name and sizes (one for each instance) of the axes of the value at a position; nothing if their names differ."""
    types = [graph.nodes[instance.values[value]].type for instance in block_class.instances]
    if any(type_.names != types[0].names for type_ in types):
        return []
    return [(axis.name, tuple([str(type_.axes[k].size) for type_ in types])) for k, axis in enumerate(types[0].axes)]


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
    for value in block_class.inputs:
        for name, sizes in axis_sizes(graph, block_class, value):
            if sizes == values:
                return name
    for value in block_class.outputs:
        for name, sizes in axis_sizes(graph, block_class, value):
            if sizes == values:
                return f"out_{name}"
    return ""


def _inner_name(graph: Graph, block_class: BlockClass, values: tuple[str, ...]) -> str:
    """A name for a size that only the inside of the block knows."""
    outside = axis_sizes(graph, block_class, 0)
    for part in block_class.parts:
        for value in part.writes:
            for name, sizes in axis_sizes(graph, block_class, value):
                if sizes == values:
                    last = not outside or name == outside[-1][0]
                    return "hidden" if last else f"hidden_{name}"
    return ""


def _other_name(graph: Graph, block_class: BlockClass, values: tuple[str, ...], in_call: bool) -> str:
    """A name for a number that is no axis's size: in a call a dimension, or what takes another place in each instance."""
    if not all(value.isdigit() for value in values):
        return "value"
    if not in_call:
        return "hidden"
    rank = max(len(graph.nodes[value].type.axes) for value in block_class.instances[0].values)
    return "dim" if all(int(value) <= rank for value in values) else "size"
