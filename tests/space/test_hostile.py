"""A stranger's file can do no harm: it is a space or a `SpaceError`, soon, and in little memory."""

from __future__ import annotations

import gc
import random
import re
import resource
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from machine_speed import slowness

from nas.errors import NasError, SpaceError
from nas.space import GenotypeError, Space, load_space, shipped_spaces, space_from_text
from nas.space.check import check

SECONDS = 4.0  # of processor time on an idle core; what explodes takes minutes
MEGABYTES = 300


@contextmanager
def soon_and_small() -> Iterator[None]:
    """Fails where the block takes long or much memory."""
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    yield
    spent = time.process_time() - start
    assert spent < SECONDS or spent < SECONDS * slowness()
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < MEGABYTES * 1024


def space(model: str, rest: str = "", blocks: str = "") -> str:
    """A space around these equations."""
    body = "".join(f"  {line}\n" for line in model.splitlines())
    named = f"blocks:\n{blocks}" if blocks else ""
    return f"space: x\ninputs: {{x: [features]}}\noutputs: [targets]\n{rest}{named}model: |\n{body}"


def outcome(text: str, draws: int = 5) -> str:
    """Load, build and check: what is wrong, or nothing."""
    try:
        loaded = space_from_text(text, "hostile.yaml")
        check(loaded, draws=draws, seconds=0.5)
    except SpaceError as error:
        return str(error)
    return ""


RETURN = "\nreturn linear(x, targets)"
DOUBLING = "a = [1, 2, 3, 4]\nfor i in range(60):\n    a = {}" + RETURN

