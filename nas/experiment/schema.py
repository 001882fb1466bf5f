"""JSON Schema of experiment files, for completion and checks in editors. The reader remains the judge."""

from __future__ import annotations

from typing import Any

from evaluators.budget import CHECKPOINT_S
from nas.experiment.settings import CONFIRM_SEEDS, DEFAULT_EPOCHS, DEFAULT_TRIALS
from nas.study.latency import Protocol
from nas.study.scores import SCORES
from nas.study.stopping import RULES


def experiment_schema() -> dict[str, Any]:
    """The schema, as plain JSON (draft 2020-12)."""
    text = {"type": "string", "pattern": r"\S"}
    name = {"type": "string"}
    named = {"oneOf": [name, {"type": "object", "required": ["name"], "properties": {"name": name}}]}
    positive = {"type": "number", "exclusiveMinimum": 0}
    texts = {"type": "array", "items": {"type": "string"}}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "hourglass-nas experiment",
        "type": "object",
        "required": ["space", "task"],
        "additionalProperties": False,
        "properties": {
            "experiment": {**text, "description": "Its name; results go to runs/NAME."},
            "space": {**text, "description": "A shipped space or the path of a space file."},
            "task": {
                **named,
                "description": "A shipped task, a .csv, .parquet or .npz file, a folder of images, hf:NAME, torchvision:NAME or my_task.py:make; or with options.",
            },
            "objectives": {**texts, "description": "Such as `maximize accuracy` and `minimize params`."},
            "constraints": {**texts, "description": "Such as `macs <= 5e6`."},
            "sampler": {**named, "default": "frontier"},
            "stopping": {
                "oneOf": [
                    {"const": "none"},
                    {
                        "type": "object",
                        "required": ["rule"],
                        "additionalProperties": False,
                        "properties": {
                            "rule": {"enum": ["none", *RULES]},
                            "rungs": {"type": "array", "items": {"type": "integer", "minimum": 1}},
                            **{
                                name: {"description": setting.takes}
                                for entry in RULES.values()
                                for name, setting in entry.settings.items()
                            },
                        },
                    },
                ],
            },
            "trials": {"type": "integer", "minimum": 1, "default": DEFAULT_TRIALS, "description": "Unique candidates."},
            "control": {
                "type": "integer",
                "minimum": 0,
                "default": 0,
                "description": "Random architectures, trained to the end, that the search is held against.",
            },
            "hours": {
                "type": "number",
                "exclusiveMinimum": 0,
                "description": "Wall-clock after which none is started.",
            },
            "gpu_hours": {
                "type": "number",
                "exclusiveMinimum": 0,
                "description": "Spent by all candidates together, after which none is started.",
            },
            "target_hypervolume": {
                "oneOf": [
                    positive,
                    {
                        "type": "object",
                        "required": ["volume"],
                        "additionalProperties": False,
                        "properties": {
                            "volume": positive,
                            "reference": {"type": "object", "additionalProperties": {"type": "number"}},
                        },
                    },
                ],
                "description": "At which the search ends; the reference has one number for each objective.",
            },
            "budget": {
                "type": "object",
                "minProperties": 1,
                "maxProperties": 1,
                "additionalProperties": False,
                "properties": {
                    "epochs": {"type": "integer", "minimum": 1, "default": DEFAULT_EPOCHS},
                    "steps": {"type": "integer", "minimum": 1},
                },
            },
            "recipe": {"type": "object", "description": "Training settings: optimizer, lr, batch_size, schedule, …"},
            "engine": {**named, "default": "inline"},
            "device": {**text, "default": "auto"},
            "timeout_s": {"type": "number", "exclusiveMinimum": 0},
            "checkpoint_s": {
                "type": "number",
                "minimum": 0,
                "default": CHECKPOINT_S,
                "description": "Seconds between two checkpoints of a candidate in training; 0: one at each report.",
            },
            "latency": {
                "type": "object",
                "additionalProperties": False,
                "properties": {
                    "batch": {"type": "integer", "minimum": 1, "default": Protocol.batch},
                    "warmup": {"type": "integer", "minimum": 0, "default": Protocol.warmup},
                    "repeats": {"type": "integer", "minimum": 1, "default": Protocol.repeats},
                    "threads": {"type": "integer", "minimum": 1, "default": Protocol.threads},
                    "device": text,
                },
                "description": "How every candidate's latency is measured, in milliseconds.",
            },
            "scores": {
                "type": "array",
                "items": {"enum": list(SCORES)},
                "description": "At initialisation, that join the metrics of every candidate.",
            },
            "confirm": {
                "type": "object",
                "additionalProperties": False,
                "properties": {
                    "seeds": {"type": "integer", "minimum": 1, "default": CONFIRM_SEEDS},
                    "near": {"type": "integer", "minimum": 0, "default": 0},
                },
            },
            "seed": {"type": "integer", "minimum": 0, "default": 0},
            "directory": {**text, "description": "Where results go, from where the command runs."},
            "storage": {
                "type": "string",
                "pattern": "^(?!.*:memory:).+://.+",
                "description": "URL of a database for the record, such as sqlite:///study.db.",
            },
            "published": {**text, "description": "CSV of published points to stand beside ours."},
            "log": {
                "type": "object",
                "additionalProperties": False,
                "properties": {
                    "tensorboard": {**text, "description": "Folder for curves, from where the command runs."},
                    "mlflow": {**text, "description": "Address of an MLflow server, or sqlite:///FILE."},
                },
            },
        },
    }
