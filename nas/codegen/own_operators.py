"""Operators of one's own: a torch class, or a function, in a Python file becomes an operator of the language.

    @nas.operator("y = s tanh(x / s)", source="…")
    class SoftClip(nn.Module):
        '''A learned soft limit for every channel.'''

        def __init__(self, channels: int, start: float = 1.0) -> None: ...
        def forward(self, x: Tensor) -> Tensor: ...

Nothing is declared twice: arguments come from the constructor, weights, result and MACs from the class itself, tried on
torch's meta device, where nothing is computed.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from nas.codegen.layers import carried
from nas.errors import ShapeError, SpaceError
from nas.graph.operators.axes import last_axis, position, resized
from nas.graph.operators.table import (
    REQUIRED,
    Argument,
    Attributes,
    Kind,
    Module,
    Operator,
    Types,
    Weight,
    register_own,
)
from nas.graph.types import TensorType

Definition = TypeVar("Definition", bound=Callable[..., Any])
_BATCH = 2
_REMEMBERED = 10_000
_KINDS: dict[str, Kind] = {"int": "int", "float": "float", "bool": "bool", "str": "str"}


def operator(equation: str, *, name: str = "", source: str = "") -> Callable[[Definition], Definition]:
    """Decorate an `nn.Module` class, or a function of tensors, to make it an operator of the language.

    A class works on the last dimension, of `(batch, …, channels)`; the equations may put it along any axis with `axis=`.
    Its constructor takes the size of that axis first. What follows are the operator's arguments: `int`, `float`, `bool` or
    `str`, annotated, with or without defaults; one called `n` is the size that the axis has afterwards. A function takes
    tensors, then such arguments, and keeps the type of the first tensor.

    The definition travels into exported files, so it may use torch and the standard library alone.

    Args:
        equation: what it computes, in one line.
        name: in equations; by default that of the class in small letters: `SoftClip` is `soft_clip`.
        source: where it comes from.
    Raises: SpaceError: the definition is not of this form, or its name is taken.
    """

    def decorate(definition: Definition) -> Definition:
        own = _Own(definition, name or _snake_case(definition.__name__))
        own.require_portable()
        try:
            register_own(own.entry(equation, source), inspect.getsource(definition))
        except ValueError as problem:
            raise SpaceError(f"`@nas.operator`: {problem}") from None
        return definition

    return decorate


class _Tried(NamedTuple):
    """What one application of the definition turned out to be."""

    weights: tuple[Weight, ...]
    shape: tuple[int, ...]
    macs: int


class _Own:
    """One decorated definition and what is known of it."""

    def __init__(self, definition: Callable[..., Any], name: str) -> None:
        self.definition = definition
        self.name = name
        self.is_class = isinstance(definition, type)
        if self.is_class and not issubclass(definition, nn.Module):  # type: ignore[arg-type]
            raise self.refused("is a class, but not one of `nn.Module`")
        given = list(inspect.signature(definition).parameters.values())
        called = list(inspect.signature(definition.forward).parameters.values())[1:] if self.is_class else given  # type: ignore[attr-defined]
        self.arity = sum(1 for one in called if one.default is one.empty and _kind(one) is None)
        if not self.arity or any(one.kind in (one.VAR_POSITIONAL, one.VAR_KEYWORD) for one in (*given, *called)):
            raise self.refused("takes tensors and arguments one by one, at least one tensor and none as `*` or `**`")
        if self.is_class and not given:
            raise self.refused("takes the size of the axis it works along as the first argument of its constructor")
        self.arguments = tuple(self._argument(one) for one in given[1 if self.is_class else self.arity :])
        self.tried = lru_cache(_REMEMBERED)(self._try)

    def entry(self, equation: str, source: str) -> Operator:
        """Its row in the table."""
        return Operator(
            name=self.name,
            equation=equation,
            doc=" ".join((inspect.getdoc(self.definition) or "").split("\n\n")[0].split())
            or "An operator of one's own.",
            source=source,
            arity=(self.arity, self.arity),
            arguments=(*self.arguments, last_axis()) if self.is_class else self.arguments,
            infer=self._infer,
            weights=lambda types, attrs: self._of(types, attrs).weights,
            macs=lambda types, attrs, out: self._of(types, attrs).macs,
            module=self._module,
            forward=self._forward,
            layers=(self.layer,),
            random=True,  # nobody promised that equal calls are equal values
        )

    def require_portable(self) -> None:
        """Raises: SpaceError: the definition needs more than torch and the standard library, or stands in no file."""
        try:
            needed = carried([self.layer]).imports
        except (ValueError, OSError):
            raise self.refused("stands in no file, so it could not travel into exported ones") from None
        packages = {statement.split()[1].partition(".")[0] for statement in needed}
        foreign = sorted(packages - {"torch", "__future__"} - sys.stdlib_module_names)
        if foreign:
            raise self.refused(
                f"uses {', '.join(foreign)}; what travels into exported files uses torch and Python's own alone"
            )

    @property
    def layer(self) -> str:
        return f"{self.definition.__module__}:{self.definition.__name__}"

    def refused(self, what: str) -> SpaceError:
        return SpaceError(f"`@nas.operator`: `{self.definition.__name__}` {what}")

    def _argument(self, one: inspect.Parameter) -> Argument:
        kind = _kind(one)
        if kind is None or one.name == "axis":
            raise self.refused(f"has an argument `{one.name}` without one of the annotations {', '.join(_KINDS)}")
        default = REQUIRED if one.default is one.empty else one.default
        return Argument(one.name, "size" if one.name == "n" else kind, "see its definition", default)

    # ------------------------------------------------------------------ its rules

    def _index(self, types: Types, attrs: Attributes) -> int:
        return position(self.name, types[0], attrs["axis"])

    def _module(self, types: Types, attrs: Attributes) -> Module | None:
        if not self.is_class:
            return None
        size = types[0].axes[self._index(types, attrs)].size
        given = tuple((one.name, attrs[one.name]) for one in self.arguments if attrs[one.name] != one.default)
        return Module(self.definition.__name__, (size,), given)

    def _forward(self, types: Types, attrs: Attributes, out: TensorType, module: str, args: list[str]) -> str:
        if not self.is_class:
            given = [f"{one.name}={attrs[one.name]!r}" for one in self.arguments if attrs[one.name] != one.default]
            return f"{self.definition.__name__}({', '.join([*args, *given])})"
        index, last = self._index(types, attrs) + 1, len(types[0].axes)
        swap = "" if index == last else f".transpose({index}, {last})"
        return f"{module}({', '.join(arg + swap for arg in args)}){swap}"

    def _infer(self, types: Types, attrs: Attributes) -> TensorType:
        index = self._index(types, attrs) if self.is_class else 0
        for other in types[1:]:
            if not types[0].agrees(other):
                raise ShapeError(f"`{self.name}` takes tensors of one type, got {types[0]} and {other}")
        wanted = types[0]
        if "n" in attrs and self.is_class:
            wanted = resized(wanted, index, attrs["n"])
        found = self._of(types, attrs).shape
        if found != wanted.shape:
            raise ShapeError(f"`{self.name}` of {types[0]} should give {wanted}, but gives the sizes {list(found)}")
        return wanted

    def _of(self, types: Types, attrs: Attributes) -> _Tried:
        return self.tried(types, tuple(attrs.items()))

    def _try(self, types: Types, attributes: tuple[tuple[str, Any], ...]) -> _Tried:
        """Make it and call it where no number is computed. Raises: ShapeError: it does not take these types."""
        attrs = dict(attributes)
        given = {one.name: attrs[one.name] for one in self.arguments}
        index = self._index(types, attrs) if self.is_class else 0
        inputs = [torch.empty(_BATCH, *types[0].shape, device="meta") for _ in types]
        weights: tuple[Weight, ...] = ()
        call = self.definition
        try:
            with torch.device("meta"), FlopCounterMode(display=False) as counter, torch.no_grad():
                if self.is_class:
                    module = self.definition(types[0].axes[index].size, **given)
                    weights, call = _owned(module), module.eval()
                    inputs = [x.transpose(index + 1, -1) for x in inputs]
                    out = call(*inputs)
                    out = out.transpose(index + 1, -1) if isinstance(out, Tensor) and out.dim() > index + 1 else out
                else:
                    out = call(*inputs, **given)
        except Exception as error:  # whatever the user's code says of these types
            listed = ", ".join(map(str, types))
            why = f"{type(error).__name__}: {error}"
            if "meta" in str(error):
                why = (
                    "its `forward` looks at the numbers of a tensor (`if`, `.item()`), and it may look at shapes alone"
                )
            raise ShapeError(f"`{self.name}` does not take {listed}: {why}") from None
        if not isinstance(out, Tensor) or out.shape[:1] != (_BATCH,):
            raise ShapeError(f"`{self.name}` of {types[0]} should give one tensor with the batch first")
        return _Tried(weights, tuple(out.shape[1:]), counter.get_total_flops() // (2 * _BATCH))


def _owned(module: nn.Module) -> tuple[Weight, ...]:
    parameters = (Weight(name, tuple(p.shape), p.requires_grad) for name, p in module.named_parameters())
    buffers = (Weight(name, tuple(b.shape), trainable=False, buffer=True) for name, b in module.named_buffers())
    return (*parameters, *buffers)


def _kind(one: inspect.Parameter) -> Kind | None:
    annotation = one.annotation if isinstance(one.annotation, str) else getattr(one.annotation, "__name__", "")
    return _KINDS.get(annotation)


def _snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()
