"""Cases of the operators that own weights or contract tensors."""

from __future__ import annotations

from case import FLAT, IMAGE, MERGED, SEQUENCE, Case, cases, type_

WEIGHTS: list[Case] = [
    *cases("linear", SEQUENCE, n=5, init="orthogonal", bias_init="ones"),
    *cases("linear", FLAT, n=5, init="near_zero", bias=False, bias_init="ones"),
    *cases("linear", SEQUENCE, n=5, per=["tokens"]),
    *cases("linear", SEQUENCE, n=5, axis="tokens", per=["channels"], init="xavier", bias_init="zeros"),
    *cases("linear", IMAGE, n=5, per=["width", "height"], bias=False, frozen=True),
    *cases("linear", IMAGE, n=3, axis="height", per=["channels"], init="identity"),
    *cases("linear", type_(tokens=3, channels=1), n=5, per=["tokens"]),
    *cases("ntk_linear", FLAT, SEQUENCE, n=5),
    *cases("ntk_linear", SEQUENCE, n=5, axis="tokens", bias=False, init="zeros"),
    *[
        case
        for op in ("scale", "bias")
        for case in (
            *cases(op, FLAT, IMAGE),
            *cases(op, FLAT, axes=[], init=0.5),
            *cases(op, IMAGE, axes=["height"], distribution="signs", init=2.0),
            *cases(op, MERGED, axes=["tokens", "channels"], distribution="normal", spread=0.1),
            *cases(op, SEQUENCE, axes=["tokens"], distribution="uniform", spread=3.0, frozen=True),
        )
    ],
    Case("contract", (SEQUENCE, SEQUENCE), {"over": ["channels"]}),
    Case("contract", (SEQUENCE, type_(keys=3, channels=4)), {"over": ["channels"]}),
    Case("contract", (type_(tokens=6, keys=3), type_(keys=3, channels=4)), {"over": ["keys"]}),
    Case("contract", (IMAGE, type_(channels=2, width=6, heads=3)), {"over": ["width", "channels"]}),
    Case("contract", (FLAT, type_(targets=3)), {"over": []}),
    Case("contract", (type_(tokens=6, channels=1), type_(channels=1)), {"over": ["channels"]}),
    Case("contract", (MERGED, MERGED), {"over": ["tokens", "channels"]}),
    Case("mixture", (SEQUENCE,), {}),
    Case("mixture", (SEQUENCE, MERGED, SEQUENCE), {"axis": "tokens"}),
    Case("mixture", (FLAT, FLAT), {"axis": "features"}),
    *cases("top_k", FLAT, IMAGE, k=2),
    *cases("top_k", SEQUENCE, k=6, axis="tokens"),
    Case("experts", (FLAT, type_(experts=4)), {"n": 3, "hidden": 5}),
    Case("experts", (SEQUENCE, type_(tokens=6, experts=4)), {"n": 3, "hidden": 5, "active": 3, "act": "relu"}),
    Case("experts", (IMAGE, type_(height=4, width=6, gates=1)), {"n": 3, "hidden": 5, "act": "silu"}),
    *cases("embedding", FLAT, SEQUENCE, vocabulary=3, n=5, into="values"),
    *cases("embedding", FLAT, vocabulary=3, n=5, into="values", shared=True, std=0.01),
    *cases("rational", IMAGE, groups=1),
    *cases("rational", SEQUENCE, groups=3, axis="tokens", start="identity"),
    *cases("poly_relu", FLAT, IMAGE),
    *cases("poly_relu", FLAT, order=1),
    *cases("poly_norm", FLAT, IMAGE),
    *cases("poly_norm", SEQUENCE, order=2, axis="tokens"),
    *[
        case
        for act in ("selu", "mish", "relu", "gelu", "silu", "elu", "tanh", "sigmoid", "softplus")
        for case in cases("parametric", FLAT, act=act)
    ],
    *cases("parametric", IMAGE, axis="height"),
    *cases("clamp", FLAT, IMAGE, low=-0.5, high=1),
    *cases("clamp", FLAT, low=0.5, high=0.75),
    *cases("group_norm", FLAT, IMAGE, groups=2),
    *cases("group_norm", SEQUENCE, groups=3, axis="tokens", affine=False, eps=1e-3),
    *cases("l2_norm", FLAT, IMAGE),
    *cases("l2_norm", SEQUENCE, axis="tokens"),
    *cases("fourier_kan", FLAT, SEQUENCE, n=3),
    *cases("fourier_kan", SEQUENCE, n=3, grid=1, axis="tokens"),
    *cases("wavelet_kan", FLAT, SEQUENCE, n=3),
    *cases("wavelet_kan", SEQUENCE, n=3, axis="tokens", wavelet="morlet"),
    *cases("wavelet_kan", type_(features=1), n=3, wavelet="dog"),
]
