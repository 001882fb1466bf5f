"""The text of the file: imports, carried layers, one class a block, the model."""

from __future__ import annotations

from nas.codegen import layers, lines, naming, templates
from nas.codegen.blocks import BlockClass, Part, classes, constructor_text
from nas.codegen.forward import Forward
from nas.codegen.instances import Instance, Step, root_instance
from nas.codegen.loops import Home, Layout, layout
from nas.codegen.parameters import axis_sizes, lift
from nas.graph.graph import Graph
from nas.graph.operators import TABLE, Weight

_TENSOR, _NN = "from torch import Tensor", "from torch import nn"
_USED = {"torch": "import torch", "F": "import torch.nn.functional as F", "math": "import math"}


def source(graph: Graph, name: str = "Model", header: str = "") -> str:
    """The graph as a PyTorch file that imports torch alone. Equal graphs give equal texts.

    Args:
        name: of the class; its constructor takes no arguments, its `forward` the graph's inputs by name.
        header: the file's docstring; one line with types and parameters where it is empty.
    Returns: the text of a Python module. Executing it gives the function of the graph.
    """
    return Rendering(graph, name).text(header)


class Rendering:
    """A graph on its way to text; also knows where in the module each node's weights are."""

    def __init__(self, graph: Graph, name: str = "Model") -> None:
        self.graph = graph
        self.root = root_instance(graph, name)
        self.classes = classes(self.root)
        for block_class in self.classes:
            lift(graph, block_class)
        self.carried = layers.carried(self._layer_paths())
        taken = naming.Names(self.carried.names)
        self.classes[-1].name = taken.claim(name)
        self._name_classes(taken)
        self.layouts = [self._laid_out(block_class) for block_class in self.classes]

    def text(self, header: str) -> str:
        imports = {_TENSOR, _NN, *self.carried.imports}
        reserved: set[str] = set(self.carried.names)
        for block_class in self.classes:
            for part in block_class.parts:
                used = templates.grammar(part.step.call).names
                reserved |= used
                imports |= {_USED[one] for one in used if one in _USED}
        bodies = [self._class(block_class, reserved) for block_class in self.classes]
        opening = header.strip() or f"{self.classes[-1].name}: {self._summary(self.classes[-1])}"
        parts = ["\n".join(lines.docstring(opening, 0)), "\n".join(layers.import_block(imports))]
        definitions = [text for _, text in self.carried.definitions] + ["\n".join(body) for body in bodies]
        return "\n\n".join(parts) + "\n\n\n" + "\n\n\n".join(definitions) + "\n"

    def _layer_paths(self) -> set[str]:
        """Of the layers that the operators may need, those that a constructor or a call names."""
        return {
            path
            for block_class in self.classes
            for part in block_class.parts
            if part.step.node is not None
            for path in TABLE[part.step.node.op].layers
            if path.partition(":")[2] in part.step.spoken
        }

    def _name_classes(self, taken: naming.Names) -> None:
        """Classes of one block are told apart by an operator that only one of them has, else by a number."""
        alike: dict[str, list[BlockClass]] = {}
        for block_class in self.classes[:-1]:
            alike.setdefault(block_class.block, []).append(block_class)
        for block, same in alike.items():
            words = [_words(block_class) for block_class in same]
            for i, block_class in enumerate(same):
                others = set().union(*(words[j] for j in range(len(same)) if j != i))
                own = next((word for word in words[i] if word not in others), "") if len(same) > 1 else ""
                block_class.name = taken.claim(naming.class_name(block) + (naming.class_name(own) if own else ""))

    def _laid_out(self, block_class: BlockClass) -> Layout:
        found = layout(block_class.parts, block_class.outputs)
        free = naming.Names(naming.MODULE_ATTRIBUTES, [one.name for one in block_class.parameters if one.stored])
        words = [naming.word(home.word) for home in found.homes]
        lists = [word for word, home in zip(words, found.homes, strict=True) if home.is_list]
        # One list of linear maps is `linears` beside `linear1` and `linear2`; of two lists each has its own number.
        alone = [home.is_list and lists.count(word) == 1 for word, home in zip(words, found.homes, strict=True)]
        numbers = iter(naming.numbered([word for word, one in zip(words, alone, strict=True) if not one]))
        for home, word, one in zip(found.homes, words, alone, strict=True):
            item = word if one else next(numbers)
            home.item = naming.identifier(item)
            home.name = free.claim(naming.attribute_name(naming.plural(item) if home.is_list else item))
        return found

    def _class(self, block_class: BlockClass, reserved: set[str]) -> list[str]:
        position = next(i for i, one in enumerate(self.classes) if one is block_class)
        found = self.layouts[position]
        is_root = block_class is self.classes[-1]
        body = [f"class {block_class.name}(nn.Module):", *lines.docstring(self._summary(block_class), 4), ""]
        stored = [parameter.name for parameter in block_class.parameters if parameter.stored]
        if found.homes or stored:
            given = "".join(f", {one.name}: {one.type_name}" for one in block_class.parameters)
            body += lines.statement(f"def __init__(self{given}) -> None:", 4)
            body.append("        super().__init__()")
            body += [f"        self.{one} = {one}" for one in stored]
            for home in found.homes:
                body += self._home(home)
            if is_root:
                for tie in self._ties():
                    body += lines.statement(tie, 8, "tied")
            body.append("")
        names = naming.Names(reserved)
        inputs = self._inputs(block_class, names)
        body += lines.statement(
            f"def forward(self, {', '.join(f'{one}: Tensor' for one in inputs.values())}) -> {_result(block_class)}:", 4
        )
        writer = Forward(found, inputs, block_class.outputs, lambda i: self._type(block_class, i), names)
        return body + writer.written()

    def _inputs(self, block_class: BlockClass, names: naming.Names) -> dict[int, str]:
        if block_class is self.classes[-1]:
            wishes = [naming.identifier(str(dict(self.graph.nodes[i].attrs)["name"])) for i in self.graph.inputs]
        else:
            count = len(block_class.inputs)
            wishes = [*naming.INPUTS[:count], *(f"x{i + 1}" for i in range(len(naming.INPUTS), count))]
        return {i: names.claim(wish) for i, wish in zip(block_class.inputs, wishes, strict=True)}

    def _home(self, home: Home) -> list[str]:
        if not home.is_list:
            return lines.statement(
                f"self.{home.name} = {constructor_text(home.members[0])}", 8, _equation(home.members[0])
            )
        return lines.statement(
            f"self.{home.name} = nn.ModuleList({_list(home.members)})", 8, _equation(home.members[0])
        )

    def _summary(self, block_class: BlockClass) -> str:
        """`[features=64] → [features=64], 4,096 parameters.`"""
        inputs = [self._type(block_class, i) for i in block_class.inputs]
        if block_class is self.classes[-1] and len(inputs) > 1:
            names = [str(dict(self.graph.nodes[i].attrs)["name"]) for i in self.graph.inputs]
            inputs = [f"{name} {type_}" for name, type_ in zip(names, inputs, strict=True)]
        outputs = [self._type(block_class, i) for i in block_class.outputs]
        types = f"{', '.join(inputs)} → {', '.join(outputs)}, " if all(inputs + outputs) else ""
        counts = [self._counts(instance) for instance in block_class.instances]
        total = _span([count for count, _ in counts])
        frozen = _span([count for _, count in counts])
        return f"{types}{total} parameters" + ("" if frozen == "no" else f", {frozen} of them frozen") + "."

    def _counts(self, instance: Instance) -> tuple[int, int]:
        """Parameters of an instance, weights that are shared inside it once, and how many of them are frozen."""
        owned: dict[str, tuple[int, int]] = {}

        def add(inner: Instance) -> None:
            for step in inner.steps:
                if step.instance is not None:
                    add(step.instance)
                elif step.weights and step.weights not in owned:
                    weights = [weight for weight in self._weights(step) if not weight.buffer]
                    owned[step.weights] = sum(w.size for w in weights), sum(w.size for w in weights if not w.trainable)

        add(instance)
        return sum(count for count, _ in owned.values()), sum(count for _, count in owned.values())

    def _type(self, block_class: BlockClass, value: int) -> str:
        """A value's type with the names of parameters for sizes; empty where it differs in other ways."""
        axes = axis_sizes(self.graph, block_class, value)
        sizes = []
        for _, values in axes:
            known = [one.name for one in block_class.parameters if one.is_size and one.values == values]
            constant = values[0] if values.count(values[0]) == len(values) else ""
            sizes.append(known[0] if known else constant)
        shown = [name if size in ("", name) else f"{name}={size}" for (name, _), size in zip(axes, sizes, strict=True)]
        return f"[{', '.join(shown)}]" if axes else ""

    def _ties(self) -> list[str]:
        """Assignments that make modules in different places the same one, where their weights are."""
        modules: dict[object, str] = {}
        owners: dict[str, tuple[str, object]] = {}
        ties: list[str] = []
        done: set[str] = set()

        def walk(instance: Instance, path: str) -> None:
            for position, step in enumerate(instance.steps):
                here = path + self._place(instance, position) if step.has_weights else ""
                if here in done or not here:
                    continue
                done.add(here)
                if step.instance is not None:
                    first = modules.setdefault(step.instance.identity, here)
                    if first == here:
                        walk(step.instance, here)
                    else:
                        ties.append(f"{here} = {first}")
                    continue
                made = (step.make, step.make_numbers)
                first, like = owners.setdefault(step.weights, (here, made))
                if first != here and like == made:
                    ties.append(f"{here} = {first}")
                elif first != here:  # another module around the same tensors
                    names = [weight.name for weight in self._weights(step) if not weight.buffer]
                    ties.extend(f"{here}.{name} = {first}.{name}" for name in names)

        walk(self.root, "self")
        return ties

    def _place(self, instance: Instance, position: int) -> str:
        """How a step's module is reached from the instance: `.linear`, `.residuals[2]`."""
        home = self.layouts[instance.kind].home_of[position]
        if not home.is_list:
            return f".{home.name}"
        part = self.classes[instance.kind].parts[position]
        return f".{home.name}[{next(i for i, one in enumerate(home.members) if one is part)}]"

    def weight_paths(self) -> dict[int, str]:
        """For each node that owns weights, its module's name in `named_modules()`."""
        paths: dict[int, str] = {}

        def walk(instance: Instance, path: str) -> None:
            for position, step in enumerate(instance.steps):
                if step.has_weights:
                    place = path + self._place(instance, position).replace("[", ".").replace("]", "")
                    if step.instance is not None:
                        walk(step.instance, place)
                    elif step.node is not None:
                        paths[step.node.id] = place[1:]

        walk(self.root, "")
        return paths

    def _weights(self, step: Step) -> tuple[Weight, ...]:
        assert step.node is not None
        types = tuple([self.graph.nodes[i].type for i in step.node.inputs])
        return TABLE[step.node.op].weights(types, dict(step.node.attrs))


