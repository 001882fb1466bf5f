"""Whatever the text, what comes of it is a space or a `SpaceError`: shipped spaces mutated at random, and random equations."""

from __future__ import annotations

import random
from collections import Counter

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_hostile import soon_and_small, space

from nas.errors import SpaceError
from nas.space import Rejected, shipped_spaces, space_from_text
from nas.space.deciders import Random


def acceptable(text: str, rng: random.Random) -> str:
    """What comes of a text, which may be a space, a `SpaceError`, and nothing else."""
    try:
        space_from_text(text, "fuzz.yaml").build(Random(rng), strict=True)
    except Rejected:
        return "rejected"
    except SpaceError as error:
        return "refused" if str(error) else "refused without a word"
    return "built"


PIECES = [
    "(", ")", "[", "]", "{", "}", ":", ": ", ",", "-", "- ", "|", ">", "#", "&a ", "*a", "!!x ", "'", '"', "\n", "\n  ", "\t", " ",
    "0", "1e99", "-1", "x", "relu", "linear", "params", "targets", "features", "range", "lambda: 0", "**", "==", "=", "<", " if ",
    " else ", "return ", "for i in range(3):\n", "choose", "require", "share", "tied='a'", "axis=", "true", "null", "∑", "\u2028",
    "\x85", "\0", "\ud800", "__class__", ".real", "[0]", "10**18", "size(x, features)", "split(x, 2)", "zero", "identity",
    "for t in ", "len(", "wire('er', 4, p=0.5, seed=0)", " - ", " / ", " ** 2", "-x", "sizes: {features: 3}",
]  # fmt: skip


def mutated(text: str, rng: random.Random) -> str:
    """The text with a few pieces put in, taken out, repeated or swapped."""
    for _ in range(rng.choice((1, 1, 1, 2, 3, 6))):
        at = rng.randrange(len(text) + 1)
        to = min(len(text), at + rng.choice((1, 2, 5, 20, 100)))
        kind = rng.randrange(5)
        if kind == 0:
            text = text[:at] + rng.choice(PIECES) + text[at:]
        elif kind == 1:
            text = text[:at] + text[to:]
        elif kind == 2:
            text = text[:at] + text[at:to] * rng.choice((2, 3)) + text[to:]
        elif kind == 3:
            other = rng.randrange(len(text) + 1)
            text = text[:at] + text[other : other + to - at] + text[to:]
        else:
            text = text[:at] + rng.choice(PIECES) + text[to:]
    return text


def test_mutated_spaces_are_spaces_or_space_errors() -> None:
    rng = random.Random(1)
    texts = [path.read_text(encoding="utf-8") for path in shipped_spaces().values()]
    outcomes: Counter[str] = Counter()
    for _ in range(400):
        text = mutated(rng.choice(texts), rng)
        with soon_and_small():
            outcomes[acceptable(text, rng)] += 1
    assert set(outcomes) >= {"refused", "built"}


def expressions() -> st.SearchStrategy[str]:
    """Equations that are mostly well formed, of names that mostly exist."""
    leaves = st.sampled_from(
        [
            "x",
            "n",
            "act",
            "features",
            "targets",
            "tokens",
            "z",
            "i",
            "0",
            "1",
            "2.5",
            "-3",
            "10**9",
            "True",
            "None",
            "'w'",
            "[]",
            "relu",
            "f",
            "[x, x]",
            "wire('ws', 6, k=2, p=0.5, seed=1)",
        ]
    )

    def grow(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        operators = st.sampled_from(
            ["+", "-", "*", "/", "//", "%", "**", "<", "<=", "==", "!=", "in", "not in", "and", "or"]
        )
        names = st.sampled_from(
            ["linear", "relu", "f", "g", "act", "layer_norm", "split", "size", "max", "round", "log2", "add", "concat", "mean_pool",
             "patchify", "merge_axes", "split_axis", "flatten", "len", "zero", "identity", "dropout", "conv", "reorder", "rename"]
        )  # fmt: skip
        words = st.sampled_from(
            ["", "", "axis=features", "bias=False", "tied='a'", "into=[tokens, features]", "axis=tokens", "into=tokens"]
        )
        return st.one_of(
            st.builds("({} {} {})".format, inner, operators, inner),
            st.builds("{}({})".format, names, inner),
            st.builds("{}({}, {})".format, names, inner, inner),
            st.builds("{}({}, {}, {})".format, names, inner, inner, words).map(lambda text: text.replace(", )", ")")),
            st.builds("[{}, {}]".format, inner, inner),
            st.builds("{}[{}]".format, inner, inner),
            st.builds("({} if {} else {})".format, inner, inner, inner),
            st.builds("-{}".format, inner),
            st.builds("not {}".format, inner),
        )

    return st.recursive(leaves, grow, max_leaves=12)


def bodies() -> st.SearchStrategy[str]:
    line = st.one_of(
        st.builds("z = {}".format, expressions()),
        st.builds("z += {}".format, expressions()),
        st.builds("a, b = {}".format, expressions()),
        st.builds("for i in range({}):\n    z = {}".format, expressions(), expressions()),
        st.builds("for i in {}:\n    z = {}".format, expressions(), expressions()),
        st.builds("if {}:\n    z = {}\nelse:\n    z = x".format, expressions(), expressions()),
        st.builds("if {}:\n    return {}".format, expressions(), expressions()),
    )
    return st.lists(line, max_size=4).map("\n".join)


def random_space(body: str, returned: str) -> str:
    """A space whose model and block begin with anything, and go on to read all that there is."""
    ending = "return linear(act(g(f(x), n)), targets)"
    blocks = f"  f(x, z=1, i=2): |\n    y = {returned}\n    return x\n  g(x, k=2): |\n    return linear(x, k)\n"
    rest = "axes: [tokens]\nchoose: {n: {int: [1, 4]}, act: [relu, gelu, f]}\n"
    return space(f"z = x\ni = 0\n{body}\n{ending}", rest, blocks)


@settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(bodies(), expressions(), st.integers(0, 3))
def test_any_equations(body: str, returned: str, seed: int) -> None:
    acceptable(random_space(body, returned), random.Random(seed))


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(st.text(max_size=60))
def test_any_text(text: str) -> None:
    rng = random.Random(0)
    acceptable(text, rng)
    acceptable(space(text), rng)
    acceptable(space("return linear(x, targets)", f"choose: {{n: [{text}]}}\n"), rng)
    acceptable(space("return linear(x, targets)", f"require:\n  - {text}\n"), rng)
