"""Settings: as strict in Python as in a file, with places in the file, and a snapshot that says them all again."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.errors import ExperimentError
from nas.experiment.published import published_points
from nas.experiment.schema import experiment_schema
from nas.experiment.settings import KEYS, Experiment, as_setting, experiment_from_text, load_experiment, value_fault
from nas.experiment.snapshot import snapshot

EXPERIMENTS = sorted((Path(__file__).parents[2] / "experiments").glob("*.yaml"))

WHOLE: dict[str, Any] = {
    "experiment": "trial",
    "space": "mlp",
    "task": {"name": "digits", "validation": 0.1},
    "objectives": ["maximize accuracy", "minimize params"],
    "constraints": ["macs <= 5e6"],
    "sampler": {"name": "nsga2", "population": 8},
    "stopping": {"rule": "pareto-halving", "rungs": [1, 2], "eta": 3},
    "trials": 7,
    "control": 8,
    "hours": 0.5,
    "gpu_hours": 2,
    "target_hypervolume": {"volume": 1.5, "reference": {"accuracy": 0.5, "params": 1e6}},
    "budget": {"steps": 100},
    "recipe": {"lr": 1e-05, "clip": None, "optimizer": "sgd"},
    "engine": {"name": "ray", "workers": 2},
    "device": "cpu",
    "timeout_s": 10,
    "checkpoint_s": 0,
    "latency": {"batch": 8, "repeats": 50, "device": "cpu"},
    "scores": ["synflow", "snip"],
    "confirm": {"seeds": 3, "near": 4},
    "seed": 4,
    "directory": "here",
    "storage": "sqlite:///study.db",
    "published": "points.csv",
    "log": {"tensorboard": "curves"},
}

WRONG: list[tuple[str, Any]] = [
    ("experiment", 3),
    ("experiment", "  "),
    ("space", ["mlp"]),
    ("task", 12),
    ("task", {"target": "y"}),
    ("task", {"name": 5}),
    ("objectives", [1, 2]),
    ("objectives", {"accuracy": "maximize"}),
    ("constraints", [["params < 3"]]),
    ("sampler", True),
    ("sampler", {"population": 8}),
    ("stopping", 3),
    ("stopping", {"rungs": [3]}),
    ("trials", 0),
    ("trials", True),
    ("trials", 2.0),
    ("trials", "many"),
    ("trials", 10**20),
    ("hours", 0),
    ("hours", math.nan),
    ("hours", math.inf),
    ("hours", True),
    ("gpu_hours", 0),
    ("gpu_hours", "2 h"),
    ("target_hypervolume", 0),
    ("target_hypervolume", {"reference": {"params": 3}}),
    ("target_hypervolume", {"volume": 1, "referense": {"params": 3}}),
    ("target_hypervolume", {"volume": 1, "reference": [0.5, 1e6]}),
    ("target_hypervolume", {"volume": 1, "reference": {"params": "many"}}),
    ("budget", 30),
    ("budget", {}),
    ("budget", {"epochs": 3, "steps": 5}),
    ("budget", {"epoch": 3}),
    ("budget", {"epochs": 0}),
    ("budget", {"epochs": 2.5}),
    ("recipe", "adamw"),
    ("engine", 2),
    ("device", 0),
    ("timeout_s", -1),
    ("checkpoint_s", -5),
    ("checkpoint_s", True),
    ("checkpoint_s", math.nan),
    ("checkpoint_s", "often"),
    ("latency", {"batch": 0}),
    ("latency", {"warmup": -1}),
    ("latency", {"device": 1}),
    ("latency", {"runs": 3}),
    ("latency", "median"),
    ("scores", 3),
    ("scores", ["snip", "synflwo"]),
    ("control", -1),
    ("control", True),
    ("confirm", {"seeds": 0}),
    ("confirm", {"near": -1}),
    ("confirm", {"seed": 3}),
    ("confirm", 5),
    ("seed", -1),
    ("seed", 1.5),
    ("directory", 3),
    ("published", ["points.csv"]),
    ("storage", "study.db"),
    ("storage", "sqlite://"),
    ("storage", "sqlite:///:memory:"),
    ("storage", 5),
]


def written(settings: dict[str, Any]) -> str:
    return yaml.safe_dump(settings, sort_keys=False)


def test_the_whole_of_an_experiment_is_read() -> None:
    found = experiment_from_text(written(WHOLE), "a.yaml")
    assert set(WHOLE) == set(KEYS)
    for key, value in WHOLE.items():
        assert getattr(found, key) == (tuple(value) if key in ("objectives", "constraints", "scores") else value)


@pytest.mark.parametrize(("key", "value"), WRONG, ids=lambda value: str(value))
def test_what_is_wrong_in_a_file_is_wrong_in_python(key: str, value: Any) -> None:
    fault = value_fault(key, as_setting(key, value))
    assert fault
    with pytest.raises(ExperimentError) as in_python:
        Experiment(**{key: as_setting(key, value)})
    assert str(in_python.value).startswith(f"`{key}` {fault}, got ")
    with pytest.raises(ExperimentError) as in_file:
        experiment_from_text(written({"space": "mlp", "task": "digits"} | {key: value}), "a.yaml")
    (found,) = in_file.value.faults
    assert found.message.startswith(f"`{key}` {fault}; this is ")
    assert found.place is not None
    assert found.place.text.lstrip().startswith((key, "-", next(iter(value), "-") if isinstance(value, dict) else key))


@pytest.mark.parametrize(("key", "value"), WRONG, ids=lambda value: str(value))
def test_the_schema_refuses_what_the_reader_refuses(key: str, value: Any) -> None:
    if value in (math.inf, 10**20) or (isinstance(value, float) and math.isnan(value)) or value == 2.0:
        pytest.skip("JSON has no such number, or another idea of integers")
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"space": "mlp", "task": "digits", key: value}, experiment_schema())


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_shipped_experiments_are_as_the_schema_says(path: Path) -> None:
    settings = {key: yaml_plain(value) for key, value in vars(load_experiment(path)).items() if key in KEYS}
    jsonschema.validate({key: value for key, value in settings.items() if value is not None}, experiment_schema())
    assert load_experiment(path).space


def test_the_schema_knows_every_key() -> None:
    schema = experiment_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    assert set(schema["properties"]) == set(KEYS)
    jsonschema.validate(WHOLE, schema)
    for bad in ({**WHOLE, "trails": 3}, {"space": "mlp"}, []):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(bad, schema)


def yaml_plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


# ---------------------------------------------------------------------- places


def place_of(text: str, key: str, message: str) -> tuple[int, int] | None:
    """Where a problem that concerns `key` is put."""
    place = experiment_from_text(text, "a.yaml").located(key, ExperimentError(message)).faults[0].place
    return place and (place.line, place.column)


def test_a_problem_is_put_where_its_words_stand() -> None:
    text = "space: mlp\ntask: {name: digits, tst: 1}\nobjectives: [maximize a, minimize b]\nrecipe:\n  lr: 0\n"
    assert place_of(text, "recipe", "recipe: `lr` is above 0, got 0") == (5, 3)
    assert place_of(text, "objectives", "objective `minimize b`: `b` is unknown") == (3, 26)
    assert place_of(text, "task", "`digits` has no option `tst`; did you mean `test`?") == (2, 22)
    assert place_of(text, "task", "the data cannot be used") == (2, 8), "the name of what is a mapping"
    assert place_of(text, "space", "it does not fit") == (1, 8)
    assert place_of(text, "engine", "not in the file at all") is None


# ---------------------------------------------------------------------- snapshots

TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1).filter(str.strip)
SCALARS = st.none() | st.booleans() | st.integers(-(10**12), 10**12) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    SCALARS
    | TEXTS
    | st.sampled_from(["1e-3", "0o17", "on", "no", "null", "~", "12:30", "-", "2020-01-01", ".5", "yes"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)


@settings(deadline=None)
@given(st.dictionaries(TEXTS, VALUES, max_size=3), TEXTS, st.lists(TEXTS, max_size=3).map(tuple))
def test_a_snapshot_is_read_as_it_was_written(options: dict[str, Any], name: str, objectives: tuple[str, ...]) -> None:
    before = Experiment(
        space=name, task={**options, "name": name}, recipe=options, objectives=objectives, hours=0.25, experiment=name
    )
    assert experiment_from_text(snapshot(before), "a.yaml") == before


# ---------------------------------------------------------------------- published points


def test_published_points_of_a_user(tmp_path: Path) -> None:
    (tmp_path / "points.csv").write_text("label,source,note,accuracy,params\nCNN,A paper,shuffled,0.9,\n")
    (point,) = published_points("any", "points.csv", tmp_path)
    assert (point.label, point.source, point.note, point.values) == ("CNN", "A paper", "shuffled", {"accuracy": 0.9})
    assert published_points("any") == ()
    assert published_points("mnist1d"), "shipped tasks have points of their own"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("label,source,accuracy\nCNN,A paper,high\n", r"points\.csv:2: `accuracy` is a number, got 'high'"),
        ("label,source,accuracy\nCNN,A paper,nan\n", r"points\.csv:2: `accuracy` is a finite number, got 'nan'"),
        ("label,source,accuracy\n,A paper,0.9\n", r"points\.csv:2: a published point needs `label`"),
        ("label,source,accuracy\nCNN,A paper,\n", r"points\.csv:2: a published point needs `label`"),
        ("label,source,accuracy\nCNN,A paper,0.9,7\n", r"points\.csv:2: a row has 3 cells like the first line"),
    ],
)
def test_wrong_published_points(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "points.csv").write_text(text)
    with pytest.raises(ExperimentError, match=message):
        published_points("any", "points.csv", tmp_path)
    with pytest.raises(ExperimentError, match=r"none\.csv cannot be read: No such file"):
        published_points("any", "none.csv", tmp_path)
