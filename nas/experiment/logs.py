"""Curves of candidates for TensorBoard and MLflow, beside the study's own record: `log: {tensorboard: DIR, mlflow: URI}`.

A candidate is a run. Its costs are written when it starts, its metrics as they are reported; what an evaluator measured
between two reports follows when it ends. Whatever these packages do, a search goes on: a log that fails is left out from
then on, with a warning.
"""

from __future__ import annotations

import importlib
import importlib.util
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from nas.errors import ExperimentError
from nas.experiment.watching import Watcher
from nas.study.candidate import Candidate, Outcome, Report
from nas.study.records import StudyRecord


class Log(Protocol):
    """Where curves go. A run is whatever `start` returns."""

    def start(self, search: str, candidate: Candidate) -> Any: ...

    def write(self, run: Any, values: Mapping[str, float], step: int) -> None: ...

    def end(self, run: Any, outcome: Outcome) -> None: ...


class TensorBoard:
    """A folder for each candidate below `directory`, one scalar for each metric and cost."""

    def __init__(self, directory: str) -> None:
        """Raises: ExperimentError: there is no tensorboardX."""
        _require("tensorboardX", "tensorboardX", "tensorboard")
        self._directory = Path(directory)

    def start(self, search: str, candidate: Candidate) -> Any:
        name = f"candidate-{candidate.number:04}"
        writer = importlib.import_module("tensorboardX").SummaryWriter(str(self._directory / name))
        writer.add_text("genotype", ", ".join(f"{path}={value}" for path, value in candidate.genotype.items()))
        return writer

    def write(self, run: Any, values: Mapping[str, float], step: int) -> None:
        for name, value in values.items():
            run.add_scalar(name, value, step)
        run.flush()

    def end(self, run: Any, outcome: Outcome) -> None:
        run.add_text("state", " ".join((outcome.state, outcome.message)).strip())
        run.close()


class MLflow:
    """A run for each candidate, in the MLflow experiment that is named as the search; decisions are its parameters."""

    def __init__(self, uri: str) -> None:
        """Raises: ExperimentError: there is no MLflow, or it cannot use `uri`."""
        _require("mlflow", "mlflow", "mlflow")
        try:
            self._client = importlib.import_module("mlflow").MlflowClient(tracking_uri=uri)
        except Exception as problem:
            first = (str(problem).strip().splitlines() or [type(problem).__name__])[0]
            raise ExperimentError(f"log: MLflow cannot use `{uri}`: {first}") from None

    def start(self, search: str, candidate: Candidate) -> Any:
        found = self._client.get_experiment_by_name(search)
        number = found.experiment_id if found else self._client.create_experiment(search)
        run = self._client.create_run(number, run_name=f"candidate-{candidate.number:04}").info.run_id
        for path, value in candidate.genotype.items():
            # MLflow takes no brackets in names.
            self._client.log_param(run, path.replace("[", "/").replace("]", ""), value)
        return run

    def write(self, run: Any, values: Mapping[str, float], step: int) -> None:
        for name, value in values.items():
            self._client.log_metric(run, name, value, step=step)

    def end(self, run: Any, outcome: Outcome) -> None:
        self._client.set_tag(run, "state", outcome.state)
        done = outcome.state in ("complete", "stopped")
        self._client.set_terminated(run, "FINISHED" if done else "FAILED")


LOGS: dict[str, Callable[[str], Log]] = {"tensorboard": TensorBoard, "mlflow": MLflow}


class Logging:
    """A watcher that writes every candidate to `logs`, and hands on all that it is told to `other`."""

    def __init__(self, logs: Mapping[str, Log], other: Watcher | None = None) -> None:
        self._logs = dict(logs)
        self._other = other
        self._search = "search"
        self._runs: dict[tuple[str, int], Any] = {}  # log and candidate → run
        self._rungs: dict[int, set[int]] = {}  # candidate → what was written of its curve

    def began(self, total: int | None, done: int, record: Callable[[], StudyRecord] | None) -> None:
        """Read the search's name, and hand on."""
        if record is not None:
            self._search = record().name
        if self._other is not None:
            self._other.began(total, done, record)

    def started(self, candidate: Any, worker: int) -> None:
        """A new run, with the candidate's costs."""
        self._rungs[candidate.number] = set()

        def start(name: str, log: Log) -> None:
            run = self._runs[name, candidate.number] = log.start(self._search, candidate)
            log.write(run, {cost: float(value) for cost, value in candidate.costs.items()}, 0)

        self._each(start)
        if self._other is not None:
            self._other.started(candidate, worker)

    def reported(self, candidate: Any, report: Report, worker: int) -> None:
        """A point of each metric's curve."""
        self._write(candidate, report)
        if self._other is not None:
            self._other.reported(candidate, report, worker)

    def finished(self, candidate: Any, outcome: Outcome, worker: int) -> None:
        """The rest of the curve, and the end."""
        for report in outcome.curve:
            self._write(candidate, report)
        self._rungs.pop(candidate.number, None)
        self._each(lambda name, log: log.end(self._runs.pop((name, candidate.number)), outcome))
        if self._other is not None:
            self._other.finished(candidate, outcome, worker)

    def _write(self, candidate: Any, report: Report) -> None:
        written = self._rungs.setdefault(candidate.number, set())
        if report.rung not in written:
            written.add(report.rung)
            self._each(lambda name, log: log.write(self._runs[name, candidate.number], report.metrics, report.rung))

    def _each(self, do: Callable[[str, Log], None]) -> None:
        """Do something with every log; one that fails is left out from now on."""
        for name, log in list(self._logs.items()):
            try:
                do(name, log)
            except Exception as problem:
                del self._logs[name]
                first = (str(problem).strip().splitlines() or [""])[0]
                warnings.warn(
                    f"the search goes on without its log for {name}: {type(problem).__name__}: {first}", stacklevel=2
                )


def logged(setting: Mapping[str, str], observer: Watcher | None) -> Watcher | None:
    """`observer`, and with it what the setting `log` asks for.

    Raises: ExperimentError: a package is missing, or MLflow cannot use its address.
    """
    return Logging({name: LOGS[name](where) for name, where in setting.items()}, observer) if setting else observer


def _require(package: str, pip: str, name: str) -> None:
    if importlib.util.find_spec(package) is None:
        raise ExperimentError(f"log: `{name}` needs the package {package}: run `pip install {pip}`")
