"""What an operator is. One entry says everything: arguments, shape, weights, MACs, PyTorch source, documentation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any, Final, Literal

from nas.graph.types import TensorType

Kind = Literal["size", "int", "float", "bool", "str", "axis", "axes"]
Types = tuple[TensorType, ...]
Attributes = Mapping[str, Any]

REQUIRED: Final = object()


@dataclass(frozen=True)
class Argument:
    """One argument besides the tensors. A `size` is a positive integer; an `axis` is the name of one, or None.

    An argument called `axis` that is None means the last axis; in a node it stands by its name. One that was `added` to an
    operator with digests in records leaves them as they are: at its default the digest does not see it. In sizes, and in
    what is `free`, candidates may differ that are trained as one.
    """

    name: str
    kind: Kind
    doc: str
    default: Any = REQUIRED
    options: tuple[str, ...] = ()  # of a `str`: the words it may be
    low: float | None = None  # of a number: its smallest and largest value
    high: float | None = None
    added: bool = False
    free: bool = False


@dataclass(frozen=True)
class Weight:
    """A tensor that an operator owns. `trainable` parameters learn, other parameters are frozen; a buffer is neither."""

    name: str
    shape: tuple[int, ...]
    trainable: bool = True
    buffer: bool = False

    @property
    def size(self) -> int:
        return prod(self.shape)


@dataclass(frozen=True)
class Module:
    """The constructor of an operator's torch module, as data: `target(*args, **kwargs)` + `suffix`.

    `target` is `nn.Linear` and the like, or a class of `nas.layers` by its bare name.
    """

    target: str
    args: tuple[Any, ...] = ()
    kwargs: tuple[tuple[str, Any], ...] = ()
    suffix: str = ""


def no_weights(types: Types, attrs: Attributes) -> tuple[Weight, ...]:
    return ()


def all_active(types: Types, attrs: Attributes) -> int:
    return 0


def no_macs(types: Types, attrs: Attributes, out: TensorType) -> int:
    return 0


def no_module(types: Types, attrs: Attributes) -> Module | None:
    return None


@dataclass(frozen=True)
class Operator:
    """One operator of the language.

    Args:
        name: as written in equations.
        equation: what it computes, in one line of mathematics.
        doc: a sentence or two for users; `source` cites where it comes from.
        example: a call in the language, on tensors x, y, …
        on: the axes of these, the last standing for all that follow.
        count: how many numbers its parameters hold, such as "i·n + n with bias". Names are those of arguments or symbols
            that `nas.graph.examples` explains; a `with` drops the term before it where that argument is False.
        arity: the fewest and the most tensors it takes (None: any number).
        arguments: the others, in the order in which they may be given by position.
        infer: `(types, attrs) -> type` of the result; raises `ShapeError` with both types in the message.
        weights: `(types, attrs) -> ` every parameter and buffer it owns.
        inactive: `(types, attrs) -> ` numbers in its parameters that one position of a sample leaves out: experts not chosen.
        macs: `(types, attrs, out) -> ` multiply-accumulates for one sample, counting contractions only.
        module: `(types, attrs) -> ` constructor of its torch module, None for a function.
        forward: `(types, attrs, out, module, args) -> ` a torch expression. `module` is how the source reaches the module
            (`self.linear`), `args` the expressions of the inputs. Tensors have the batch first, so axis i is dimension i + 1.
        layers: dotted paths of what the exported file must carry, such as `nas.layers.kan:SplineLinear`.
        cohort: dotted path of the rule that trains many at once; empty until there is one.
        commutative: the order of the inputs does not matter.
        keeps_zero: `(attrs) -> ` whether zero inputs give a zero result, in training too.
        random: draws fresh numbers in training, so equal calls are not equal values.
        view: the result shares its input's memory.
        unexportable: `{format: why}` for the formats of an export (`onnx`, `torch-export`, `safetensors`) that cannot hold
            it; a test holds this against the truth.
    """

    name: str
    equation: str
    doc: str
    infer: Callable[[Types, Attributes], TensorType]
    forward: Callable[[Types, Attributes, TensorType, str, list[str]], str]
    example: str = ""
    on: tuple[str, ...] = ("tokens=8, channels=16",)
    count: str = ""
    arity: tuple[int, int | None] = (1, 1)
    arguments: tuple[Argument, ...] = ()
    source: str = ""
    weights: Callable[[Types, Attributes], tuple[Weight, ...]] = no_weights
    inactive: Callable[[Types, Attributes], int] = all_active
    macs: Callable[[Types, Attributes, TensorType], int] = no_macs
    module: Callable[[Types, Attributes], Module | None] = no_module
    layers: tuple[str, ...] = ()
    cohort: str = ""
    commutative: bool = False
    keeps_zero: Callable[[Attributes], bool] = field(default=lambda attrs: False)
    random: bool = False
    view: bool = False
    unexportable: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def topic(self) -> str:
        """The module that registers it."""
        return self.forward.__module__


TABLE: dict[str, Operator] = {}


def register(operator: Operator) -> Operator:
    """Add an operator to the table. Raises: ValueError: the name is taken."""
    if operator.name in TABLE:
        raise ValueError(f"operator `{operator.name}` is registered twice")
    TABLE[operator.name] = operator
    return operator


_OWN: dict[str, str] = {}  # of the operators that users registered: the text of their definitions


def register_own(operator: Operator, text: str) -> None:
    """Add a user's operator; the same definition again changes nothing. Raises: ValueError: the name is taken."""
    if _OWN.get(operator.name) == text:
        return
    if operator.name in _OWN:
        raise ValueError(
            f"operator `{operator.name}` has another definition already; rename one, or begin a new process"
        )
    register(operator)
    _OWN[operator.name] = text
