"""Curves for TensorBoard and MLflow, read back, and a search that goes on whatever they do."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import pytest
from closed_form import write_space, write_task

import nas
from nas.cli import main
from nas.errors import ExperimentError
from nas.experiment.logs import Logging, MLflow, TensorBoard
from nas.experiment.settings import experiment_from_text
from nas.study.candidate import Candidate, Outcome, Report

CANDIDATE = Candidate(3, {"stage[1].width": 8}, "d", {"params": 12_345}, {}, 1)
SETTINGS: dict[str, Any] = {"trials": 3, "budget": {"epochs": 4}, "directory": "run"}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_space(tmp_path)
    write_task(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Tag → steps and values in the event files of a folder, which are records with their length in front."""
    from tensorboardX.proto.event_pb2 import Event

    found: dict[str, list[tuple[int, float]]] = {}
    for file in sorted(folder.glob("events.*")):
        data = file.read_bytes()
        while data:
            (length,) = struct.unpack("<Q", data[:8])
            event, data = Event.FromString(data[12 : 12 + length]), data[16 + length :]
            for value in event.summary.value:
                if value.WhichOneof("value") == "simple_value":
                    found.setdefault(value.tag, []).append((event.step, value.simple_value))
    return found


def test_a_search_in_tensorboard(home: Path) -> None:
    stopping = {"rule": "pareto-halving", "rungs": [1, 2]}
    found = nas.search("narrow.yaml", task="my_task.py:make", log={"tensorboard": "tb"}, stopping=stopping, **SETTINGS)
    trials = found.record().trials
    assert sorted(folder.name for folder in (home / "tb").iterdir()) == [f"candidate-{i:04}" for i in range(3)]
    for trial in trials:
        curves = scalars(home / "tb" / f"candidate-{trial.number:04}")
        assert curves["params"] == [(0, trial.costs["params"])]
        told = [(report.rung, pytest.approx(report.metrics["accuracy"])) for report in trial.curve]
        assert curves["accuracy"] == told
        assert len(told) >= 1


def test_the_command_writes_for_tensorboard(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = "search narrow.yaml --task my_task.py:make --trials 2 --epochs 2 --tensorboard tb --quiet -d run"
    assert main(command.split()) == 0
    assert scalars(home / "tb" / "candidate-0001")["loss"][-1][0] == 2
    assert main(["resume", "run", "--trials", "3", "--quiet"]) == 0
    assert scalars(home / "tb" / "candidate-0002"), "a resumed search goes on with its logs"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # MLflow warns of its own parts
def test_a_search_in_mlflow(home: Path) -> None:
    mlflow = pytest.importorskip("mlflow")
    uri = f"sqlite:///{home / 'ml.db'}"
    found = nas.search("narrow.yaml", task="my_task.py:make", log={"mlflow": uri}, **SETTINGS)
    client = mlflow.MlflowClient(tracking_uri=uri)
    runs = client.search_runs([client.get_experiment_by_name("narrow-on-my_task").experiment_id])
    assert len(runs) == 3
    for run, trial in zip(sorted(runs, key=lambda run: run.info.run_name), found.record().trials, strict=True):
        assert run.info.run_name == f"candidate-{trial.number:04}"
        assert run.info.status == "FINISHED"
        assert run.data.tags["state"] == "complete"
        assert run.data.params == {path: str(value) for path, value in trial.genotype.items()}
        assert run.data.metrics["accuracy"] == pytest.approx(trial.metrics["accuracy"])
        history = client.get_metric_history(run.info.run_id, "accuracy")
        assert [point.step for point in history] == [report.rung for report in trial.curve]


class Broken:
    """A log whose disk is full."""

    def __init__(self) -> None:
        self.asked = 0

    def start(self, search: str, candidate: Candidate) -> Any:
        self.asked += 1
        raise OSError("no space left")

    def write(self, run: Any, values: Any, step: int) -> None:
        raise AssertionError

    def end(self, run: Any, outcome: Outcome) -> None:
        raise AssertionError


class Kept:
    """Somebody else who watches."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def began(self, total: Any, done: int, record: Any) -> None:
        self.heard.append("began")

    def started(self, candidate: Any, worker: int) -> None:
        self.heard.append("started")

    def reported(self, candidate: Any, report: Report, worker: int) -> None:
        self.heard.append("reported")

    def finished(self, candidate: Any, outcome: Outcome, worker: int) -> None:
        self.heard.append("finished")


def test_a_log_that_fails_is_left_out_and_others_hear_everything(tmp_path: Path) -> None:
    broken, other = Broken(), Kept()
    logging = Logging({"broken": broken, "tensorboard": TensorBoard(str(tmp_path))}, other)
    logging.began(2, 0, None)
    with pytest.warns(UserWarning, match="goes on without its log for broken: OSError: no space left"):
        logging.started(CANDIDATE, 0)
    logging.started(CANDIDATE, 0)
    logging.reported(CANDIDATE, Report(1, {"accuracy": 0.5}), 0)
    curve = (Report(1, {"accuracy": 0.5}), Report(2, {"accuracy": 0.75}))
    logging.finished(CANDIDATE, Outcome("complete", {"accuracy": 0.75}, curve), 0)
    assert broken.asked == 1
    assert other.heard == ["began", "started", "started", "reported", "finished"]
    assert scalars(tmp_path / "candidate-0003")["accuracy"] == [(1, 0.5), (2, 0.75)], "nothing twice"


@pytest.mark.parametrize("log", ["{wandb: x}", "{tensorboard: 3}", "tb", "{mlflow: ''}"])
def test_a_wrong_setting(log: str) -> None:
    with pytest.raises(ExperimentError, match=r"`log` is \{tensorboard: DIR\}, \{mlflow: URI\} or both"):
        experiment_from_text(f"space: mlp\ntask: digits\nlog: {log}\n", "e.yaml")


@pytest.mark.filterwarnings("ignore")
def test_a_clear_word_where_a_package_is_missing(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("mlflow")
    with pytest.raises(ExperimentError, match="log: MLflow cannot use `nonsense://x`: "):
        MLflow("nonsense://x")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    for log, package in (("tensorboard", "tensorboardX"), ("mlflow", "mlflow")):
        with pytest.raises(
            ExperimentError, match=f"log: `{log}` needs the package {package}: run `pip install {package}`"
        ):
            nas.search("narrow.yaml", task="my_task.py:make", log={log: "x"}, **SETTINGS)
        assert not (home / "run").exists(), "nothing was begun"
