"""Operators that move numbers, against their equations written out element by element, and their inverses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from case import FLAT, IMAGE, SEQUENCE, VOLUME, Case, type_
from moving_cases import MOVING
from running import Running, examples
from scipy.fft import dct
from torch import Tensor

from nas.graph.builder import Builder
from nas.graph.operators import TABLE
from nas.graph.types import TensorType


def run(op: str, *inputs: Tensor, types: tuple[TensorType, ...], **arguments: Any) -> tuple[Tensor, Running]:
    """What the operator makes of the inputs, and the module that did it."""
    builder = Builder({f"x{i}": each for i, each in enumerate(types)})
    graph = builder.finish([builder.apply(op, tuple(range(len(types))), (), arguments, weights="w")])
    running = Running(graph)
    (out,) = running(*inputs)
    return out, running


Rule = Callable[[int, int], int | None]


def moved(x: Tensor, dim: int, rule: Rule, size: int | None = None) -> Tensor:
    """y[i] = x[rule(i, n)] along a dimension of size n, zero where the rule says None."""
    n = x.shape[dim]
    places = [rule(i, n) for i in range(n if size is None else size)]
    return torch.stack([0 * x.select(dim, 0) if at is None else x.select(dim, at) for at in places], dim)


def behind(rule: Rule, by: int) -> Rule:
    """The rule, `by` further on."""
    return lambda i, n: rule(i - by, n)


BORDERS: dict[str, Rule] = {
    "zero": lambda i, n: i if 0 <= i < n else None,
    "edge": lambda i, n: min(max(i, 0), n - 1),
    "reflect": lambda i, n: -i if i < 0 else 2 * (n - 1) - i if i >= n else i,
    "circular": lambda i, n: i % n,
}


@pytest.mark.parametrize("type_", [FLAT, SEQUENCE, IMAGE, VOLUME], ids=str)
@pytest.mark.parametrize("by", [-1, 0, 1])
def test_what_moves_along_any_axis(type_: TensorType, by: int) -> None:
    x = torch.randn(3, *type_.shape)
    before, after = max(by, 0), max(-by, 0)
    for dim, axis in enumerate(type_.axes, 1):
        expected = {
            ("roll", "shift", by): moved(x, dim, behind(BORDERS["circular"], by)),
            ("flip", "axis", axis.name): moved(x, dim, lambda i, n: n - 1 - i),
            ("slice", "start", axis.size - 1): moved(x, dim, lambda i, n: n - 1, 1),
        }
        for (op, name, value), result in expected.items():
            found, _ = run(op, x, types=(type_,), **{"axis": axis.name, name: value})
            assert torch.equal(found, result), (op, axis)
        for fill in ("zero", "edge"):
            found, _ = run("shift", x, types=(type_,), by=by, axis=axis.name, fill=fill)
            assert torch.equal(found, moved(x, dim, behind(BORDERS[fill], by))), (fill, axis)
        for mode, rule in BORDERS.items():
            found, _ = run("pad", x, types=(type_,), before=before, after=after, axis=axis.name, mode=mode)
            assert torch.equal(found, moved(x, dim, behind(rule, before), axis.size + before + after)), (mode, axis)


@pytest.mark.parametrize(("window", "axis"), [(1, "height"), (2, "height"), (3, "width"), (5, "width"), (9, "height")])
def test_the_cycle_moves_every_channel_by_its_own_step(window: int, axis: str) -> None:
    type_of_x = type_(height=4, width=6, channels=7)
    dim = type_of_x.names.index(axis) + 1
    x = torch.randn(3, *type_of_x.shape)
    found, _ = run("cycle_shift", x, types=(type_of_x,), window=window, axis=axis)
    for c in range(7):
        step = (c + window // 2) % window - window // 2
        assert torch.equal(found[..., c], moved(x[..., c], dim, behind(BORDERS["zero"], -step)))


def test_a_permutation_is_one_drawn_once() -> None:
    x = torch.randn(3, 50)
    types = (type_(features=50),)
    one, running = run("permute_values", x, types=types, seed=1)
    (order,) = running.buffers()
    assert order.sort().values.tolist() == list(range(50)) != order.tolist()
    assert torch.equal(one, x[:, order])
    torch.manual_seed(7)
    assert torch.equal(one, run("permute_values", x, types=types, seed=1)[0])
    assert not torch.equal(one, run("permute_values", x, types=types, seed=2)[0])


@pytest.mark.parametrize(
    "case", [case for case in MOVING if case.op in ("shift", "roll", "cycle_shift", "pad")], ids=str
)
def test_what_is_moved_is_no_memory_of_the_input(case: Case) -> None:
    x = torch.randn(2, *case.types[0].shape)
    kept = x.clone()
    out, _ = run(case.op, x, types=case.types, **case.arguments)
    out += 1
    assert torch.equal(x, kept)


def test_copies_are_constant_along_what_is_new() -> None:
    x = torch.randn(3, 2, 4)
    found, _ = run("repeat", x, types=(type_(tokens=2, channels=4),), n=5, into="members")
    assert torch.equal(found, torch.stack([x] * 5, 1))
    like = type_(height=4, tokens=2, width=3, channels=4)
    given = (type_(channels=4, tokens=2), like)
    found, _ = run("expand", x.transpose(1, 2), torch.zeros(3, 4, 2, 3, 4), types=given)
    assert torch.equal(found, torch.einsum("btc,hw->bhtwc", x, torch.ones(4, 3)))


def test_windows_are_slices() -> None:
    x = torch.randn(3, *IMAGE.shape)
    found, _ = run("unfold", x, types=(IMAGE,), kernel=3, stride=2, axis="width", into="window")
    assert torch.equal(found, torch.stack([x[:, :, i : i + 3] for i in (0, 2)], 2))


@pytest.mark.parametrize("over", [["height"], ["width"], ["channels"], ["width", "height"], ["channels", "frames"]])
@pytest.mark.parametrize("size", [3, 8])
def test_resized_axes_are_interpolated_one_after_the_other(over: list[str], size: int) -> None:
    x = torch.randn(2, *VOLUME.shape)
    for mode in ("nearest", "linear"):
        expected = x.numpy().astype(np.float64)
        for name in over:
            expected = np.moveaxis(
                resampled(np.moveaxis(expected, VOLUME.names.index(name) + 1, 0), size, mode),
                0,
                VOLUME.names.index(name) + 1,
            )
        found, _ = run("resize", x, types=(VOLUME,), size=size, over=over, mode=mode)
        torch.testing.assert_close(found.double(), torch.from_numpy(expected), atol=1e-6, rtol=1e-5)


def resampled(x: np.ndarray[Any, Any], size: int, mode: str) -> np.ndarray[Any, Any]:
    """The first axis at another size: the number below, or a mean of two by the distance of the pixels' centres."""
    n = len(x)
    if mode == "nearest":
        return x[[i * n // size for i in range(size)]]
    at = np.clip((np.arange(size) + 0.5) * n / size - 0.5, 0, n - 1)
    low = np.floor(at).astype(int)
    high = np.minimum(low + 1, n - 1)
    part = (at - low).reshape(-1, *[1] * (x.ndim - 1))
    return np.asarray(x[low] * (1 - part) + x[high] * part)


def test_a_convolution_over_one_axis_is_one_of_every_line() -> None:
    x = torch.randn(3, *VOLUME.shape)
    found, running = run("conv", x, types=(VOLUME,), n=5, over=["width"], kernel=3, stride=2)
    weight, bias = running.parameters()
    assert weight.shape == (5, 2, 3)
    for frame in range(2):
        for row in range(4):
            line = F.conv1d(x[:, frame, row].transpose(1, 2), weight, bias, stride=2, padding=1)
            torch.testing.assert_close(found[:, frame, row], line.transpose(1, 2))


def test_patches_embedded_by_a_convolution_or_cut_out_first() -> None:
    x = torch.randn(3, *IMAGE.shape)
    found, running = run("conv", x, types=(IMAGE,), n=5, kernel=2, stride=2, padding="valid")
    weight, bias = running.parameters()
    patches, _ = run("patchify", x, types=(IMAGE,), size=2)
    expected = F.linear(patches, weight.permute(0, 2, 3, 1).flatten(1), bias)
    torch.testing.assert_close(found.flatten(1, 2), expected)


@pytest.mark.parametrize(("kernel", "stride"), [(2, 2), (4, 2), (3, 2), (3, 1), (5, 3), (4, 4)])
def test_transposed_convolutions_multiply_the_size(kernel: int, stride: int) -> None:
    x = torch.randn(3, *SEQUENCE.shape)
    found, running = run("conv_transpose", x, types=(SEQUENCE,), n=5, kernel=kernel, stride=stride)
    assert found.shape == (3, 6 * stride, 5)
    weight, bias = running.parameters()
    full = torch.zeros(3, 5 * stride + kernel + 1, 5)
    for i in range(6):
        full[:, i * stride : i * stride + kernel] += torch.einsum("bc,cok->bko", x[:, i], weight)
    start = (kernel - stride + 1) // 2
    torch.testing.assert_close(found, full[:, start : start + 6 * stride] + bias)


@pytest.mark.parametrize(
    ("given", "size", "back"),
    [
        (type_(height=4, width=6, channels=3), 2, {}),
        (type_(height=40, width=1, channels=1), 5, {}),
        (type_(height=1, width=6, channels=2), 3, {}),
        (type_(height=1, width=1, channels=7), 3, {}),
        (type_(height=1, width=6, channels=3), 3, {"cut": ["width"]}),
        (type_(height=2, width=6, channels=2), 2, {"cut": ["height", "width"]}),
        (type_(height=4, width=6), 2, {"into": ["height", "width"]}),
        (type_(features=12), 4, {"into": ["features"]}),
    ],
    ids=str,
)
def test_patches_put_back_are_the_image(given: TensorType, size: int, back: dict[str, Any]) -> None:
    builder = Builder({"x": given})
    patches = builder.apply("patchify", (0,), (size,), {"into": ["tokens", "channels"]})
    image = builder.apply("unpatchify", (patches,), (size,), back)
    graph = builder.finish([image])
    (x,) = examples(graph)
    assert graph.nodes[image].type == given
    assert torch.equal(Running(graph)(x)[0], x)


def test_a_signal_is_an_image_of_width_one() -> None:
    x = torch.randn(3, 40, 1, 1)
    found, _ = run("patchify", x, types=(type_(height=40, width=1, channels=1),), size=5)
    assert torch.equal(found, x.reshape(3, 8, 5))


@pytest.mark.parametrize("n", [1, 2, 5, 8])
def test_the_cosine_transform_is_its_equation_and_orthonormal(n: int) -> None:
    x, types = torch.randn(3, n), (type_(features=n),)
    spectrum, _ = run("dct", x, types=types)
    torch.testing.assert_close(spectrum, torch.from_numpy(dct(x.numpy(), norm="ortho")))
    torch.testing.assert_close(spectrum.norm(dim=1), x.norm(dim=1))
    torch.testing.assert_close(run("idct", spectrum, types=types)[0], x)


@pytest.mark.parametrize("axis", ["tokens", "channels"])
@pytest.mark.parametrize("n", [1, 5, 6])
def test_the_fourier_transform_is_numpys_and_undone_by_its_inverse(n: int, axis: str) -> None:
    given = type_(tokens=n, channels=n)
    x, dim = torch.randn(3, n, n), given.names.index(axis)
    spectrum, _ = run("rfft", x, types=(given,), axis=axis)
    expected = np.fft.rfft(x.numpy(), axis=dim + 1, norm="ortho")
    torch.testing.assert_close(spectrum, torch.from_numpy(np.stack([expected.real, expected.imag], 1)).float())
    half = [2, n, n]
    half[dim + 1] = n // 2 + 1
    types = (type_(parts=half[0], tokens=half[1], channels=half[2]),)
    torch.testing.assert_close(run("irfft", spectrum, types=types, n=n, axis=axis)[0], x)


def test_the_costs_of_a_fourier_transform_follow_its_rule() -> None:
    macs = TABLE["rfft"].macs
    for n, steps in ((1, 0), (2, 1), (6, 3), (8, 3), (9, 4)):
        given, attrs = type_(lines=5, features=n), {"axis": "features", "into": "parts"}
        assert macs((given,), attrs, TABLE["rfft"].infer((given,), attrs)) == 5 * n * steps
        spectrum, back = type_(parts=2, lines=5, features=n // 2 + 1), {"axis": "features", "parts": "parts", "n": n}
        assert TABLE["irfft"].macs((spectrum,), back, given) == 5 * n * steps


@pytest.mark.parametrize("case", MOVING, ids=str)
def test_trains_between_normalised_layers(case: Case) -> None:
    builder = Builder({f"x{i}": each for i, each in enumerate(case.types)})
    normed = []
    for i, each in enumerate(case.types):
        z = builder.apply("linear", (i,), (each.shape[-1],), weights=f"w{i}") if each.axes else i
        normed.append(builder.apply("batch_norm", (z,), weights=f"n{i}") if each.axes else z)
    out = builder.apply(case.op, tuple(normed), (), case.arguments, weights="op")
    for _ in range(len(builder.nodes[out].type.axes) - 4):  # batch norm takes four axes
        out = builder.apply("mean_pool", (out,))
    graph = builder.finish([builder.apply("batch_norm", (out,), weights="last")])
    running = Running(graph).train()
    inputs = [x.requires_grad_() for x in examples(graph, batch=4)]
    (result,) = running(*inputs)
    torch.autograd.backward(F.gelu(result).square().sum())
    gradients = [parameter.grad for parameter in running.parameters() if parameter.requires_grad]
    assert sum(gradient is not None for gradient in gradients) > 1
    assert all(gradient.isfinite().all() for gradient in gradients if gradient is not None)
    assert inputs[0].grad is not None
    assert inputs[0].grad.isfinite().all() and inputs[0].grad.any()


@pytest.mark.parametrize("case", MOVING, ids=str)
def test_takes_half_precision_where_training_uses_it(case: Case) -> None:
    inputs = [torch.randn(2, *each.shape).bfloat16().requires_grad_() for each in case.types]
    with torch.autocast("cpu", torch.bfloat16):
        out, _ = run(case.op, *inputs, types=case.types, **case.arguments)
    torch.autograd.backward(out.float().square().sum())
    assert inputs[0].grad is not None
    assert inputs[0].grad.isfinite().all()