EQUATIONS = {
    "import": ('z = __import__("os").system("ls")' + RETURN, "methods"),
    "dunder": ("z = __class__" + RETURN, "underscore"),
    "attribute": ("z = x.__class__.__bases__" + RETURN, r"no `\.`"),
    "getattr": ('z = getattr(x, "id")' + RETURN, "neither an operator nor a block"),
    "eval": ('z = eval("1")' + RETURN, "neither an operator nor a block"),
    "string repetition": ('z = "a" * 10**9' + RETURN, "stands between the word 'a' and the number"),
    "list repetition": ("z = [1] * 10**9" + RETURN, "stands between a list of 1 and the number"),
    "power tower": ("z = 9**9**9**9" + RETURN, "numbers end at 1e18"),
    "negative power tower": ("z = (0 - 9)**9**9**9" + RETURN, "numbers end at 1e18"),
    "shift": ("z = 1 << 10**9" + RETURN, "no `<<`"),
    "huge range": ("for i in range(10**18):\n    z = 1" + RETURN, "at most 10,000"),
    "huge negative range": ("for i in range(0, 0 - 10**18, 0 - 1):\n    z = 1" + RETURN, "at most 10,000"),
    "nested loops": (
        "for i in range(10000):\n    for j in range(10000):\n        for k in range(10000):\n            z = 1" + RETURN,
        "more than 40,000 steps",
    ),
    "many statements in a loop": (
        "for i in range(10000):\n" + "".join(f"    a{j} = {j}\n" for j in range(500)) + RETURN.strip(), "steps",
    ),
    "rounding to many places": ("z = round(123, 0 - 10**9)" + RETURN, "`round`"),
    "rounding a float": ("z = round(0.5, 10**18)" + RETURN, "`round`"),
    "doubled list": (DOUBLING.format("a + a"), "a list longer than 10,000"),
    "nested list": (DOUBLING.format("[a, a]"), "a list may hold lists, and those hold none"),
    "nested wide list": (DOUBLING.format("a + [a, a]"), "a list"),
    "many tensors": (
        "a = [x]\nfor i in range(12):\n    a = a + a\nreturn linear(add(a), targets)", "4,096 tensors; at most 256",
    ),
    "many nodes": ("for i in range(10000):\n    x = relu(x)" + RETURN, "limits: nodes"),
    "brackets": ("z = " + "(" * 5_000 + "1" + ")" * 5_000 + RETURN, "nested deeper"),
    "lists": ("z = " + "[" * 5_000 + "]" * 5_000 + RETURN, "nested deeper"),
    "unary minus": ("z = " + "-" * 15_000 + "1" + RETURN, "nested deeper"),
    "not": ("z = " + "not " * 4_000 + "1" + RETURN, "nested deeper"),
    "conditions": ("z = " + "1 if x else " * 1_500 + "1" + RETURN, "nested deeper"),
    "sum": ("z = " + "1+" * 8_000 + "1" + RETURN, "nested deeper"),
    "comparison": ("z = " + "1<" * 8_000 + "1" + RETURN, ""),
    "conjunction": ("z = " + "1 and " * 3_000 + "1" + RETURN, ""),
    "calls": ("z = " + "relu(" * 3_000 + "x" + ")" * 3_000 + RETURN, "nested deeper"),
    "ifs": ("".join(" " * i + "if x:\n" for i in range(95)) + " " * 95 + "z = 1" + RETURN, "nested deeper|too many levels"),
    "long number": ("z = " + "9" * 18_000 + RETURN, "1e18"),
    "long hexadecimal": ("z = 0x" + "f" * 18_000 + RETURN, "1e18"),
    "long name": ("z = " + "a" * 18_000 + RETURN, "not known here"),
    "many names": ("".join(f"a{i} = b{i}\n" for i in range(1_200)) + RETURN.strip(), "not known here"),
    "infinity": ("z = 1e999 - 1e999" + RETURN, "1e18"),
    "complex": ("z = (0 - 8) ** 0.5" + RETURN, "1e18"),
    "bytes": ('z = b"abc"' + RETURN, "a value is"),
    "ellipsis": ("z = ..." + RETURN, "a value is"),
    "star": ("z = relu(*[x])" + RETURN, r"no `\*`"),
    "format": ('z = "{}".format(1)' + RETURN, "methods"),
    "percent": ('z = "%1000000000d" % 1' + RETURN, "stands between"),
    "walrus": ("z = (y := 1)" + RETURN, "no `:=`"),
    "generator": ("z = max(i for i in range(10**9))" + RETURN, "comprehension"),
    "async": ("async def f(): pass" + RETURN, "no `async`"),
    "decorator": ("@x\ndef f(): pass" + RETURN, "no `def`"),
    "semicolons": ("z = 1; import os" + RETURN, "no `import`"),
    "null": ("z = '\\0'" + RETURN, ""),
    "type comment": ("z = 1 # type: ignore[import]" + RETURN, ""),
    "nested loops over lists": (
        "a = [1]\nfor i in range(13):\n    a = a + a\nfor i in a:\n    for j in a:\n        z = 1" + RETURN, "more than 40,000 steps",
    ),
    "wide wiring": ('z = wire("er", 10**9, p=1, seed=0)' + RETURN, "an integer from 1 to 256"),
    "dense wiring": ('z = wire("er", 256, p=1, seed=0)' + RETURN, "a list longer than 10,000"),
    "many wirings": (
        'for i in range(10000):\n    z = wire("ws", 256, k=2, p=1, seed=i)' + RETURN, "more than 40,000 steps",
    ),
    "huge seed of a wiring": ('z = wire("ba", 9, m=8, seed=10**18)' + RETURN, ""),
    "many terms": ("for i in range(10000):\n    x = 1 - x" + RETURN, "limits: nodes"),
    "huge factor": ("x = 1e18 * x * 1e18 / 1e-18" + RETURN, ""),
    "tower of powers": ("x = x ** 9 ** 9 ** 9" + RETURN, "numbers end at 1e18"),
    "lengths": ("z = len(len([[1]]))" + RETURN, "`len` takes a list"),
    "huge width": ("return linear(linear(x, 10**18), targets)", ""),
    "too many parts": ("z = split(x, 10**9)" + RETURN, "1 to 1024"),
}  # fmt: skip


@pytest.mark.parametrize("name", EQUATIONS)
def test_equations(name: str) -> None:
    equations, said = EQUATIONS[name]
    with soon_and_small():
        found = outcome(space(equations))
    assert_says(found, said)


