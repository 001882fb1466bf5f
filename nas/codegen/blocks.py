"""Which block calls are one class: those of one block with equal structure.

Numbers do not belong to the structure (`nas.codegen.parameters` lifts them), and neither does which inputs happen to be
one tensor: `cell(x, x)` and `cell(z, x)` are calls of one class with two inputs.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field

from nas.codegen import templates
from nas.codegen.instances import Instance, Step


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
    """A step as the text of its class has it.

    `reads` and `writes` are positions among the class's values: its inputs, then all results in order. Numbers are
    literals or names of parameters; `make_numbers` fill the holes of `make`, for a block they go with the parameters of
    its class `block`. `share` is the position of the first part that uses the same module with the same weights.
    """

    step: Step
    reads: tuple[int, ...]
    writes: tuple[int, ...]
    share: int
    call_numbers: tuple[str, ...] = ()
    make_numbers: tuple[str, ...] = ()
    block: BlockClass | None = None


@dataclass(slots=True)
class BlockClass:
    """A class of the source, with all its instances. `inputs` and `outputs` are positions among its values."""

    block: str
    instances: list[Instance]
    parts: list[Part]
    inputs: range
    outputs: tuple[int, ...]
    parameters: list[Parameter] = field(default_factory=list)
    name: str = ""


def classes(root: Instance) -> list[BlockClass]:
    """All classes that `root` needs, those that others use first; the last one is that of `root`."""
    levels: list[list[Instance]] = []
    _sort_by_height(root, levels)
    found: list[BlockClass] = []
    identities: dict[Hashable, int] = {}
    for level in levels:
        kinds: dict[Hashable, list[Instance]] = {}
        for instance in level:
            kinds.setdefault(_structure(instance), []).append(instance)
        for instances in kinds.values():
            reads = _share_inputs(instances, instances[0] is root)
            outputs = _share_outputs(instances)
            for instance in instances:
                instance.kind = len(found)
                contents = tuple([_contents(step) for step in instance.steps])
                instance.identity = identities.setdefault((instance.kind, contents), len(identities))
            found.append(_block_class(instances, reads, outputs, found))
    return found


def _sort_by_height(instance: Instance, levels: list[list[Instance]]) -> int:
    inner = [_sort_by_height(step.instance, levels) for step in instance.steps if step.instance is not None]
    height = max(inner, default=-1) + 1
    if height == len(levels):
        levels.append([])
    levels[height].append(instance)
    return height


def _contents(step: Step) -> Hashable:
    if step.instance is not None:
        return step.instance.identity
    return step.weights, step.make_numbers, step.call_numbers


def _shares(instance: Instance) -> list[int]:
    """For each step, the first step of the instance whose module, weights and all, is the same."""
    first: dict[Hashable, int] = {}
    shares = []
    for i, step in enumerate(instance.steps):
        module: Hashable = i
        if step.has_weights:
            module = (step.instance.identity,) if step.instance else (step.weights, step.make, step.make_numbers)
        shares.append(first.setdefault(module, i))
    return shares


def _made_inside(instance: Instance) -> dict[int, int]:
    """For each node that the instance computes, its position among its results."""
    return {i: position for position, i in enumerate(i for step in instance.steps for i in step.writes)}


def _structure(instance: Instance) -> Hashable:
    inside = _made_inside(instance)
    return (
        instance.block,
        tuple(
            [
                (
                    step.word,
                    step.call,
                    step.make if step.instance is None else step.instance.kind,
                    tuple([inside.get(i, -1) for i in step.reads]),
                    len(step.writes),
                    share,
                )
                for step, share in zip(instance.steps, _shares(instance), strict=True)
            ]
        ),
    )


def _share_inputs(instances: list[Instance], is_root: bool) -> list[list[int]]:
    """Give instances the fewest common inputs: readings of outside are one input where they agree in all instances.

    Returns: for each step what it reads: positions among the inputs, or −1 − position among the results.
    """
    first = instances[0]
    inside = _made_inside(first)
    columns: dict[tuple[int, ...], int] = {}
    if is_root:
        columns = {(i,): position for position, i in enumerate(first.inputs)}
    reads: list[list[int]] = []
    for s, step in enumerate(first.steps):
        row = []
        for k, i in enumerate(step.reads):
            if i in inside:
                row.append(-1 - inside[i])
            else:
                read = tuple([instance.steps[s].reads[k] for instance in instances])
                row.append(columns.setdefault(read, len(columns)))
        reads.append(row)
    for number, instance in enumerate(instances):
        instance.inputs = tuple([column[number] for column in columns])
        instance.values = [*instance.inputs, *_made_inside(instance)]
        if instance.step is not None:
            instance.step.reads = instance.inputs
            instance.step.call = templates.call(len(instance.inputs))
    return reads


def _share_outputs(instances: list[Instance]) -> list[int]:
    """Give instances common results: all that are read of any of them. Returns: their positions among the results."""
    positions: set[int] = set()
    results = [list(_made_inside(instance)) for instance in instances]
    for instance, made in zip(instances, results, strict=True):
        if instance.step is not None:
            wanted = set(instance.outputs)
            positions.update(position for position, i in enumerate(made) if i in wanted)
    common = sorted(positions)
    for instance, made in zip(instances, results, strict=True):
        if instance.step is not None:
            instance.outputs = instance.step.writes = tuple([made[position] for position in common])
    return common


def _block_class(
    instances: list[Instance], reads: list[list[int]], outputs: list[int], found: list[BlockClass]
) -> BlockClass:
    first = instances[0]
    n_inputs = len(first.inputs)
    parts = []
    made = n_inputs
    for step, row, share in zip(first.steps, reads, _shares(first), strict=True):
        read = tuple([position if position >= 0 else n_inputs - 1 - position for position in row])
        part = Part(step, read, tuple(range(made, made + len(step.writes))), share)
        part.block = None if step.instance is None else found[step.instance.kind]
        made += len(step.writes)
        parts.append(part)
    results = tuple([n_inputs + position for position in outputs])
    if first.step is None:
        position_of = {i: position for position, i in enumerate(first.values)}
        results = tuple([position_of[i] for i in first.outputs])
    return BlockClass(first.block, instances, parts, range(n_inputs), results)


def constructor_text(part: Part, numbers: tuple[str, ...] | None = None) -> str:
    """The expression that makes a part's module; `numbers` replaces its own. A block's arguments go by name but one."""
    numbers = part.make_numbers if numbers is None else numbers
    if part.block is not None:
        pairs = enumerate(zip(part.block.parameters, numbers, strict=True))
        given = [text if i == 0 and one.is_size else f"{one.name}={text}" for i, (one, text) in pairs]
        return f"{part.block.name}({', '.join(given)})"
    assert part.step.make is not None
    return templates.filled(part.step.make, "", [], numbers)
