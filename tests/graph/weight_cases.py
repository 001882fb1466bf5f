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
]