def assert_says(found: str, said: str) -> None:
    assert re.search(said, found) if said else found == ""
    assert len(found) < 20_000, "a message is read by a person"


BOMB = "".join(f"{chr(97 + i)}: &{chr(97 + i)} [{', '.join([f'*{chr(96 + i)}'] * 10)}]\n" for i in range(1, 20))
DEEP = "limits: {depth: 64}\n"

FILES = {
    "alias bomb": ("a: &a [1]\n" + BOMB, "anchors and aliases"),
    "recursive alias": ("a: &a [*a]", "anchors and aliases"),
    "python tag": ("space: !!python/object/apply:os.system ['ls']", "tags"),
    "unknown tag": ("space: !ls x", "tags"),
    "tag directive": ("%TAG ! tag:yaml.org,2002:python/\n---\nspace: !name:os.system x", "tags"),
    "merge key": ("a: &a {b: 1}\nc:\n  <<: *a", "anchors and aliases"),
    "large": ("# " + "x" * 10_000_000, "larger than"),
    "deep lists": ("a: " + "[" * 100_000, "nested deeper than 32"),
    "deep mappings": ("a: " + "{b: " * 40_000, "nested deeper than 32"),
    "deep blocks": ("- " * 90_000, "nested deeper than 32"),
    "deep questions": ("? " * 90_000, "nested deeper than 32"),
    "many values": ("a: [" + "1," * 90_000 + "1]", "more than 10,000 values"),
    "many keys": ("".join(f"k{i}: 1\n" for i in range(15_000)), "more than 10,000 values"),
    "some keys": ("".join(f"k{i}: 1\n" for i in range(4_000)), "has no key"),
    "equal keys": ("a: 1\n" * 4_000, "twice"),
    "many documents": ("---\na: 1\n" * 5_000, "one document"),
    "null byte": ("space: a\0b", r"U\+0000"),
    "escape": ("space: a\x1b[31m", r"U\+001B"),
    "lone surrogate": ("space: a\ud800", r"U\+D800"),
    "byte order mark": ("\ufeff" + space("return linear(x, targets)"), ""),
    "byte order mark inside": ("space: \ufeffx", "a name of letters"),
    "long line": ("space: " + "x y " * 40_000, "a name of letters"),
    "long key": (f"{'k' * 150_000}: 1", "key"),
    "long number": (space("return linear(x, n)", f"choose: {{n: {{int: [1, {'9' * 100_000}]}}}}\n"), "longer than|1e18"),
    "number of 5,000 digits": (space("return linear(x, n)", f"choose: {{n: [1, {'9' * 5_000}]}}\n"), "not as a number"),
    "long size": (space("return linear(x, targets)", f"sizes: {{features: {'9' * 19}}}\n"), "up to 1e12"),
    "million elements": (
        space("return linear(x, n)", "choose: {n: [" + ",".join(map(str, range(1_000_000))) + "]}\n"), "larger than",
    ),
    "many elements": (
        space("return linear(x, n)", "choose: {n: [" + ",".join(map(str, range(3_000))) + "]}\n"), "more than 1,000 elem",
    ),
    "wide domain": (space("return linear(linear(x, n), targets)", "choose: {n: {int: [1, 1000000000000000000]}}\n"), ""),
    "too wide domain": (space("return linear(x, n)", "choose: {n: {int: [0, 10**19]}}\n"), "1e18"),
    "bound to the power": (space("return linear(x, n)", "choose: {n: {int: [0, 9**9**9]}}\n"), "1e18"),
    "tiny step": (space("return linear(dropout(x, n), targets)", "choose: {n: {float: [0, 0.9], step: 1e-300}}\n"), ""),
    "block bomb": (
        space(
            "return linear(f(x), targets)", DEEP,
            "  f(z):\n    choose: {stop: [0, 1]}\n    body: |\n      if stop == 2:\n          return z\n"
            "      for i in range(10):\n          z = f(z)\n      return z\n",
        ),
        "limits|recursion without end|steps",
    ),
    "block tower": (
        space("return linear(f0(x), targets)", "", "".join(
            f"  f{i}(z): |\n    return f{i + 1}(f{i + 1}(z))\n" for i in range(60)) + "  f60(z): |\n    return relu(z)\n"),
        "depth|steps",
    ),
    "low tower": (
        space("return linear(f0(x), targets)", "", "".join(
            f"  f{i}(z): |\n    return f{i + 1}(f{i + 1}(z))\n" for i in range(22)) + "  f22(z): |\n    return z\n"),
        "steps",
    ),
    "chain of blocks": (
        space("return linear(f0(x), targets)", "", "".join(
            f"  f{i}(z): |\n    return f{i + 1}(z)\n" for i in range(190)) + "  f190(z): |\n    return z\n"),
        "depth",
    ),
    "web of blocks": (
        space("return linear(f0(x), targets)", "", "".join(
            f"  f{i}(z):\n    choose: {{c: [{', '.join(f'f{j}' for j in range(60))}, relu]}}\n    body: |\n      return c(z)\n"
            for i in range(60))),
        "",
    ),
    "many blocks": (
        space("return linear(x, targets)", "", "".join(f"  f{i}(z): |\n    return z\n" for i in range(3_000))), "more than 200 bl",
    ),
    "many decisions": (
        space("return linear(x, targets)", "choose:\n" + "".join(f"  d{i}: [1, 2]\n" for i in range(1_500))), "more than 1,000 d",
    ),
    "chain of bounds": (
        space("return linear(linear(x, d0), targets)", "choose:\n" + "".join(
            f"  d{i}: {{int: [1, d{i + 1}]}}\n" for i in range(900)) + "  d900: [5]\n"),
        "nest too deep|depend",
    ),
    "ring of bounds": (
        space("return linear(x, d0)", "choose:\n" + "".join(
            f"  d{i}: {{int: [1, d{(i + 1) % 300}]}}\n" for i in range(300))), "depend on",
    ),
    "deep element": (
        space("return f(x, targets)", "choose: {f: [linear, linear(bias=" + "not " * 70 + "True)]}\n"), "",
    ),
    "deeper element": (
        space("return f(x, targets)", "choose: {f: [linear, linear(bias=" + "not " * 900 + "True)]}\n"), "nested deeper",
    ),
    "statement in a header": (
        space("return linear(f(x), targets)", "", '  "f(z): return z #": |\n    return z\n'), "a block is written",
    ),
    "import in a header": (
        space("return linear(f(x), targets)", "", '  "f(z): import os; pass\\ndef g(z)": |\n    return z\n'), "a block is written",
    ),
    "call in a header": (
        space("return linear(f(x), targets)", "", '  "f(z, n=__import__(1))": |\n    return z\n'), "default is",
    ),
    "power in a header": (
        space("return linear(f(x), targets)", "", '  "f(z, n=9**9**9**9)": |\n    return z\n'), "default is",
    ),
    "deep header": (
        space("return linear(f(x), targets)", "", f'  "f(z, n={"(" * 300})": |\n    return z\n'), "a block is written",
    ),
    "nan in a recipe": (space("return linear(x, targets)") + "recipe: {lr: .nan, wd: .inf}\n", ""),
    "code in a recipe": (space("return linear(x, targets)") + "recipe: {lr: __import__('os')}\n", ""),
    "call in a recipe": (space("return linear(x, targets)") + "recipe: {lr: open('x')}\n", "neither an operator"),
    "deep recipe": (space("return linear(x, targets)") + "recipe: {lr: " + "[" * 40 + "]" * 40 + "}\n", "nested deeper"),
    "code in a rule": (space("return linear(x, targets)", "require: [open('x') == 1]\n"), "neither an operator"),
    "code in a bound": (space("return linear(x, n)", "choose: {n: {int: [1, exit()]}}\n"), "neither an operator"),
    "code in an element": (space("return n(x)", "choose: {n: [exit(code=1)]}\n"), "neither an operator"),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_files(name: str) -> None:
    text, said = FILES[name]
    with soon_and_small():
        found = outcome(text)
    assert_says(found, said)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"space: \xff\xfe", "not a text in UTF-8"),
        (b"\x00" * 1_000, "U\\+0000"),
        (b"x" * 10_000_000, "larger than"),
        (bytes(range(256)), "not a text in UTF-8"),
        (b"", "the file is empty"),
        (b"# only a comment\n", "the file is empty"),
    ],
)
def test_bytes(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "space.yaml"
    path.write_bytes(content)
    with soon_and_small(), pytest.raises(SpaceError, match=said):
        load_space(path)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/dev/zero", "not a file"),
        ("/", "this is a folder"),
        ("no/such/file.yaml", "neither a file nor a shipped space"),
        ("residual-mpl", "did you mean `residual-mlp`"),
        ("a\0b", "cannot be read|neither a file"),
        ("x" * 5_000, "cannot be read|neither a file"),
        ("", "neither a file nor a shipped space|folder"),
    ],
)
def test_paths(path: str, said: str) -> None:
    with soon_and_small(), pytest.raises(SpaceError, match=said):
        load_space(path)


