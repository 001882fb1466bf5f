"""The JSON Schema accepts every space that the reader accepts, and refuses what is plainly wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import test_counting

from nas.errors import SpaceError
from nas.space import Space, load_space, shipped_spaces
from nas.space.schema import space_schema
from nas.space.yaml_tree import read_yaml

SCHEMA = space_schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
ERRORS = Path(__file__).parent.parent / "spec_errors"


def plain(text: str) -> Any:
    return read_yaml(text, "space.yaml", SpaceError).plain()


def test_it_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert json.loads(json.dumps(SCHEMA)) == SCHEMA


@pytest.mark.parametrize("name", shipped_spaces())
def test_shipped_spaces_are_valid(name: str) -> None:
    VALIDATOR.validate(plain(load_space(name).text))


@pytest.mark.parametrize("space", [space for space, _ in test_counting.SPACES.values()])
def test_what_the_reader_accepts_is_valid(space: Space) -> None:
    VALIDATOR.validate(plain(space.text))


@pytest.mark.parametrize(
    "name",
    [
        "keys_missing", "keys_unknown", "keys_unknown_in_block", "keys_limits_in_block", "types_everywhere", "types_of_values",
        "space_name_with_blank", "inputs_bad_names", "choose_a_value", "choose_empty", "choose_nested_list", "choose_unknown_kind",
        "choose_unknown_option", "solve_without_int", "solve_in_a_block", "solve_not_a_text",
        "bounds_wrong_type", "yaml_a_list", "yaml_only_a_word", "rules_not_a_list", "sizes",
    ],
)  # fmt: skip
def test_what_is_plainly_wrong_is_invalid(name: str) -> None:
    with pytest.raises(jsonschema.ValidationError):
        VALIDATOR.validate(plain((ERRORS / f"{name}.yaml").read_text(encoding="utf-8")))


def test_it_offers_the_operators() -> None:
    assert "kan" in json.dumps(SCHEMA) and '"input"' not in json.dumps(SCHEMA)
