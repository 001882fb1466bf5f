"""What the operators that move numbers refuse, and how they say it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from case import FLAT, IMAGE, SEQUENCE, VOLUME, type_

from nas.errors import ShapeError
from nas.graph.builder import Builder
from nas.graph.types import Axis, TensorType

_CUBE = TensorType((Axis("tokens", 8, type_(a=2, b=2, c=2).axes), Axis("channels", 4)))
_ROW = TensorType((Axis("tokens", 3, type_(height=1, width=3).axes), Axis("channels", 4)))

REFUSALS: list[tuple[str, tuple[TensorType, ...], dict[str, Any], str]] = [
    (
        "slice",
        (FLAT,),
        {"start": 2, "stop": 7},
        "`slice` needs 0 ≤ start < stop ≤ the size of `features=6` of [features=6], got 2 and 7",
    ),
    ("slice", (FLAT,), {"start": 6}, "the size of `features=6` of [features=6], got 6 and 6"),
    ("slice", (FLAT,), {"start": -1}, "`slice` takes at least 0 as `start`, got -1"),
    (
        "slice",
        (FLAT,),
        {"start": 0, "axis": "feature"},
        "`slice` works along `feature`, but its tensor is [features=6]",
    ),
    ("roll", (FLAT,), {"shift": 1, "axis": "time"}, "`roll` works along `time`, but its tensor is [features=6]"),
    ("flip", (FLAT,), {"axis": "time"}, "`flip` works along `time`, but its tensor is [features=6]"),
    ("permute_values", (FLAT,), {"axis": "time"}, "`permute_values` works along `time`"),
    (
        "shift",
        (SEQUENCE,),
        {"by": -6, "axis": "tokens"},
        "`shift` by -6 leaves nothing of `tokens=6` of [tokens=6, channels=4]",
    ),
    (
        "cycle_shift",
        (SEQUENCE,),
        {"window": 3, "axis": "channels"},
        "`cycle_shift` moves along an axis other than the channels, which are the last of [tokens=6, channels=4]",
    ),
    (
        "pad",
        (FLAT,),
        {"before": 6, "after": 0, "mode": "reflect"},
        "`pad` with mode=reflect adds at most 5 numbers at an end of `features=6` of [features=6], got 6 and 0",
    ),
    ("pad", (FLAT,), {"before": 0, "after": 7, "mode": "circular"}, "`pad` with mode=circular adds at most 6 numbers"),
    ("pad", (FLAT,), {"before": -1, "after": 0}, "`pad` takes at least 0 as `before`, got -1"),
    # copies
    ("repeat", (FLAT,), {"n": 2, "into": "features"}, "`repeat` of [features=6] would give two axes named `features`"),
    (
        "expand",
        (FLAT, SEQUENCE),
        {},
        "`expand` needs all axes of its first tensor in the second, got [features=6] and [tokens=6, channels=4]",
    ),
    ("expand", (type_(tokens=5), SEQUENCE), {}, "got [tokens=5] and [tokens=6, channels=4]"),
    # convolutions
    (
        "conv",
        (IMAGE,),
        {"n": 4, "over": ["channels"]},
        "`conv` slides over 1 or 2 axes besides its channels, got over=[channels] of [height=4, width=6, channels=2]",
    ),
    ("conv", (IMAGE,), {"n": 4, "over": ["width", "width"]}, "got over=[width, width] of [height=4"),
    ("conv", (IMAGE,), {"n": 4, "over": ["wide"]}, "`conv` works along `wide`, but its tensor is [height=4, width=6"),
    ("conv", (VOLUME,), {"n": 4}, "`conv` slides over 1 or 2 axes besides its channels, got [frames=2, height=4"),
    ("conv_transpose", (FLAT,), {"n": 4}, "`conv_transpose` slides over 1 or 2 axes besides its channels"),
    (
        "conv_transpose",
        (SEQUENCE,),
        {"n": 3, "groups": 2},
        "`conv_transpose` needs groups that divide `channels=4` of [tokens=6, channels=4] and n = 3, got 2",
    ),
    (
        "conv_transpose",
        (SEQUENCE,),
        {"n": 3, "kernel": 2, "stride": 3},
        "`conv_transpose` of [tokens=6, channels=4] cannot give 3 times the size with a window of 2; take one that",
    ),
    (
        "conv_transpose",
        (SEQUENCE,),
        {"n": 3, "kernel": 4, "stride": 1},
        "cannot give 1 times the size with a window of 4",
    ),
    # patches
    ("unpatchify", (FLAT,), {"size": 2}, "`unpatchify` takes [tokens, channels], got [features=6]"),
    (
        "unpatchify",
        (_CUBE,),
        {"size": 2},
        "`unpatchify` puts back patches of 1 or 2 axes, but `tokens=8` was merged from 3",
    ),
    (
        "unpatchify",
        (SEQUENCE,),
        {"size": 3},
        "`unpatchify` needs patches of 3 numbers to divide `channels=4` of [tokens=6, channels=4]",
    ),
    (
        "unpatchify",
        (_ROW,),
        {"size": 2},
        "`unpatchify` of [tokens=3, channels=4] cannot know which of height=1 and width=3 was cut; name them as `cut`",
    ),
    ("unpatchify", (SEQUENCE,), {"size": 2, "cut": ["height"]}, "puts back patches of tokens, got `height` in `cut`"),
    (
        "unpatchify",
        (SEQUENCE,),
        {"size": 2, "into": ["time"]},
        "`unpatchify` of [tokens=6, channels=4] gives 2 axes, the last of size 2, but `into` has 1 names",
    ),
    ("unpatchify", (SEQUENCE,), {"size": 2, "into": ["time", "a", "b"]}, "but `into` has 3 names"),
    # other sizes
    (
        "resize",
        (VOLUME,),
        {"size": 2},
        "`resize` takes 1 or 2 axes, all but the last unless `over` names them; got [frames=2, height=4",
    ),
    ("resize", (FLAT,), {"size": 2}, "`resize` takes 1 or 2 axes, all but the last unless `over` names them"),
    ("resize", (IMAGE,), {"size": 2, "over": ["width", "width"]}, "`resize` takes 1 or 2 axes"),
    (
        "unfold",
        (SEQUENCE,),
        {"kernel": 5},
        "`unfold` has a window of 5, which does not fit into `channels=4` of [tokens=6, channels=4]",
    ),
    ("unfold", (SEQUENCE,), {"kernel": 2, "into": "tokens"}, "would give two axes named `tokens`"),
    # spectra
    ("dct", (FLAT,), {"axis": "time"}, "`dct` works along `time`, but its tensor is [features=6]"),
    ("rfft", (type_(parts=4),), {}, "`rfft` of [parts=4] would give two axes named `parts`; choose another name"),
    ("irfft", (FLAT,), {"n": 6}, "`irfft` works along `parts`, but its tensor is [features=6]"),
    (
        "irfft",
        (type_(parts=3, features=4),),
        {"n": 6},
        "`irfft` needs an axis of the two parts, real and imaginary, besides the frequencies; got `parts=3` of [parts=3",
    ),
    ("irfft", (type_(features=4, parts=2),), {"n": 2}, "besides the frequencies; got `parts=2` of [features=4"),
    (
        "irfft",
        (type_(parts=2, features=4),),
        {"n": 8},
        "`irfft` to n = 8 needs 5 frequencies, got `features=4` of [parts=2, features=4]",
    ),
]


@pytest.mark.parametrize(("op", "types", "arguments", "message"), REFUSALS, ids=lambda value: str(value)[:60])
def test_an_operator_that_moves_numbers_says_what_it_expected(
    op: str, types: tuple[TensorType, ...], arguments: dict[str, Any], message: str
) -> None:
    builder = Builder({f"x{i}": each for i, each in enumerate(types)})
    with pytest.raises(ShapeError, match=re.escape(message)):
        builder.apply(op, tuple(range(len(types))), (), arguments)
