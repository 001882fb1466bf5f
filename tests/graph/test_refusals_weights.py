"""What operators with weights refuse, and how they say it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from case import FLAT, IMAGE, MERGED, SEQUENCE, type_

from nas.errors import ShapeError
from nas.graph.builder import Builder
from nas.graph.types import Axis, TensorType

BACKWARD = TensorType((Axis("tokens", 6, (Axis("width", 3), Axis("height", 2))), Axis("keys", 4)))

REFUSALS: list[tuple[str, tuple[TensorType, ...], dict[str, Any], str]] = [
    (
        "linear",
        (FLAT,),
        {"n": 3, "init": "zero"},
        "`linear` takes one of default, zeros, ones, identity, near_zero, orthogonal, xavier, normal as `init`, got",
    ),
    ("linear", (FLAT,), {"n": 3, "bias_init": "normal"}, "`linear` takes one of default, zeros, ones as `bias_init`"),
    (
        "linear",
        (SEQUENCE,),
        {"n": 3, "per": ["channels"]},
        "`linear` along `channels` takes other axes as `per`, each once, got [channels] for [tokens=6, channels=4]",
    ),
    ("linear", (SEQUENCE,), {"n": 3, "per": ["tokens", "tokens"]}, "each once, got [tokens, tokens] for [tokens=6"),
    (
        "linear",
        (SEQUENCE,),
        {"n": 3, "per": ["token"]},
        "`linear` works along `token`, but its tensor is [tokens=6, channels=4]; did you mean `tokens`?",
    ),
    ("ntk_linear", (FLAT,), {"n": 3, "axis": "tokens"}, "`ntk_linear` works along `tokens`, but its tensor is [fea"),
    ("scale", (type_(),), {}, "`scale` needs a tensor with an axis, got []"),
    ("scale", (SEQUENCE,), {"axes": ["time"]}, "`scale` works along `time`, but its tensor is [tokens=6, channels=4]"),
    (
        "bias",
        (SEQUENCE,),
        {"axes": ["tokens", "tokens"]},
        "`bias` takes each axis once, got [tokens, tokens] for [tokens=6, channels=4]",
    ),
    ("bias", (FLAT,), {"spread": -1}, "`bias` takes at least 0 as `spread`, got -1"),
    ("bias", (FLAT,), {"distribution": "cauchy"}, "`bias` takes one of constant, normal, uniform, signs as"),
    (
        "contract",
        (SEQUENCE, FLAT),
        {"over": ["channels"]},
        "`contract` sums over axes that both tensors have, got `channels` for [tokens=6, channels=4] and [features=6]",
    ),
    (
        "contract",
        (SEQUENCE, type_(tokens=5, channels=4)),
        {"over": ["channels"]},
        "`contract` needs `tokens` to be the same axis in both tensors, got [tokens=6, channels=4] and [tokens=5",
    ),
    ("contract", (MERGED, BACKWARD), {"over": ["tokens"]}, "`contract` needs `tokens` to be the same axis in both"),
    ("contract", (FLAT, FLAT), {"over": ["features"] * 2}, "sums over an axis once, got over=[features, features]"),
    ("contract", (FLAT,), {"over": ["features"]}, "`contract` takes 2 tensors, got 1"),
    ("mixture", (FLAT, SEQUENCE), {}, "`mixture` needs tensors of one type, got [features=6] and [tokens=6, channels"),
    ("mixture", (FLAT, FLAT), {"axis": "tokens"}, "`mixture` works along `tokens`, but its tensor is [features=6]"),
    ("top_k", (FLAT,), {"k": 7}, "`top_k` keeps 7 along `features=6` of [features=6], which has fewer"),
    (
        "experts",
        (SEQUENCE, type_(time=6, experts=3)),
        {"n": 2, "hidden": 2},
        "`experts` needs gates with the axes of its first tensor, the last replaced by the experts; got [tokens=6, "
        "channels=4] and [time=6, experts=3]",
    ),
    ("experts", (SEQUENCE, type_(experts=3)), {"n": 2, "hidden": 2}, "`experts` needs gates with the axes of its"),
    (
        "experts",
        (FLAT, type_(experts=3)),
        {"n": 2, "hidden": 2, "active": 4},
        "`experts` computes 4 experts, but its gates are for experts=3",
    ),
    (
        "embedding",
        (SEQUENCE,),
        {"vocabulary": 3, "n": 2, "into": "tokens"},
        "`embedding` of [tokens=6, channels=4] would give two axes named `tokens`; choose another name",
    ),
    ("embedding", (type_(),), {"vocabulary": 3, "n": 2, "into": "values"}, "`embedding` needs a tensor with an axis"),
    ("rational", (FLAT,), {}, "`rational` needs groups that divide `features=6` of [features=6], got 8"),
    ("group_norm", (IMAGE,), {"groups": 3}, "`group_norm` needs groups that divide `channels=2` of [height=4, width=6"),
    ("poly_norm", (FLAT,), {"axis": "feature"}, "`poly_norm` works along `feature`, but its tensor is [features=6]"),
    ("poly_relu", (FLAT,), {"order": 0}, "`poly_relu` takes a positive integer as `order`, got 0"),
    ("parametric", (FLAT,), {"act": "swish"}, "`parametric` takes one of selu, mish, relu, gelu, silu, elu, tanh, sig"),
    ("parametric", (FLAT,), {"axis": "time"}, "`parametric` works along `time`, but its tensor is [features=6]"),
    ("l2_norm", (type_(),), {}, "`l2_norm` needs a tensor with an axis, got []"),
    ("clamp", (FLAT,), {"low": 1, "high": 0}, "`clamp` needs low ≤ high, got 1.0 and 0.0"),
    ("fourier_kan", (FLAT,), {"n": 3, "grid": 0}, "`fourier_kan` takes a positive integer as `grid`, got 0"),
    (
        "wavelet_kan",
        (FLAT,),
        {"n": 3, "wavelet": "haar"},
        "`wavelet_kan` takes one of mexican_hat, morlet, dog as `wavelet`, got the string 'haar'",
    ),
]


@pytest.mark.parametrize(("op", "types", "arguments", "message"), REFUSALS, ids=lambda value: str(value)[:60])
def test_an_operator_with_weights_says_what_it_expected(
    op: str, types: tuple[TensorType, ...], arguments: dict[str, Any], message: str
) -> None:
    builder = Builder({f"x{i}": each for i, each in enumerate(types)})
    with pytest.raises(ShapeError, match=re.escape(message)):
        builder.apply(op, tuple(range(len(types))), (), arguments)
