"""Training settings of a space: values, words and expressions over decisions; and the designs it knows by name."""

from __future__ import annotations

import json
import random

import pytest
from small_spaces import small

from nas.errors import SpaceError

MODEL = "z = x\nfor i in range(depth):\n    z = relu(z)\nreturn linear(z, targets)"
CHOOSE = "{depth: {int: [1, 4]}, rate: {float: [0.1, 0.4], step: 0.1}, optimizer: [adamw, sgd]}"


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("1e-3", 1e-3), ("30", 30), ("cosine", "cosine"), ("one-cycle", "one-cycle"), ("'depth'", "depth"), ("true", True), ("null", None),
        ("[0.9, 0.999]", [0.9, 0.999]), ("{a: [1, x]}", {"a": [1, "x"]}), ("depth", 2), ("10 * depth", 20), ("rate", 0.3),
        ("optimizer", "sgd"), ("('constant' if depth < 3 else 'cosine')", "constant"), ("cosine if depth else x", "?"),
        ("1e-2 / depth", 5e-3), ("[depth, 2 * depth]", ["depth", "2 * depth"]), ("features", 8), ("min(depth, 1)", 1), ("a.pt", "a.pt"),
        ("2 ** 3", 8), ("sgd", "sgd"), ("12:30", "12:30"), ("on", "on"),
    ],
)  # fmt: skip
def test_settings(written: str, value: object) -> None:
    text = {"recipe": f"{{other: depth, lr: {written}, o: optimizer, r: rate}}"}
    if value == "?":
        with pytest.raises(SpaceError, match=r"`cosine` is not known here.*; put it in quotes if it is a word"):
            small(MODEL, choose=CHOOSE, **text)
        return
    recipe = small(MODEL, choose=CHOOSE, **text).replay({"depth": 2, "rate": 0.3, "optimizer": "sgd"}).recipe
    assert recipe == {"other": 2, "lr": value, "o": "sgd", "r": 0.3}
    assert json.loads(json.dumps(recipe)) == recipe
    assert type(recipe["o"]) is str and type(recipe["other"]) is int


def test_a_recipe_draws_what_only_it_reads() -> None:
    space = small(
        "return linear(x, targets)",
        choose="{lr: {float: [1e-4, 1e-1], log: true}, n: [1, 2]}",
        recipe="{lr: lr, n: n + 1}",
    )
    drawn = space.sample(random.Random(0))
    assert list(drawn.genotype) == ["lr", "n"]
    assert drawn.recipe == {"lr": drawn.genotype["lr"], "n": drawn.genotype["n"] + 1}  # type: ignore[operator]
    same, other = (space.replay({"lr": 1e-3, "n": n}) for n in (1, 2))
    assert same.digest == other.digest and same.recipe != other.recipe


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("10 * params", "`params` is a cost of the finished architecture"),
        ("1e-3 * widht", "`widht` is not known here"),
        ("open('x')", "`open` is neither an operator nor a block nor a decision"),
    ],
)
def test_settings_that_are_wrong(setting: str, said: str) -> None:
    with pytest.raises(SpaceError, match=said):
        small("return linear(x, targets)", recipe=f"{{lr: {setting}}}")


def test_a_setting_is_no_tensor() -> None:
    space = small(
        "return linear(x, targets)", choose="{f: [relu, gelu], n: [1]}", require="[n == 1]", recipe="{lr: f, n: n}"
    )
    assert space.sample(random.Random(0)).recipe["lr"] in ("relu", "gelu")


def test_seeds_are_partial_genotypes() -> None:
    space = small(
        MODEL,
        choose=CHOOSE.replace(", rate", ", free: [1, 2], rate"),
        recipe="{r: rate, o: optimizer, f: free}",
        seeds="{small: {depth: 1, rate: 0.3}, all: {depth: 4, rate: 0.1, optimizer: sgd, free: 2}}",
    )
    assert space.seeds == {
        "small": {"depth": 1, "rate": 0.3},
        "all": {"depth": 4, "rate": 0.1, "optimizer": "sgd", "free": 2},
    }
    drawn = [space.replay(space.seeds["small"], random.Random(i)).genotype for i in range(20)]
    assert {g["depth"] for g in drawn} == {1} and len({g["optimizer"] for g in drawn}) == 2
    assert dict(space.replay(space.seeds["all"]).genotype) == {"depth": 4, "rate": 0.1, "optimizer": "sgd", "free": 2}


def test_a_setting_may_be_a_mapping_of_expressions() -> None:
    space = small(
        "return linear(x, targets)", choose="{slow: [0.1, 0.3]}", recipe='{f: {"*.bias": slow / 2, "a*": 6, b: cosine}}'
    )
    assert space.replay({"slow": 0.3}).recipe == {"f": {"*.bias": 0.15, "a*": 6, "b": "cosine"}}
