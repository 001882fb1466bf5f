"""What was done to the data before the model saw them, as readable functions of an exported file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nas.codegen.lines import WIDTH, docstring

MOST_NAMES = 200

Nested = float | Sequence["Nested"]  # a number, or an array as nested lists


@dataclass(frozen=True)
class Scaling:
    """How numbers were standardised: `(x - mean) / scale`.

    Args:
        mean: a number, or an array of one sample's shape; None where numbers stayed as they were.
        scale: likewise.
        fill: what took the place of NaN before; None where there were none.
        shape: the sample's shape on the model's side, where it is not that of the data.
    """

    mean: Nested | None = None
    scale: Nested | None = None
    fill: Nested | None = None
    shape: tuple[int, ...] | None = None

    @property
    def changes(self) -> bool:
        """Whether it does anything to the numbers."""
        return self.mean is not None or self.fill is not None


@dataclass(frozen=True)
class Preprocessing:
    """What lies between a user's numbers and the model's.

    Args:
        inputs: one for each model input; empty where that is not known.
        target: of a regression; its `shape` is that of the data. None: the output is in the units of the data.
        features: names of the columns of the only input; empty: they have none.
        classes: names in the order of the logits; empty: no classification.
        members: predictions that the model returns side by side, on the axis behind the batch; 1: no such axis.
        names: of the model's inputs; x, or x0, x1, … where they are not given.
        is_classification: whether the outputs are logits, so that probabilities are averaged.
    """

    inputs: tuple[Scaling, ...] = ()
    target: Scaling | None = None
    features: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    members: int = 1
    is_classification: bool = False
    names: tuple[str, ...] = ()

    def notes(self) -> dict[str, str]:
        """What the header says of inputs and outputs."""
        found = {"inputs": "used as they are in the task's data"}
        if any(one.changes for one in self.inputs):
            how = "standardised" if any(one.mean is not None for one in self.inputs) else "without gaps"
            found["inputs"] = f"{how}; call prepare({', '.join(self._names())}) on raw data"
        if self.target is not None:
            found["outputs"] = "standardised; call restore(y) for the units of the data"
        elif 0 < len(self.classes) <= MOST_NAMES:
            found["outputs"] = "one logit for each of CLASSES"
        if self.members > 1:
            found["members"] = (
                f"{self.members} predictions on the axis behind the batch; call average(y) for theirs together"
            )
        return found

    def constants(self) -> str:
        """`FEATURES`, `CLASSES` and the numbers, as statements; empty if there are none."""
        rows: list[str] = []
        for name, words in (("FEATURES", self.features), ("CLASSES", self.classes)):
            if 0 < len(words) <= MOST_NAMES:
                rows += _statement(f"{name} = [", [*map(_quoted, words)], "]")
        scalings = [*zip(self._prefixes(), self.inputs, strict=True)]
        scalings += [("TARGET", self.target)] if self.target else []
        for prefix, one in scalings:
            for part, value in (("FILL", one.fill), ("MEAN", one.mean), ("SCALE", one.scale)):
                if isinstance(value, Sequence):
                    rows += _statement(
                        f"{prefix}_{part} = torch.tensor([", _listed(value).split(", "), "], dtype=torch.float64)"
                    )
                elif value is not None:
                    rows.append(f"{prefix}_{part} = {_number(value)}")
        return "\n".join(rows)

    def functions(self) -> str:
        """`prepare` and `restore`, as far as there is something to do; empty if there is nothing."""
        texts = []
        if any(one.changes for one in self.inputs):
            texts.append(self._prepare())
        if self.members > 1:
            mean = "y.log_softmax(-1).logsumexp(1).log_softmax(-1)" if self.is_classification else "y.mean(1)"
            what = "mean probabilities (as their logarithms)" if self.is_classification else "mean"
            texts.append(
                "def average(y: Tensor) -> Tensor:\n"
                f'    """Of the {self.members} members, the {what}."""\n'
                f"    return {mean}"
            )
        if self.target is not None:
            mean, scale = _used("TARGET_MEAN", self.target.mean, "y"), _used("TARGET_SCALE", self.target.scale, "y")
            view = _view("y", self.target.shape)
            texts.append(
                "def restore(y: Tensor) -> Tensor:\n"
                '    """What the model gives, in the units of the data."""\n'
                f"    return y.double(){view} * {scale} + {mean}"
            )
        return "\n\n\n".join(texts)

    def _prepare(self) -> str:
        names, several = self._names(), len(self.inputs) > 1
        arguments = ", ".join(f"{name}: Tensor" for name in names)
        returned = f"tuple[{', '.join('Tensor' for _ in names)}]" if several else "Tensor"
        rows = [
            f"def prepare({arguments}) -> {returned}:",
            *docstring("Raw inputs, samples first, as the model was trained on them.", 4),
        ]
        results = []
        for name, prefix, one in zip(names, self._prefixes(), self.inputs, strict=True):
            if one.fill is not None:
                fill = _used(f"{prefix}_FILL", one.fill, name)
                rows.append(f"    {name} = torch.where({name}.isnan(), {fill}, {name})")
            if one.mean is not None:
                mean, scale = _used(f"{prefix}_MEAN", one.mean, name), _used(f"{prefix}_SCALE", one.scale, name)
                rows.append(f"    {name} = ({name}.double() - {mean}) / {scale}")
            results.append(f"{name}.float(){_view(name, one.shape)}")
        if len(", ".join(results)) + len("    return ") > WIDTH:
            rows += [f"    {name} = {result}" for name, result in zip(names, results, strict=True)]
            results = names
        return "\n".join([*rows, f"    return {', '.join(results)}"])

    def _names(self) -> list[str]:
        if len(self.names) == len(self.inputs):
            return list(self.names)
        return ["x"] if len(self.inputs) == 1 else [f"x{i}" for i in range(len(self.inputs))]

    def _prefixes(self) -> list[str]:
        return ["INPUT"] if len(self.inputs) == 1 else [f"INPUT{i}" for i in range(len(self.inputs))]


def _used(name: str, value: Nested | None, beside: str) -> str:
    """A constant in an expression: a tensor goes where the other operand is."""
    return f"{name}.to({beside}.device)" if isinstance(value, Sequence) else name


def _view(name: str, shape: tuple[int, ...] | None) -> str:
    return "" if shape is None else f".reshape({', '.join([f'len({name})', *map(str, shape)])})"


def _statement(head: str, items: Sequence[str], tail: str) -> list[str]:
    """On one line, or in full lines that a formatter is asked to leave so."""
    line = head + ", ".join(items) + tail
    if len(line) <= WIDTH:
        return [line]
    rows = [""]
    for item in items:
        if rows[-1] and len(rows[-1]) + len(item) + 2 > WIDTH - 4:
            rows.append("")
        rows[-1] += f"{' ' if rows[-1] else ''}{item},"
    return ["# fmt: off", head, *(f"    {row}" for row in rows), tail, "# fmt: on"]


def _listed(values: Sequence[Nested]) -> str:
    return ", ".join(f"[{_listed(one)}]" if isinstance(one, Sequence) else _number(one) for one in values)


def _number(value: float) -> str:
    """As it is read back to the last bit, the way formatters write it.

    >>> _number(1e20), _number(0.1)
    ('1e20', '0.1')
    """
    return repr(float(value)).replace("e+", "e")


def _quoted(text: str) -> str:
    """A string in double quotes, unless it has some itself; what does not print is escaped.

    >>> print(_quoted("it's"), _quoted('a "b"'), _quoted("c"))
    "it's" 'a "b"' "c"
    """
    written = repr(text)
    return f'"{written[1:-1]}"' if '"' not in written else written
