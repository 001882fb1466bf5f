"""What is written about operators is true: their examples build, their counts hold, their page is up to date."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Any

import pytest
from cases import CASES, Case

from nas.cli import main
from nas.cli.operators import call_of, described, page, topics
from nas.graph.builder import Builder
from nas.graph.cost import Costs
from nas.graph.examples import SYMBOLS, example_of, tensors_of
from nas.graph.operators import TABLE

PAGE = Path(__file__).parent.parent.parent / "docs" / "operators.md"


def symbols(case: Case, attrs: dict[str, Any]) -> dict[str, int]:
    """What the names in a count stand for, found in the types and not by the operator's own code."""
    type_ = case.types[0]
    sizes = dict(zip(type_.names, type_.shape, strict=True))
    last = type_.shape[-1] if type_.shape else 1
    slid = attrs["over"] if attrs.get("over") else type_.names[1:]
    return {
        **{name: value for name, value in attrs.items() if isinstance(value, int)},
        "i": last if "axis" not in attrs else sizes.get(attrs["axis"], 1),
        "c": last,
        "d": len(slid),
        "axes": last if attrs.get("axes") is None else prod(sizes[name] for name in attrs["axes"]),
        "per": prod(sizes[name] for name in attrs.get("per") or ()),
        "fields": 1 if attrs.get("shared") else last,
        "tensors": len(case.types),
        "experts": case.types[-1].shape[-1] if case.types[-1].shape else 1,
    }


def counted(count: str, names: dict[str, int]) -> int:
    """The value of a formula: `a·b^c + d with flag`, with parentheses."""
    term = r"[\w·]+"
    text = re.sub(rf"({term}) with (\w+)", r"(\1)*bool(\2)", count)
    text = text.replace("·", "*").replace("/", "//").replace("^", "**")
    return int(eval(text, {"__builtins__": {"bool": bool}}, names))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_count_is_the_number_of_parameters(case: Case) -> None:
    builder = Builder({f"x{i}": type_ for i, type_ in enumerate(case.types)})
    node = builder.nodes[builder.apply(case.op, tuple(range(len(case.types))), (), case.arguments, weights="w")]
    count = TABLE[case.op].count
    assert (counted(count, symbols(case, dict(node.attrs))) if count else 0) == builder.params


@pytest.mark.parametrize("name", sorted(TABLE))
def test_a_count_is_written_in_words_that_are_explained(name: str) -> None:
    operator = TABLE[name]
    used = set(re.findall(r"[A-Za-z_]+", operator.count)) - {"with"}
    arguments = {argument.name for argument in operator.arguments}
    assert used <= arguments | set(SYMBOLS)
    shadowed = used & arguments & set(SYMBOLS)
    assert shadowed <= {"axes", "per"}  # which stand for sizes, as the page says


@pytest.mark.parametrize("name", sorted(TABLE))
def test_every_operator_has_an_example(name: str) -> None:
    operator = TABLE[name]
    graph = example_of(operator)
    assert operator.example.startswith(f"{name}(x")
    assert graph.nodes[-1].op == name
    fewest, most = operator.arity
    assert len(tensors_of(operator)) == max(fewest, 2 if most is None else 1)


def test_every_symbol_is_used() -> None:
    used = {name for operator in TABLE.values() for name in re.findall(r"[a-z_]+", operator.count)}
    assert set(SYMBOLS) <= used


def test_the_page_of_the_documentation_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `nas ops --markdown > docs/operators.md`"


def test_the_page_leads_to_every_operator(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ops", "--markdown"]) == 0
    text = capsys.readouterr().out
    assert text == page()
    headings = {
        re.sub(r"[^\w -]", "", line.lstrip("# ").lower()).replace(" ", "-")
        for line in text.splitlines()
        if line.startswith("#")
    }
    assert set(re.findall(r"\]\(#([^)]*)\)", text)) == headings - {"operators"}
    assert set(TABLE) <= headings


def test_the_list_fits_a_page(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ops"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 100
    for heading, operators in topics().items():
        first = lines.index(heading)
        for operator in operators:
            assert any(line.startswith(f"  {operator.name}(") for line in lines[first:])


@pytest.mark.parametrize("name", sorted(TABLE))
def test_one_operator_in_full(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    operator = TABLE[name]
    assert main(["ops", name]) == 0
    out = capsys.readouterr().out
    shown = " ".join(out.split())
    assert max(map(len, out.splitlines())) <= 100
    result = str(example_of(operator).nodes[-1].type)
    for said in (call_of(operator), operator.equation, operator.doc, operator.example, result, operator.source):
        assert " ".join(said.split()) in shown
    for argument in operator.arguments:
        assert f"\n  {argument.name} " in out
        assert all(option in shown for option in argument.options)


def test_what_one_operator_says(capsys: pytest.CaptureFixture[str]) -> None:
    main(["ops", "chebyshev_kan"])
    assert (
        capsys.readouterr().out
        == """\
chebyshev_kan(x, n, degree=4, axis=None)

  yⱼ = Σᵢ Σₖ cⱼᵢₖ Tₖ(tanh xᵢ)

  On every edge a Chebyshev polynomial of `degree`, of the input squashed by tanh.

  n       positive integer: the new size of the axis
  degree  integer from 0 (default 4): the degree of the polynomials
  axis    axis (default None): the axis it works along

  parameters:  i·n·(degree + 1); i the size of the axis, 1 without one
  zeros:       do not stay zeros
  example:     chebyshev_kan(x, 32) on x [tokens=8, channels=16] gives [tokens=8, channels=32]
  its cost:    2,560 parameters, 20,480 MACs
  source:      Sidharth and Gokul 2024, arXiv:2405.07200
"""
    )


def test_json_carries_all_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ops", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found) == set(TABLE)
    assert found["experts"]["example"] == {
        "call": "experts(x, y, 16, 32, active=2)",
        "tensors": {"x": "[tokens=8, channels=16]", "y": "[tokens=8, gates=4]"},
        "result": "[tokens=8, channels=16]",
        "params": 4288,
        "active_params": 2144,
        "buffers": 0,
        "macs": 16384,
    }
    assert found["linear"]["arguments"]["bias_init"] == {
        "kind": "str",
        "doc": "how b starts",
        "default": "default",
        "options": ["default", "zeros", "ones"],
    }
    assert found["kan"]["arguments"]["degree"]["high"] == 10
    assert (found["linear"]["keeps_zero"], found["linear"]["keeps_zero_changes_with"]) == (False, ["bias=False"])
    assert (found["pad"]["keeps_zero"], found["pad"]["keeps_zero_changes_with"]) == (True, [])
    assert found["add"]["tensors"] == {"fewest": 1, "most": None}
    assert found["dct"]["topic"] == "spectral"


def test_an_operator_of_ones_own_has_no_example() -> None:
    own = described(replace(TABLE["relu"], example=""))
    assert "example" not in own
    assert own["call"] == "relu(x)"


def test_the_costs_name_every_view() -> None:
    said = (Costs.__doc__ or "").partition("shares its memory: ")[2].partition(" are views")[0]
    assert set(re.findall(r"\w+", said)) - {"and"} == {name for name, operator in TABLE.items() if operator.view}
