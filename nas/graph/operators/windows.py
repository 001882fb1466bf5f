"""Pooling: whole axes reduced, and sliding windows over one or two axes."""

from __future__ import annotations

from nas.errors import ShapeError
from nas.graph.operators.axes import channels_first, last_axis, position, resized
from nas.graph.operators.table import Argument, Attributes, Operator, Types, register
from nas.graph.types import TensorType

STRIDE = Argument("stride", "size", "the step from window to window", default=1)
PADDING = Argument(
    "padding",
    "str",
    "`same`: the size divided by the stride, rounded up; `valid`: whole windows only",
    default="same",
    options=("same", "valid"),
)


def padding_of(op: str, type_: TensorType, window: int, attrs: Attributes) -> int:
    """How far both ends are padded."""
    if attrs["padding"] == "valid":
        return 0
    if window % 2 == 0:
        raise ShapeError(
            f"`{op}` of {type_} cannot keep the size with an even window of {window}; take an odd one or padding=valid"
        )
    return (window - 1) // 2


def slid(op: str, type_: TensorType, over: tuple[int, ...], window: int, attrs: Attributes) -> TensorType:
    """`type_` after a window slid over the axes at `over`."""
    padding = padding_of(op, type_, window, attrs)
    for index in over:
        axis = type_.axes[index]
        n = (axis.size + 2 * padding - window) // attrs["stride"] + 1
        if n < 1:
            raise ShapeError(f"`{op}` has a window of {window}, which does not fit into `{axis}` of {type_}")
        type_ = resized(type_, index, n)
    return type_


def _register_reduction(name: str, equation: str, doc: str, call: str, cohort: str = "") -> None:
    def infer(types: Types, attrs: Attributes) -> TensorType:
        index = position(name, types[0], attrs["axis"])
        axes = types[0].axes
        return TensorType((*axes[:index], *axes[index + 1 :]))

    register(
        Operator(
            name=name,
            cohort=cohort,
            equation=equation,
            example=f"{name}(x, axis=tokens)",
            doc=doc,
            arguments=(last_axis("the axis that goes"),),
            infer=infer,
            forward=lambda types, attrs, out, module, args: (
                f"{args[0]}.{call}({position(name, types[0], attrs['axis']) + 1})"
            ),
            keeps_zero=lambda attrs: True,
        )
    )


_POOLS = "evaluators.cohorts.rules.pools"
_register_reduction(
    "mean_pool", "y = Σᵢ xᵢ / |axis|", "The mean over one axis, which goes.", "mean", f"{_POOLS}:mean_pool"
)
_register_reduction("max_pool", "y = maxᵢ xᵢ", "The largest number along one axis, which goes.", "amax")
_register_reduction("sum_pool", "y = Σᵢ xᵢ", "The sum over one axis, which goes.", "sum", f"{_POOLS}:sum_pool")


def _pooled(types: Types, attrs: Attributes) -> tuple[tuple[int, ...], int | None]:
    """Positions of the axes that the window slides over, and of the one that is left, if there is one."""
    type_ = types[0]
    if attrs["over"] is None:
        over = tuple(range(len(type_.axes) - 1))
    else:
        over = tuple(sorted(position("avg_pool", type_, name) for name in attrs["over"]))
    left = [index for index in range(len(type_.axes)) if index not in over]
    if len(over) not in (1, 2) or len(left) > 1 or len(set(over)) < len(over):
        raise ShapeError(
            f"`avg_pool` slides over 1 or 2 axes of 1 to 3, all but the last unless `over` names them; got {type_}"
        )
    return over, left[0] if left else None


def _avg_pool(types: Types, attrs: Attributes, out: TensorType, module: str, args: list[str]) -> str:
    over, left = _pooled(types, attrs)
    kernel = attrs["kernel"]
    rest = f", {kernel}, {attrs['stride']}"
    if padding := padding_of("avg_pool", types[0], kernel, attrs):
        rest += f", {padding}, count_include_pad=False"
    return channels_first(left or 0, f"F.avg_pool{len(over)}d", args[0], rest)


register(
    Operator(
        name="avg_pool",
        equation="y[i] = the mean of x over the window around i",
        example="avg_pool(x, 3)",
        doc="The mean over a sliding window along one or two axes. What lies outside does not count.",
        arguments=(
            Argument("kernel", "size", "the size of the window", default=3),
            STRIDE,
            PADDING,
            Argument("over", "axes", "the axes it slides over; all but the last by default", default=None),
        ),
        infer=lambda types, attrs: slid("avg_pool", types[0], _pooled(types, attrs)[0], attrs["kernel"], attrs),
        forward=_avg_pool,
        keeps_zero=lambda attrs: True,
    )
)
