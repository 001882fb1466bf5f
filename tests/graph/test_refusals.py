"""What operators refuse, and how they say it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from cases import FLAT, IMAGE, MERGED, SEQUENCE, VOLUME, type_

from nas.errors import ShapeError
from nas.graph.builder import Builder
from nas.graph.operators.table import TABLE, register
from nas.graph.types import Axis, TensorType

BACKWARD = TensorType((Axis("tokens", 6, (Axis("width", 3), Axis("height", 2))), Axis("channels", 4)))

REFUSALS: list[tuple[str, tuple[TensorType, ...], dict[str, Any], str]] = [
    # the builder: names, numbers of tensors, arguments
    ("liner", (FLAT,), {}, "`liner` is not an operator; did you mean `linear`?"),
    ("relu", (FLAT, FLAT), {}, "`relu` takes 1 tensor, got 2"),
    ("add", (), {}, "`add` takes at least 1 tensor, got 0"),
    ("linear", (FLAT,), {"n": 4, "bais": True}, "`linear` has no argument `bais`; did you mean `bias`?"),
    ("linear", (FLAT,), {}, "`linear` needs its argument `n`: the new size of the axis"),
    ("linear", (FLAT,), {"n": 0}, "`linear` takes a positive integer as `n`, got 0"),
    ("linear", (FLAT,), {"n": "wide"}, "`linear` takes a positive integer as `n`, got the string 'wide'"),
    ("linear", (FLAT,), {"n": True}, "`linear` takes a positive integer as `n`, got true"),
    ("linear", (FLAT,), {"n": 4, "bias": 1}, "`linear` takes True or False as `bias`, got 1"),
    ("linear", (FLAT,), {"n": 4, "axis": 1}, "`linear` takes the name of an axis as `axis`, got 1"),
    ("dropout", (FLAT,), {"rate": "half"}, "`dropout` takes a number as `rate`, got the string 'half'"),
    ("dropout", (FLAT,), {"rate": 1.0}, "`dropout` takes at most 0.99 as `rate`, got 1.0"),
    ("layer_norm", (FLAT,), {"eps": 0}, "`layer_norm` takes at least 1e-12 as `eps`, got 0"),
    (
        "glu",
        (FLAT,),
        {"act": "swish"},
        "`glu` takes one of sigmoid, gelu, silu, relu, tanh, identity as `act`, got the string",
    ),
    ("glu", (FLAT,), {"act": 3}, "`glu` takes a word as `act`, got 3"),
    ("reorder", (FLAT,), {"axes": "features"}, "`reorder` takes a list of axes as `axes`, got the string 'features'"),
    ("chunk", (FLAT,), {"index": 0.5, "parts": 2}, "`chunk` takes an integer as `index`, got 0.5"),
    # axes
    ("linear", (type_(),), {"n": 4}, "`linear` needs a tensor with an axis, got []"),
    (
        "linear",
        (SEQUENCE,),
        {"n": 4, "axis": "token"},
        "`linear` works along `token`, but its tensor is [tokens=6, channels=4]; did you mean `tokens`?",
    ),
    ("batch_norm", (type_(a=1, b=1, c=1, d=1, e=1),), {}, "`batch_norm` takes a tensor of 1 to 4 axes, got [a=1, b=1"),
    # sums and parts
    ("add", (FLAT, SEQUENCE), {}, "`+` needs tensors of one type, got [features=6] and [tokens=6, channels=4]"),
    ("multiply", (FLAT, type_(features=5)), {}, "`*` needs tensors of one type, got [features=6] and [features=5]"),
    ("add", (MERGED, BACKWARD), {}, ": `tokens` is height=2·width=3 there and width=3·height=2 here"),
    (
        "concat",
        (SEQUENCE, type_(tokens=5, channels=4)),
        {},
        "`concat` along `channels` needs tensors that differ only there, got [tokens=6, channels=4] and [tokens=5, channels=4]",
    ),
    ("concat", (SEQUENCE, FLAT), {}, "`concat` along `channels` needs tensors that differ only there"),
    ("chunk", (FLAT,), {"index": 0, "parts": 4}, "`split` into 4 parts does not divide `features=6` of [features=6]"),
    ("chunk", (FLAT,), {"index": 3, "parts": 3}, "`chunk` counts 3 parts from 0 to 2, got index 3"),
    (
        "identity",
        (SEQUENCE,),
        {"n": 5},
        "`identity` keeps `channels=4` of [tokens=6, channels=4], but n = 5 is asked for",
    ),
    # reshapes
    (
        "merge_axes",
        (SEQUENCE,),
        {"first": "tokens", "second": "tokens"},
        "needs two different axes of [tokens=6, channels=4]",
    ),
    (
        "merge_axes",
        (IMAGE,),
        {"first": "height", "second": "width", "into": "channels"},
        "`merge_axes` of [height=4, width=6, channels=2] would give two axes named `channels`; choose another name",
    ),
    (
        "split_axis",
        (FLAT,),
        {"axis": "features"},
        "`split_axis` does not know what `features=6` of [features=6] was merged from",
    ),
    (
        "split_axis",
        (FLAT,),
        {"axis": "features", "size": 2},
        "`split_axis` of `features=6` needs `size` (of the inner axis)",
    ),
    (
        "split_axis",
        (FLAT,),
        {"axis": "features", "size": 4, "into": ["a", "b"]},
        "`split_axis` needs a size that divides `features=6` of [features=6], got 4",
    ),
    (
        "split_axis",
        (MERGED,),
        {"axis": "tokens", "into": ["a"]},
        "gives `tokens=6` its 2 factors back, but `into` has 1 names",
    ),
    ("flatten", (type_(),), {}, "`flatten` needs a tensor with an axis, got []"),
    ("rename", (SEQUENCE,), {"axis": "tokens", "to": "channels"}, "would give two axes named `channels`"),
    (
        "reorder",
        (SEQUENCE,),
        {"axes": ["tokens"]},
        "`reorder` needs every axis of [tokens=6, channels=4] once, got [tokens]",
    ),
    # patches and windows
    (
        "patchify",
        (VOLUME,),
        {"size": 2},
        "`patchify` takes [features], [height, width] or [height, width, channels], got",
    ),
    (
        "patchify",
        (IMAGE,),
        {"size": 4},
        "`patchify` needs a size that divides `width=6` of [height=4, width=6, channels=2], got 4",
    ),
    (
        "patchify",
        (FLAT,),
        {"size": 2, "into": ["a"]},
        "`patchify` takes two names as `into`, [tokens, channels], got 1",
    ),
    (
        "avg_pool",
        (FLAT,),
        {},
        "`avg_pool` slides over 1 or 2 axes of 1 to 3, all but the last unless `over` names them",
    ),
    (
        "avg_pool",
        (SEQUENCE,),
        {"kernel": 2},
        "`avg_pool` of [tokens=6, channels=4] cannot keep the size with an even window of 2",
    ),
    (
        "avg_pool",
        (SEQUENCE,),
        {"kernel": 7, "padding": "valid"},
        "`avg_pool` has a window of 7, which does not fit into `tokens=6` of [tokens=6, channels=4]",
    ),
    ("conv", (FLAT,), {"n": 4}, "`conv` slides over 1 or 2 axes besides its channels, got [features=6]"),
    (
        "conv",
        (IMAGE,),
        {"n": 4, "groups": 3},
        "`conv` needs groups that divide `channels=2` of [height=4, width=6, channels=2]",
    ),
    # gates
    ("glu", (type_(features=5),), {}, "`glu` halves its channels, but `features=5` of [features=5] is odd"),
    ("spatial_gate", (SEQUENCE,), {"axis": "channels"}, "`spatial_gate` mixes an axis other than the channels"),
    ("kan", (FLAT,), {"n": 3, "degree": -1}, "`kan` takes at least 0 as `degree`, got -1"),
    ("rbf_kan", (FLAT,), {"n": 3, "grid": 1}, "`rbf_kan` takes at least 2 as `grid`, got 1"),
]


@pytest.mark.parametrize(("op", "types", "arguments", "message"), REFUSALS, ids=lambda value: str(value)[:60])
def test_an_operator_says_what_it_expected(
    op: str, types: tuple[TensorType, ...], arguments: dict[str, Any], message: str
) -> None:
    builder = Builder({f"x{i}": each for i, each in enumerate(types)})
    with pytest.raises(ShapeError, match=re.escape(message)):
        builder.apply(op, tuple(range(len(types))), (), arguments)


def test_too_many_arguments_and_one_given_twice() -> None:
    builder = Builder({"x": FLAT})
    with pytest.raises(ShapeError, match=re.escape("`dropout` takes 1 argument besides its tensors (rate), got 2")):
        builder.apply("dropout", (0,), (0.1, 0.2))
    with pytest.raises(ShapeError, match="`dropout` got `rate` twice"):
        builder.apply("dropout", (0,), (0.1,), {"rate": 0.2})


def test_sharing_weights_of_another_shape() -> None:
    builder = Builder({"x": FLAT, "y": SEQUENCE})
    builder.apply("linear", (0,), (4,), weights="w")
    message = (
        "`linear` shares the weights `w` with an earlier `linear` of another shape: [features=6] → [features=4] there"
    )
    with pytest.raises(ShapeError, match=re.escape(message)):
        builder.apply("linear", (1,), (4,), weights="w")


def test_a_name_is_taken_once() -> None:
    with pytest.raises(ValueError, match="operator `linear` is registered twice"):
        register(TABLE["linear"])


def test_leaving_out_the_axis_is_naming_the_last() -> None:
    builder = Builder({"x": SEQUENCE})
    one = builder.apply("linear", (0,), (3,))
    other = builder.apply("linear", (0,), (3,), {"axis": "channels"})
    assert builder.nodes[one].attrs == builder.nodes[other].attrs


def test_sums_remember_what_any_term_knows_whatever_the_order() -> None:
    plain = type_(tokens=6, channels=4)
    builder = Builder({"x": MERGED, "y": plain})
    assert (
        builder.nodes[builder.apply("add", (0, 1))].type == builder.nodes[builder.apply("add", (1, 0))].type == MERGED
    )
    with pytest.raises(ShapeError, match="there and"):
        Builder({"x": plain, "y": MERGED, "z": BACKWARD}).apply("add", (0, 1, 2))
