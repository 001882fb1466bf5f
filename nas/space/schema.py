"""JSON Schema of space files, for completion and checks in editors. The reader remains the judge."""

from __future__ import annotations

from typing import Any

from nas.graph.operators import TABLE
from nas.space.declarations import LIMITS

_NAME = {"type": "string", "pattern": "^[A-Za-z][A-Za-z0-9_]*$"}
_SCALAR = ["string", "number", "boolean", "null"]
_EQUATIONS = {"type": "string", "description": "Equations in Python syntax; write them after `|`."}
_BOUNDS = {"type": "array", "minItems": 2, "maxItems": 2, "items": {"type": ["number", "string"]}}


def space_schema() -> dict[str, Any]:
    """The schema, as plain JSON (draft 2020-12)."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "hourglass-nas search space",
        "type": "object",
        "required": ["space", "inputs", "outputs", "model"],
        "additionalProperties": False,
        "properties": {
            "space": {"type": "string", "pattern": r"^[A-Za-z][\w.-]*$", "description": "The space's name."},
            "doc": {"type": "string", "description": "What question the space asks."},
            "source": {"type": "string", "description": "Where it comes from: a citation."},
            "inputs": {
                "type": "object",
                "minProperties": 1,
                "additionalProperties": {"type": "array", "minItems": 1, "items": _NAME},
                "description": "The model's inputs and the names of their axes; a task's axes bind by position.",
            },
            "outputs": {"type": "array", "minItems": 1, "items": _NAME, "description": "The axes of the output."},
            "operators": {
                "type": "array",
                "items": {"type": "string", "pattern": r"\.py$"},
                "description": "Python files that define operators; they are run, so it takes --allow-code.",
            },
            "ensemble": {
                **_NAME,
                "description": "The axis of the members: a loss for each, their mean as the prediction.",
            },
            "axes": {"type": "array", "items": _NAME, "description": "Axes that exist only inside, such as tokens."},
            "sizes": {
                "type": "object",
                "additionalProperties": {"type": "integer", "minimum": 1},
                "description": "Example sizes of the axes, used until a task binds them.",
            },
            "choose": _choose("Decisions drawn once for the whole architecture.", [_SOLVED]),
            "share": _share(),
            "require": _require(
                "Rules over decisions and costs (params, active_params, trainable_params, macs, activation_bytes)."
            ),
            "limits": {
                "type": "object",
                "additionalProperties": False,
                "properties": {
                    name: {"type": "integer", "minimum": 1, "maximum": most, "default": default}
                    for name, (default, most) in LIMITS.items()
                },
            },
            "blocks": {
                "type": "object",
                "propertyNames": {"pattern": r"^[A-Za-z]\w*\(.*\)$"},
                "additionalProperties": {"oneOf": [_EQUATIONS, _block()]},
                "description": "Functions of tensors: `residual(x): |` and the equations.",
            },
            "model": _EQUATIONS,
            "recipe": {
                "type": "object",
                "description": "Training settings; values may be expressions over decisions.",
            },
            "seeds": {
                "type": "object",
                "additionalProperties": {"type": "object", "properties": {"sizes": {"type": ["object", *_SCALAR]}}},
                "description": "Known designs, also partial ones: decision path → value; `sizes` are the published ones."
                " A search evaluates them first.",
            },
        },
    }


_SOLVED = {
    "type": "object",
    "required": ["solve", "int"],
    "additionalProperties": False,
    "properties": {"solve": {"type": "string"}, "int": _BOUNDS, "step": {"type": ["number", "string"]}},
    "description": "The largest value that satisfies a rule such as `params <= budget`; it follows from the other decisions.",
}


def _choose(description: str, more: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    words = {"anyOf": [{"enum": sorted(set(TABLE) - {"input"})}, {"type": _SCALAR}]}
    elements = {"type": "array", "minItems": 1, "items": words}

    def numbers(kind: str) -> dict[str, Any]:
        return {
            "type": "object",
            "required": [kind],
            "additionalProperties": False,
            "properties": {kind: _BOUNDS, "step": {"type": ["number", "string"]}, "log": {"type": "boolean"}},
        }

    weighted = {
        "type": "object",
        "required": ["choice"],
        "additionalProperties": False,
        "properties": {"choice": elements, "weights": {"type": "array", "items": {"type": "number", "minimum": 0}}},
    }
    return {
        "type": "object",
        "propertyNames": _NAME,
        "additionalProperties": {"oneOf": [elements, weighted, numbers("int"), numbers("float"), *(more or ())]},
        "description": description,
    }


def _share() -> dict[str, Any]:
    return {
        "type": "array",
        "items": _NAME,
        "description": "Blocks whose decisions are drawn once for all calls in here.",
    }


def _require(description: str) -> dict[str, Any]:
    return {"type": "array", "items": {"type": "string"}, "description": description}


def _block() -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["body"],
        "additionalProperties": False,
        "properties": {
            "doc": {"type": "string"},
            "choose": _choose("Decisions drawn afresh by every call."),
            "share": _share(),
            "require": _require("Rules over the block's decisions and arguments, checked for every call."),
            "body": _EQUATIONS,
        },
    }