SMALL = space(
    "return linear(act(linear(x, n)), targets)",
    "choose: {n: {int: [1, 9]}, act: [relu, gelu], r: [1, 2]}\nrequire: [r > 0]\n",
)
ITSELF: list[Any] = []
ITSELF.append(ITSELF)


ANYTHING = [
    [1],
    {},
    {1: 2},
    None,
    True,
    1.0,
    float("nan"),
    float("inf"),
    "1",
    10**5_000,
    -1,
    b"1",
    object,
    ITSELF,
    lambda: 1,
]


@pytest.mark.parametrize("value", ANYTHING, ids=range(len(ANYTHING)))
@pytest.mark.parametrize("path", ["n", "act", "r"])
def test_genotypes_of_anything(path: str, value: object) -> None:
    loaded = space_from_text(SMALL)
    genotype: dict[str, Any] = {"n": 3, "act": "relu", "r": 1, path: value}
    with soon_and_small(), pytest.raises(GenotypeError, match=rf"`{path}` is .*; the genotype says") as caught:
        loaded.replay(genotype)
    assert len(str(caught.value)) < 200


def test_nothing_is_executed() -> None:
    """Reading and building a space runs no code object, imports and opens nothing: Python's audit events tell."""
    texts = [path.read_text(encoding="utf-8") for path in shipped_spaces().values()]
    for text in texts:
        space_from_text(text).sample(random.Random(0))  # imports that happen once have happened
    events: list[tuple[str, str]] = []
    here = threading.get_ident()

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        told = ("exec", "import", "os.system", "subprocess.Popen", "open", "socket.connect")
        if watching and event in told and threading.get_ident() == here:
            events.append((event, repr(arguments)[:200]))

    watching = False
    sys.addaudithook(hook)
    gc.collect()  # what earlier tests left tidies up after itself, folders too
    gc.disable()
    try:
        watching = True
        for text in texts:
            space_from_text(text).sample(random.Random(0))
        watching = False
    finally:
        gc.enable()
    assert events == []


def test_nothing_reaches_the_terminal_that_it_would_obey() -> None:
    texts = [
        space("return linear(x, targets)", 'doc: "\\e[2J gone \\u202e"\n'),
        space("return linear(x, targets)", 'choose: {a: ["\\e[2J", b]}\n'),
        space("return linear(x, targets)", 'choose: {"\\e[2J": [a, b]}\n'),
        space("return linear(x, targets)", 'choose: {a: "\\e[2J"}\n'),
        space("return linear(x, targets)", '"\\e[2J\\r": 3\n'),
    ]
    assert space_from_text(texts[0]).doc == "[2J gone"
    for text in texts[1:]:
        with pytest.raises(SpaceError) as caught:
            space_from_text(text)
        assert all(line.isprintable() for line in str(caught.value).split("\n"))


def test_errors_are_nas_errors() -> None:
    assert issubclass(SpaceError, NasError) and issubclass(GenotypeError, SpaceError)
    assert isinstance(space_from_text(SMALL), Space)
