"""Operators with weights compute what their equations say, against plain torch or loops that anyone can check."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from case import FLAT, IMAGE, SEQUENCE, Case, type_
from running import Running, examples
from torch import Tensor
from weight_cases import WEIGHTS

from nas.graph.builder import Builder
from nas.graph.cost import costs
from nas.graph.graph import Graph
from nas.graph.operators import TABLE
from nas.graph.types import TensorType


def graph_of(op: str, *types: TensorType, **arguments: Any) -> Graph:
    builder = Builder({f"x{i}": each for i, each in enumerate(types)})
    return builder.finish([builder.apply(op, tuple(range(len(types))), (), arguments, weights="w")])


def run(op: str, *tensors: tuple[TensorType, Tensor], **arguments: Any) -> tuple[Tensor, dict[str, Tensor]]:
    """The value of an operator whose parameters are drawn from N(0, 1), and the parameters."""
    running = Running(graph_of(op, *(type_ for type_, _ in tensors), **arguments)).eval()
    with torch.no_grad():
        for parameter in running.parameters():
            parameter.normal_()
        (out,) = running(*(x for _, x in tensors))
    return out, {name.rpartition("shared w.")[2]: p.detach() for name, p in running.named_parameters()}


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def test_every_token_has_a_map_of_its_own() -> None:
    x = torch.randn(3, 6, 4)
    y, own = run("linear", (SEQUENCE, x), n=5, per=["tokens"])
    expected = torch.stack([F.linear(x[:, t], own["weight"][t], own["bias"][t]) for t in range(6)], 1)
    torch.testing.assert_close(y, expected)


def test_maps_per_channel_mix_the_rows_of_an_image() -> None:
    x = torch.randn(3, 4, 6, 2)
    y, own = run("linear", (IMAGE, x), n=5, axis="height", per=["channels"])
    expected = torch.stack([F.linear(x[..., c].mT, own["weight"][c], own["bias"][:, 0, c]).mT for c in range(2)], -1)
    torch.testing.assert_close(y, expected)


def test_maps_per_two_axes_in_any_order() -> None:
    x = torch.randn(3, 4, 6, 2)
    y, own = run("linear", (IMAGE, x), n=5, per=["width", "height"])
    for h in range(4):
        for w in range(6):
            torch.testing.assert_close(y[:, h, w], F.linear(x[:, h, w], own["weight"][w, h], own["bias"][h, w]))


def test_the_tangent_parametrisation_scales_the_sum() -> None:
    x = torch.randn(3, 6)
    y, own = run("ntk_linear", (FLAT, x), n=5)
    torch.testing.assert_close(y, x @ own["weight"].T / math.sqrt(6) + own["bias"])


@pytest.mark.parametrize(("axes", "shape"), [(["tokens"], (6, 1)), (["channels"], (4,)), (None, (4,)), ([], ())])
def test_factors_and_terms_along_named_axes(axes: list[str] | None, shape: tuple[int, ...]) -> None:
    x = torch.randn(3, 6, 4)
    y, own = run("scale", (SEQUENCE, x), axes=axes)
    assert own["weight"].shape == shape
    assert torch.equal(y, x * own["weight"])
    y, own = run("bias", (SEQUENCE, x), axes=axes)
    assert torch.equal(y, x + own["weight"])


def test_attention_is_a_contraction() -> None:
    q, k, v = torch.randn(3, 5, 7, 2), torch.randn(3, 6, 7, 2), torch.randn(3, 6, 7, 2)
    builder = Builder({"q": type_(tokens=5, channels=7, heads=2), "k": type_(keys=6, channels=7, heads=2),
                       "v": type_(keys=6, channels=7, heads=2)})  # fmt: skip
    scores = builder.apply("contract", (0, 1), (["channels"],))
    assert str(builder.nodes[scores].type) == "[tokens=5, heads=2, keys=6]"
    attention = builder.apply(
        "softmax", (builder.apply("times", (scores,), (1 / math.sqrt(7),)),), (), {"axis": "keys"}
    )
    graph = builder.finish([builder.apply("contract", (attention, 2), (["keys"],))])
    assert str(graph.nodes[-1].type) == "[tokens=5, heads=2, channels=7]"
    (y,) = Running(graph)(q, k, v)
    q, k, v = (z.permute(0, 3, 1, 2) for z in (q, k, v))
    expected = F.scaled_dot_product_attention(q, k, v)
    torch.testing.assert_close(y, expected.transpose(1, 2))
    assert costs(graph).macs == 2 * (5 * 6 * 7 * 2)


def test_axes_with_one_first_letter_are_told_apart() -> None:
    a, b = torch.randn(3, 2, 4, 5), torch.randn(3, 5, 6, 4)
    (y,) = Running(
        graph_of("contract", type_(t=2, tt=4, ttt=5), type_(ttt=5, z9=6, tt=4), over=["ttt"])
    )(a, b)  # fmt: skip
    torch.testing.assert_close(y, torch.einsum("bxyz,bzwy->bxyw", a, b))


def test_a_mixture_is_a_mean_with_learned_shares() -> None:
    x, z = torch.randn(2, 3, 6, 4)
    y, own = run("mixture", (SEQUENCE, x), (SEQUENCE, z), axis="tokens")
    share = own["weight"].softmax(0)
    assert share.shape == (2, 6, 1)
    torch.testing.assert_close(y, share[0] * x + share[1] * z)
    (start,) = Running(graph_of("mixture", FLAT, FLAT, FLAT))(*(torch.full((2, 6), float(i)) for i in range(3)))
    torch.testing.assert_close(start, torch.ones(2, 6))


def test_top_k_keeps_exactly_k_even_among_equals() -> None:
    (y,) = Running(graph_of("top_k", SEQUENCE, k=2, axis="tokens"))(torch.ones(3, 6, 4))
    assert (y.sum(1) == 2).all()
    x = torch.randn(3, 6, 4)
    (y,) = Running(graph_of("top_k", SEQUENCE, k=2, axis="tokens"))(x)
    torch.testing.assert_close(y.amax(1), x.amax(1).clamp_min(0))
    assert torch.equal(y[y != 0].sort().values, x.topk(2, 1).values.flatten().sort().values)


@pytest.mark.parametrize("active", [1, 2, 4])
def test_experts_are_their_equation(active: int) -> None:
    x, gates = torch.randn(3, 6, 4), torch.randn(3, 6, 4)
    y, own = run("experts", (SEQUENCE, x), (type_(tokens=6, experts=4), gates), n=5, hidden=7, active=active)
    expected = torch.zeros(3, 6, 5)
    for sample in range(3):
        for token in range(6):
            for e in gates[sample, token].topk(active).indices:
                hidden = F.gelu(F.linear(x[sample, token], own["up"][e], own["up_bias"][e]))
                found = F.linear(hidden, own["down"][e], own["down_bias"][e])
                expected[sample, token] += gates[sample, token, e] * found
    torch.testing.assert_close(y, expected)


def test_a_position_uses_the_parameters_of_its_active_experts() -> None:
    builder = Builder({"x": SEQUENCE})
    gates = builder.apply("linear", (0,), (8,), {"bias": False}, weights="gates")
    for key in ("a", "b", "a"):  # weights that are shared count once
        builder.apply("experts", (0, gates), (4, 10, 2), weights=key)
    found = costs(builder.finish([len(builder.nodes) - 1, len(builder.nodes) - 2]))
    expert = 4 * 10 + 10 + 10 * 4 + 4
    assert found.params == builder.params == 4 * 8 + 2 * 8 * expert
    assert found.active_params == builder.active_params == 4 * 8 + 2 * 2 * expert
    assert found.macs == builder.macs == 6 * (4 * 8 + 3 * 2 * 2 * 40)


def test_codes_are_looked_up_field_by_field_and_others_taken_for_the_nearest() -> None:
    codes = torch.tensor([[0.0, 2.0], [1.0, 0.0], [-7.0, 9.0], [1.4, 1.6]])
    y, own = run("embedding", (type_(fields=2), codes), vocabulary=3, n=5, into="values")
    nearest = torch.tensor([[0, 2], [1, 0], [0, 2], [1, 2]])
    assert torch.equal(y, torch.stack([own["weight"][f][nearest[:, f]] for f in range(2)], 1))
    y, own = run("embedding", (type_(fields=2), codes), vocabulary=3, n=5, into="values", shared=True)
    assert torch.equal(y, own["weight"][0][nearest])


def test_rational_functions_share_what_is_above_and_not_what_is_below() -> None:
    x = torch.randn(3, 6)
    y, own = run("rational", (FLAT, x), groups=3)
    a, b = own["numerator"], own["denominator"].repeat_interleave(2, 0)
    above = sum(a[j] * x**j for j in range(6))
    below = 1 + sum((b[:, k - 1] * x**k).abs() for k in range(1, 5))
    torch.testing.assert_close(y, above / below)


def test_polynomials_of_what_is_rectified_or_normalised() -> None:
    x = torch.randn(3, 6)
    y, own = run("poly_relu", (FLAT, x), order=3)
    torch.testing.assert_close(y, own["bias"] + sum(own["weight"][k - 1] * x.relu() ** k for k in (1, 2, 3)))
    y, own = run("poly_norm", (FLAT, x), order=3)
    normed = [F.rms_norm(x**k, (6,), eps=1e-6) for k in (1, 2, 3)]
    torch.testing.assert_close(y, own["bias"] + sum(w * z for w, z in zip(own["weight"], normed, strict=True)))


def test_channels_take_a_share_of_an_activation() -> None:
    x = torch.randn(3, 6, 4)
    y, own = run("parametric", (SEQUENCE, x), act="mish", axis="tokens")
    torch.testing.assert_close(y, x + own["alpha"][:, None] * (F.mish(x) - x))


def test_norms_of_groups_and_of_length() -> None:
    x = torch.randn(3, 6, 4)
    y, own = run("group_norm", (SEQUENCE, x), groups=3, axis="tokens")
    torch.testing.assert_close(y, F.group_norm(x, 3, own["weight"], own["bias"]))
    y, _ = run("l2_norm", (SEQUENCE, x), axis="tokens")
    torch.testing.assert_close(y.square().sum(1), torch.ones(3, 4))
    torch.testing.assert_close(y * x.norm(dim=1, keepdim=True), x)


def test_fourier_series_on_every_edge() -> None:
    x = torch.randn(3, 6)
    y, own = run("fourier_kan", (FLAT, x), n=5, grid=4)
    angles = x[:, None, :, None] * torch.arange(1, 5)
    cosines, sines = own["weight"][..., :4], own["weight"][..., 4:]
    torch.testing.assert_close(y, own["bias"] + (cosines * angles.cos() + sines * angles.sin()).sum((-1, -2)))


def test_wavelets_on_every_edge() -> None:
    def mexican_hat(u: Tensor) -> Tensor:
        return (u.square() - 1) * torch.exp(-u.square() / 2) * (2 / math.sqrt(3 * math.sqrt(math.pi)))

    x = torch.randn(3, 6)
    y, own = run("wavelet_kan", (FLAT, x), n=5)
    waves = mexican_hat((x[:, None] - own["translation"]) / own["scale"])
    summed = (own["weight"] * waves).sum(-1)
    normed = F.batch_norm(summed, torch.zeros(5), torch.ones(5), own["norm.weight"], own["norm.bias"])
    torch.testing.assert_close(y, normed)


@pytest.mark.parametrize(
    ("op", "arguments", "params"),
    [
        ("fourier_kan", {"grid": 3}, 2 * 784 * 64 * 3 + 64),
        ("wavelet_kan", {}, 3 * 784 * 64 + 2 * 64),
        ("ntk_linear", {}, 784 * 64 + 64),
    ],
)
def test_layers_have_the_published_number_of_parameters(op: str, arguments: dict[str, int], params: int) -> None:
    assert costs(graph_of(op, type_(features=784), n=64, **arguments)).params == params


@pytest.mark.parametrize("case", WEIGHTS, ids=str)
def test_gradients_are_finite_and_reach_every_weight(case: Case) -> None:
    graph = graph_of(case.op, *case.types, **case.arguments)
    running = Running(graph).train()
    inputs = [x.requires_grad_() for x in examples(graph, batch=64)]
    (y,) = running(*inputs)
    (y * torch.randn_like(y)).sum().backward()
    for name, parameter in running.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None, name
            assert parameter.grad.isfinite().all(), name
            assert parameter.grad.any() or (case.op == "mixture" and len(case.types) == 1), name
    if case.op != "embedding":
        assert all(x.grad is not None and x.grad.isfinite().all() for x in inputs)


def test_the_default_linear_map_is_torchs_own() -> None:
    module = TABLE["linear"].module((FLAT,), dict(graph_of("linear", FLAT, n=5).nodes[-1].attrs))
    assert module is not None
    assert (module.target, module.args, module.kwargs, module.suffix) == ("nn.Linear", (6, 5), (), "")
