"""Applications of the operators that move numbers: shifts, borders, copies, windows, convolutions, patches, spectra."""

from __future__ import annotations

from case import FLAT, IMAGE, MERGED, SEQUENCE, VOLUME, Case, cases, type_

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
]