def weight_paths(graph: Graph) -> dict[int, str]:
    """For each node of the graph that owns weights, the name that its module has in `named_modules()` of the source.

    Nodes that share weights may have several names; all of them lead to the same tensors.
    """
    return Rendering(graph).weight_paths()


def _words(block_class: BlockClass) -> list[str]:
    """The operators of a class, those of the blocks it calls included, then the axes that they are told to work along."""
    words: list[str] = []
    axes: list[str] = []
    for part in block_class.parts:
        if part.block is not None:
            words += _words(part.block)
        elif part.step.node is not None:
            words.append(part.step.node.op)
            axis = part.step.node.arguments.get("axis")
            axes += [axis] if isinstance(axis, str) else []
    return words + axes


def _result(block_class: BlockClass) -> str:
    count = len(block_class.outputs)
    return "Tensor" if count == 1 else f"tuple[{', '.join(['Tensor'] * count)}]" if count < 4 else "tuple[Tensor, ...]"


def _span(counts: list[int]) -> str:
    low, high = min(counts), max(counts)
    return (f"{low:,}" if low else "no") if low == high else f"{low:,} to {high:,}"


def _equation(part: Part) -> str:
    """What the operator of a part computes, without the terms that it is told to leave out."""
    if part.step.node is None:
        return ""
    equation = TABLE[part.step.node.op].equation
    attrs = part.step.node.arguments
    if attrs.get("bias") is False:
        equation = equation.removesuffix(" + b").replace("= b + ", "= ")
    if attrs.get("affine") is False:
        equation = equation.replace("γ ⊙ ", "").removesuffix(" + β")
    return equation


