"""At least one application of every operator: its name, the types it is applied to, and its arguments."""

from __future__ import annotations

from typing import Any, NamedTuple

from nas.graph.types import Axis, TensorType


def type_(**axes: int) -> TensorType:
    """`type_(tokens=8, channels=4)` is [tokens=8, channels=4]."""
    return TensorType(tuple(Axis(name, size) for name, size in axes.items()))


class Case(NamedTuple):
    op: str
    types: tuple[TensorType, ...]
    arguments: dict[str, Any]

    def __str__(self) -> str:
        given = "".join(f", {name}={value}" for name, value in self.arguments.items())
        return f"{self.op}({', '.join(map(str, self.types))}{given})"


FLAT = type_(features=6)
SEQUENCE = type_(tokens=6, channels=4)
IMAGE = type_(height=4, width=6, channels=2)
VOLUME = type_(frames=2, height=4, width=6, channels=2)
HALVED = type_(height=2, width=3)
MERGED = TensorType((Axis("tokens", 6, HALVED.axes), Axis("channels", 4)))


def _cases(op: str, *types: TensorType, **arguments: Any) -> list[Case]:
    """`op` for each of the types."""
    return [Case(op, (each,), arguments) for each in types]


CASES: list[Case] = [
    *_cases("linear", FLAT, SEQUENCE, IMAGE, n=5),
    *_cases("linear", FLAT, SEQUENCE, n=5, bias=False),
    *_cases("linear", SEQUENCE, MERGED, n=6, axis="tokens", frozen=True),
    *_cases("layer_norm", FLAT, SEQUENCE, IMAGE),
    *_cases("layer_norm", SEQUENCE, axis="tokens", affine=False, eps=1e-3),
    *_cases("rms_norm", FLAT, SEQUENCE),
    *_cases("rms_norm", IMAGE, axis="height", affine=False),
    *_cases("batch_norm", FLAT, SEQUENCE, IMAGE, VOLUME),
    *_cases("batch_norm", FLAT, IMAGE, affine=False),
    *_cases("batch_norm", SEQUENCE, axis="tokens", eps=1e-3),
    *_cases("batch_norm", IMAGE, axis="width"),
    *_cases("affine", FLAT, SEQUENCE),
    *_cases("affine", IMAGE, axis="width"),
    *_cases("layer_scale", FLAT, SEQUENCE),
    *_cases("layer_scale", IMAGE, init=0.1, axis="width"),
    *[
        case
        for op in [
            "relu",
            "relu6",
            "relu_squared",
            "leaky_relu",
            "elu",
            "celu",
            "selu",
            "gelu",
            "silu",
            "mish",
            "hardswish",
            "hardsigmoid",
            "hardtanh",
            "sigmoid",
            "log_sigmoid",
            "tanh",
            "tanhshrink",
            "softshrink",
            "softplus",
            "softsign",
            "abs",
            "square",
            "exp",
            "sin",
            "cos",
            "softmax",
            "prelu",
        ]
        for case in _cases(op, FLAT, IMAGE)
    ],
    *_cases("leaky_relu", FLAT, slope=0.2),
    *_cases("elu", FLAT, alpha=0.5),
    *_cases("celu", FLAT, alpha=0.5),
    *_cases("gelu", FLAT, approximate="tanh"),
    *_cases("softshrink", FLAT, threshold=0.2),
    *_cases("softplus", FLAT, beta=2.0),
    *_cases("softmax", IMAGE, axis="height"),
    *_cases("dropout", FLAT, IMAGE, rate=0.5),
    *_cases("drop_path", FLAT, IMAGE, rate=0.5),
    *_cases("add", FLAT),
    Case("add", (IMAGE, IMAGE, IMAGE), {}),
    Case("multiply", (SEQUENCE, SEQUENCE), {}),
    *_cases("concat", FLAT),
    Case("concat", (SEQUENCE, type_(tokens=6, channels=3)), {}),
    Case("concat", (SEQUENCE, type_(tokens=2, channels=4), SEQUENCE), {"axis": "tokens"}),
    *_cases("chunk", FLAT, index=1, parts=3),
    *_cases("chunk", IMAGE, index=0, parts=2, axis="height"),
    *_cases("identity", FLAT, IMAGE),
    *_cases("identity", SEQUENCE, n=4),
    *_cases("identity", SEQUENCE, n=6, axis="tokens"),
    *_cases("zero", FLAT, IMAGE),
    *_cases("zero", SEQUENCE, n=9),
    *_cases("merge_axes", SEQUENCE, MERGED, first="tokens", second="channels"),
    *_cases("merge_axes", SEQUENCE, first="channels", second="tokens", into="all"),
    *_cases("merge_axes", IMAGE, first="height", second="channels"),
    *_cases("merge_axes", VOLUME, first="channels", second="frames"),
    *_cases("merge_axes", VOLUME, first="width", second="frames"),
    *_cases("split_axis", FLAT, axis="features", size=2, into=["outer", "inner"]),
    *_cases("split_axis", MERGED, axis="tokens"),
    *_cases("split_axis", MERGED, axis="tokens", into=["rows", "columns"]),
    *_cases("flatten", FLAT, IMAGE),
    *_cases("flatten", VOLUME, into="features"),
    *_cases("rename", SEQUENCE, axis="tokens", to="time"),
    *_cases("reorder", IMAGE, axes=["channels", "height", "width"]),
    *_cases("patchify", FLAT, size=2),
    *_cases("patchify", type_(height=4, width=6), size=2),
    *_cases("patchify", IMAGE, size=2, into=["patches", "values"]),
    *_cases("patchify", type_(colours=3, height=4, width=6), size=2, channels="colours"),
    *_cases("patchify", type_(time=6, series=3), size=3, channels="series"),
    *[case for op in ("mean_pool", "max_pool", "sum_pool") for case in _cases(op, FLAT, SEQUENCE, IMAGE)],
    *_cases("mean_pool", IMAGE, axis="height"),
    *_cases("avg_pool", SEQUENCE, IMAGE),
    *_cases("avg_pool", IMAGE, kernel=2, stride=2, padding="valid"),
    *_cases("avg_pool", FLAT, kernel=5, stride=2, over=["features"]),
    *_cases("avg_pool", type_(colours=3, height=4, width=6), over=["width", "height"]),
    *_cases("conv", SEQUENCE, IMAGE, n=6),
    *_cases("conv", IMAGE, n=4, kernel=1, bias=False),
    *_cases("conv", IMAGE, n=4, kernel=3, groups=2, stride=2),
    *_cases("conv", IMAGE, n=4, kernel=2, padding="valid", axis="width", dilation=1),
    *_cases("conv", SEQUENCE, n=4, kernel=3, dilation=2, axis="tokens"),
    *_cases("glu", FLAT, IMAGE),
    *[case for act in ("gelu", "silu", "relu", "tanh", "identity") for case in _cases("glu", FLAT, act=act)],
    *_cases("glu", SEQUENCE, gate="second", axis="tokens"),
    *_cases("glu", SEQUENCE, gate="second", act="tanh"),
    *_cases("spatial_gate", SEQUENCE, axis="tokens"),
    *_cases("spatial_gate", IMAGE, axis="height"),
    *_cases("kan", FLAT, SEQUENCE, n=3),
    *_cases("kan", SEQUENCE, n=3, grid=2, degree=0, axis="tokens"),
    *_cases("rbf_kan", FLAT, SEQUENCE, n=3),
    *_cases("rbf_kan", SEQUENCE, n=3, grid=2, axis="tokens"),
    *_cases("chebyshev_kan", FLAT, SEQUENCE, n=3),
    *_cases("chebyshev_kan", SEQUENCE, n=3, degree=0, axis="tokens"),
]
