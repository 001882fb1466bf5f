"""Applications of the operators that move numbers: shifts, borders, copies, windows, convolutions, patches, spectra."""

from __future__ import annotations

from math import prod

from case import FLAT, HALVED, IMAGE, MERGED, SEQUENCE, VOLUME, Case, cases, type_

from nas.graph.types import Axis, TensorType

UNCOUNTED = {"rfft", "irfft"}
"""torch's flop counter knows nothing of Fourier transforms; their MACs follow a rule of their own."""


def _patches(tokens: tuple[Axis, ...], channels: int) -> TensorType:
    """What `patchify` gives for a grid."""
    return TensorType((Axis("tokens", prod(axis.size for axis in tokens), tokens), Axis("channels", channels)))


MOVING: list[Case] = [
    *cases("slice", FLAT, SEQUENCE, start=1, stop=3),
    *cases("slice", IMAGE, start=2, axis="width"),
    *cases("roll", FLAT, IMAGE, shift=-1),
    *cases("roll", SEQUENCE, MERGED, shift=8, axis="tokens"),
    *cases("flip", FLAT, IMAGE),
    *cases("flip", SEQUENCE, axis="tokens"),
    *cases("shift", FLAT, SEQUENCE, IMAGE, by=1),
    *cases("shift", FLAT, SEQUENCE, IMAGE, by=-1, fill="edge"),
    *[case for fill in ("zero", "edge") for case in cases("shift", IMAGE, VOLUME, by=2, axis="width", fill=fill)],
    *cases("shift", SEQUENCE, by=0, axis="tokens", fill="edge"),
    *cases("cycle_shift", SEQUENCE, window=3, axis="tokens"),
    *cases("cycle_shift", IMAGE, VOLUME, window=2, axis="height"),
    *cases("cycle_shift", SEQUENCE, window=9, axis="tokens"),
    *cases("permute_values", FLAT, IMAGE),
    *cases("permute_values", SEQUENCE, seed=3, axis="tokens"),
    *[
        case
        for mode in ("zero", "edge", "reflect", "circular")
        for axis in ("height", "channels")
        for case in cases("pad", IMAGE, before=1, after=0, axis=axis, mode=mode)
    ],
    *[case for mode in ("edge", "reflect", "circular") for case in cases("pad", FLAT, before=2, after=3, mode=mode)],
    *cases("pad", SEQUENCE, before=4, after=1, axis="tokens", mode="circular"),
    *cases("repeat", FLAT, IMAGE, n=3, into="members"),
    Case("expand", (type_(channels=4), SEQUENCE), {}),
    Case("expand", (type_(tokens=6), SEQUENCE), {}),
    Case("expand", (type_(channels=2, height=4), IMAGE), {}),
    Case("expand", (type_(width=6), VOLUME), {}),
    Case("expand", (type_(), SEQUENCE), {}),
    Case("expand", (SEQUENCE, MERGED), {}),
    *cases("conv", IMAGE, n=4, kernel=4, stride=4, padding="valid"),
    *cases("conv", IMAGE, n=6, over=["width"], groups=2),
    *cases("conv", IMAGE, n=3, over=["height"], axis="width", kernel=2, stride=2, padding="valid"),
    *cases("conv", VOLUME, n=6, over=["width", "height"], groups=2, bias=False),
    *cases("conv", VOLUME, n=3, over=["frames"], axis="height", dilation=2),
    *cases("conv_transpose", SEQUENCE, IMAGE, n=6),
    *cases("conv_transpose", IMAGE, n=4, kernel=3, stride=1, groups=2),
    *cases("conv_transpose", IMAGE, n=4, kernel=5, stride=2, axis="height", bias=False),
    *cases("conv_transpose", SEQUENCE, n=4, kernel=3, stride=4, padding="valid"),
    *cases("conv_transpose", VOLUME, n=6, kernel=4, over=["height", "width"]),
    *cases("patchify", type_(height=40, width=1, channels=1), size=5),
    *cases("patchify", type_(height=1, width=6, channels=2), size=3),
    *cases("patchify", type_(height=1, width=1), size=4),
    *cases("unpatchify", SEQUENCE, size=2),
    *cases("unpatchify", MERGED, _patches(HALVED.axes, 8), size=2, into=["rows", "columns", "values"]),
    *cases("unpatchify", _patches(type_(height=8, width=1).axes, 5), size=5, into=["height", "width"]),
    *cases("unpatchify", _patches(type_(height=1, width=3).axes, 8), size=2, cut=["height", "width"]),
    *cases("resize", SEQUENCE, IMAGE, size=8),
    *cases("resize", FLAT, size=3, over=["features"], mode="linear"),
    *cases("resize", IMAGE, size=3, over=["channels", "width"], mode="linear"),
    *cases("resize", IMAGE, size=9, over=["channels"], mode="linear"),
    *cases("resize", VOLUME, size=5, over=["height", "width"], mode="linear"),
    *cases("resize", VOLUME, size=5, over=["frames"]),
    *cases("resize", type_(height=4, width=6), size=5, over=["height", "width"], mode="linear"),
    *cases("unfold", FLAT, IMAGE, kernel=2),
    *cases("unfold", SEQUENCE, MERGED, kernel=3, stride=2, axis="tokens", into="piece"),
    *[case for op in ("dct", "idct") for case in cases(op, FLAT, IMAGE)],
    *[case for op in ("dct", "idct") for case in cases(op, SEQUENCE, axis="tokens")],
    *cases("rfft", FLAT, IMAGE),
    *cases("rfft", SEQUENCE, axis="tokens", into="halves"),
    *cases("irfft", type_(parts=2, features=4), n=6),
    *cases("irfft", type_(parts=2, tokens=4, channels=3), n=7, axis="tokens"),
    *cases("irfft", type_(tokens=4, halves=2, channels=3), n=4, parts="halves"),
    *cases("irfft", type_(tokens=4, channels=3, halves=2), n=6, axis="tokens", parts="halves"),
]