def _list(parts: list[Part]) -> str:
    """The list display or comprehension that makes the modules of a loop."""
    texts = [constructor_text(part) for part in parts]
    if len(set(texts)) == 1:
        return f"[{texts[0]} for _ in range({len(texts)})]"
    first = parts[0]
    alike = all(part.block is first.block and part.step.make == first.step.make for part in parts)
    columns = list(zip(*(part.make_numbers for part in parts), strict=True)) if alike else []
    varying: dict[tuple[str, ...], str] = {}
    numbers: list[str] = []
    names = naming.Names()
    for i, column in enumerate(columns):
        if len(set(column)) == 1:
            numbers.append(column[0])
        else:
            if column not in varying:
                varying[column] = names.claim(_column_name(first, i, column))
            numbers.append(varying[column])
    if not alike or len(varying) > 3 or len(parts) < 3:
        return f"[{', '.join(texts)}]"
    if len(varying) == 1:
        column, name = next(iter(varying.items()))
        over = ", ".join(column)
    else:
        name = ", ".join(varying.values())
        over = ", ".join(f"({', '.join(row)})" for row in zip(*varying, strict=True))
    return f"[{constructor_text(first, tuple(numbers))} for {name} in ({over})]"


def _column_name(part: Part, i: int, column: tuple[str, ...]) -> str:
    """What the i-th number of a constructor is called when it differs along a list."""
    if part.block is not None:
        return part.block.parameters[i].name
    label = part.step.make_labels[i]
    attrs = dict(part.step.node.attrs) if part.step.node is not None else {}
    given = [name for name, value in attrs.items() if repr(value) == column[0] and name != "n"]
    if label or given:
        return naming.identifier(label or given[0])
    return "n_out" if "n" in attrs and repr(attrs["n"]) == column[0] and i else "n_in"
