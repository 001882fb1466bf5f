"""YAML says what was typed: the core schema of YAML 1.2, places, and elements that commas tore apart."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.errors import SpaceError
from nas.space.yaml_tree import read_yaml

NAN = math.nan


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("1e-4", 1e-4), ("1E5", 1e5), ("+1.5e+3", 1.5e3), (".5", 0.5), ("1.", 1.0), ("-.5", -0.5), ("1e3", 1000.0),
        ("on", "on"), ("off", "off"), ("yes", "yes"), ("no", "no"), ("y", "y"), ("n", "n"), ("NO", "NO"),
        ("true", True), ("True", True), ("TRUE", True), ("false", False), ("tRue", "tRue"),
        ("null", None), ("~", None), ("Null", None), ("nULL", "nULL"), ("", None), ("none", "none"),
        ("010", 10), ("0o10", 8), ("0x1F", 31), ("0b11", "0b11"), ("-7", -7), ("+7", 7), ("-0x1F", "-0x1F"),
        ("12:30", "12:30"), ("1:30:00", "1:30:00"), ("2001-12-14", "2001-12-14"), ("2001-12-14t21:59:43Z", "2001-12-14t21:59:43Z"),
        ("1_000", 1000), ("_1", "_1"), ("1__0", "1__0"), ("1,000", "1,000"), ("1e", "1e"), ("e1", "e1"), (".", "."), ("1.2.3", "1.2.3"),
        (".inf", math.inf), ("-.INF", -math.inf), (".nan", NAN), ("inf", "inf"), ("nan", "nan"), ("infinity", "infinity"),
        ("'1'", "1"), ('"true"', "true"), ('"a\\tb"', "a\tb"), ("'it''s'", "it's"), ("a b", "a b"), ("=", "="), ("<<", "<<"),
        ("0.1", 0.1), ("12345678901234567890123", 12345678901234567890123), ("a#b", "a#b"), ("a #b", "a"), ("√x", "√x"),
    ],
)  # fmt: skip
def test_a_scalar_is_what_was_typed(written: str, value: object) -> None:
    tree = read_yaml(f"key: {written}\n", "a.yaml", SpaceError)
    found = tree.plain()["key"]
    assert type(found) is type(value)
    assert found == value or (value != value and found != found)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_as_python_prints_them(number: float) -> None:
    assert read_yaml(f"a: {number!r}", "a.yaml", SpaceError).plain() == {"a": number}


@given(st.integers(-(10**18), 10**18))
def test_integers(number: int) -> None:
    assert read_yaml(f"a: {number}", "a.yaml", SpaceError).plain() == {"a": number}


@pytest.mark.parametrize(
    ("written", "elements"),
    [
        ("[linear, kan(grid=5, degree=3)]", ["linear", "kan(grid=5, degree=3)"]),
        ("[kan(grid=5,degree=3), linear]", ["kan(grid=5,degree=3)", "linear"]),
        ("[kan(grid=5,\n   degree=3), linear]", ["kan(grid=5, degree=3)", "linear"]),
        ("[f(a=g(1, 2), b=3), h(c=4, d=5)]", ["f(a=g(1, 2), b=3)", "h(c=4, d=5)"]),
        ("[f(a, b, c, d, e, f)]", ["f(a, b, c, d, e, f)"]),
        ("[f(a, b, c]", ["f(a", "b", "c"]),
        ("[f(a, 'b', c)]", ["f(a", "b", "c)"]),
        ("[f(a, [b], c)]", ["f(a", ["b"], "c)"]),
        ("[')', (a, b)]", [")", "(a, b)"]),
        ("[a)), b]", ["a))", "b"]),
        ("[]", []),
    ],
)
def test_elements_that_yaml_splits(written: str, elements: list[object]) -> None:
    assert read_yaml(f"a: {written}", "a.yaml", SpaceError).plain() == {"a": elements}


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("{step: max(a, b), log: true}", {"step": "max(a, b)", "log": True}),
        ("{a: f(1,2,3)}", {"a": "f(1,2,3)"}),
        ("{a: f(1, b, c: 2)}", {"a": "f(1", "b": None, "c": "2)"}),
        ("{a: (b, c}", {"a": "(b", "c": None}),
        ("{a, b, c: 1}", {"a": None, "b": None, "c": 1}),
    ],
)
def test_values_that_yaml_splits(written: str, plain: object) -> None:
    assert read_yaml(written, "a.yaml", SpaceError).plain() == plain


def test_a_block_list_is_not_joined() -> None:
    assert read_yaml("a:\n  - f(a\n  - b)\n", "a.yaml", SpaceError).plain() == {"a": ["f(a", "b)"]}


def test_places_are_those_of_the_file() -> None:
    text = "first: 1\nsecond: {third: [a, kan(b=1, c=2)], \"fourth\": 'x'}\nfifth: |\n\n  z = 1\n  y\n"
    tree = read_yaml(text, "a.yaml", SpaceError)
    second = tree.keys["second"][1]
    third = second.keys["third"][1]
    spots = [tree.keys["second"][0], third.place, *(item.place for item in third.items), second.keys["fourth"][0]]
    assert [(place.line, place.column, place.width) for place in spots] == [
        (2, 1, 6), (2, 17, 1), (2, 18, 1), (2, 21, 13), (2, 37, 8),
    ]  # fmt: skip
    fifth = tree.keys["fifth"][1]
    assert (fifth.content_line, fifth.content_indent, fifth.text) == (4, 2, "\nz = 1\ny\n")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\na: 2\nb: 1\nb: 2", "`a` stands here twice.*`b` stands here twice"),
        ("", "the file is empty"),
        ("---\n...\n", "the file is empty"),
        ("a: &x 1", "anchors and aliases"),
        ("a: *x", "anchors and aliases"),
        ("a: !!str 1", "tags .`!!str`."),
        ("a: 1\n---\nb: 2", "one document"),
        ("? [a]\n: b", "a key is a word"),
        ("a: " + "[" * 40, "nested deeper than 32"),
        ("a: >-3\n b", "value has ended"),
        ("a: - b", "in a line of its own"),
        ("a: ]", "a value was expected here"),
        ("a: [1, 2]]", "there is no `\\[` that this `]` closes"),
        ('a: "\\q"', "single quotes"),
    ],
)
def test_what_is_refused(text: str, said: str) -> None:
    with pytest.raises(SpaceError, match=f"(?s){said}"):
        read_yaml(text, "a.yaml", SpaceError)


@given(st.recursive(
    st.one_of(st.integers(-99, 99), st.booleans(), st.none(), st.sampled_from(["a", "relu", "no", "1e", "x y", "é", "'", '"', ": ", "#", "(", "|"])),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(["a", "b", "c d"]), inner, max_size=3)),
    max_leaves=8,
))  # fmt: skip
def test_json_is_yaml(value: object) -> None:
    import json

    tree = read_yaml(json.dumps({"key": value}, ensure_ascii=random.Random(0).random() < 0.5), "a.yaml", SpaceError)
    assert tree.plain() == {"key": value}
