"""`benchmarks/token_mixing_study.py`: its spaces, its differences against known truth, and all of it once, at a tiny scale."""

from __future__ import annotations

import importlib
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from nas.errors import ExperimentError
from nas.experiment import load_experiment
from nas.graph.cost import costs
from nas.pareto.confirmation import Confirmation, Confirmed, Retraining, read_confirmation
from nas.space import load_space
from nas.study.records import read_study
from nas.study.study import Study

pytest.importorskip("mnist1d")
ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "experiments" / "token-mixing-mnist1d"
FAMILIES = ("mixer", "gmlp", "kan", "hourglass", "mlp")
TINY = ("--scale", "0.03", "--seeds", "1", "--confirm-seeds", "2")


@pytest.fixture
def data(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module("token_mixing_study_data")


@pytest.fixture
def report(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module("token_mixing_study_report")


@pytest.mark.parametrize("family", FAMILIES)
def test_all_families_have_the_same_range_of_parameters_and_find_their_rate(family: str) -> None:
    space = load_space(str(FOLDER / f"{family}.yaml"))
    text = (FOLDER / f"{family}.yaml").read_text()
    assert "- params >= 200\n  - params <= 20_000\n" in text
    assert "lr: {float: [1.0e-3, 1.0e-1], log: true}" in text
    sizes = [costs(space.replay(space.seeds[name]).graph).params for name in ("small", "medium")]
    assert 500 <= sizes[0] <= 1100
    assert 5000 <= sizes[1] <= 8000


def test_the_two_data_sets_are_searched_alike() -> None:
    intact, shuffled = (load_experiment(FOLDER / f"{name}.yaml") for name in ("intact", "shuffled"))
    assert (intact.task, shuffled.task) == ("mnist1d", "mnist1d/shuffled")
    assert replace(shuffled, task=intact.task, experiment=intact.experiment, file="", places={}) == replace(
        intact, file="", places={}
    )


def confirmation(*members: tuple[int, float, list[float]]) -> Confirmation:
    """Of members with so many parameters, one value on validation, and several on test."""
    candidates = [
        Confirmed(i, str(i), {"params": params}, tuple(
            Retraining(k, "complete", {"accuracy": validation}, {"accuracy": value}) for k, value in enumerate(values)
        ))
        for i, (params, validation, values) in enumerate(members)
    ]  # fmt: skip
    return Confirmation("study", "task", (0, 1, 2), tuple(candidates))


def search(seed: int, *candidates: tuple[int, float]) -> Any:
    trials = [SimpleNamespace(state="complete", costs={"params": p}, metrics={"accuracy": a}) for p, a in candidates]
    stopped = SimpleNamespace(state="stopped", costs={"params": 300}, metrics={})
    return SimpleNamespace(seed=seed, trials=[*trials, stopped])


def family(data: Any, name: str, intact: Confirmation, shuffled: Confirmation, *gaps: float) -> Any:
    """A family whose searches lose so much by the shuffle, one for each seed."""
    records = {
        "intact": [search(seed, (800, 0.6 + gap)) for seed, gap in enumerate(gaps)],
        "shuffled": [search(seed, (900, 0.6)) for seed in range(len(gaps))],
    }
    retrained = {"intact": data.Retrained.of(intact, seed=0), "shuffled": data.Retrained.of(shuffled, seed=1)}
    return data.Family(name, records, retrained)


HIGH, LOW = confirmation((900, 0.9, [0.89, 0.90, 0.91])), confirmation((900, 0.6, [0.59, 0.60, 0.61]))


def test_a_design_is_chosen_on_validation_and_measured_on_test(data: Any) -> None:
    found = data.Retrained.of(
        confirmation((400, 0.8, [0.3, 0.3]), (700, 0.7, [0.9, 0.9]), (5000, 0.9, [0.5, 0.7])), seed=0
    )
    assert found.place(399) is None
    assert found.estimate(399) is None
    assert found.place(1000) == 0, "the larger one is better on test alone"
    reached = found.estimate(1000)
    assert (reached.low, reached.middle, reached.high) == pytest.approx((0.3, 0.3, 0.3))
    assert found.estimate(5000).middle == pytest.approx(0.6)


def test_what_the_shuffle_takes(data: Any) -> None:
    lost = family(data, "mixer", HIGH, LOW, 0.29, 0.30, 0.31).worth(1000)
    assert lost.test.middle == pytest.approx(0.3)
    assert lost.test.low < 0.3 < lost.test.high
    assert lost.searches.mean == pytest.approx(0.3)
    assert lost.gaps == pytest.approx((0.29, 0.30, 0.31))
    assert lost.verdict == 1
    assert family(data, "mixer", LOW, HIGH, -0.29, -0.30, -0.31).worth(1000).verdict == -1
    assert family(data, "mixer", LOW, LOW, 0.29, 0.30, 0.31).worth(1000).verdict == 0
    assert family(data, "mixer", HIGH, LOW, 0.3, -0.3, 0.3).worth(1000).verdict == 0
    assert family(data, "mixer", HIGH, LOW, 0.3).worth(1000).verdict == 0, "one search tells nothing of searching"
    assert family(data, "mixer", HIGH, LOW, 0.3).worth(850) is None, "the shuffled data have nothing so small"


def test_what_the_report_says(data: Any, report: Any) -> None:
    mixing = family(data, "mixer", HIGH, LOW, 0.29, 0.30, 0.31)
    plain = family(data, "mlp", LOW, LOW, 0.0, 0.01, -0.01)
    assert (
        report._claim(mixing)
        == "- **Mixer**: loses by the shuffle within 1 k, 2 k, 5 k, 10 k, 20 k parameters (0.300 of accuracy)."
    )
    assert report._claim(plain).startswith("- **plain MLP** (order cannot matter): not significant within 1 k, 2 k")
    assert "of 5 differences" in report._noise([mixing, plain])
    assert "0 have a 95 % interval of training that leaves out 0; significant: 0" in report._noise([mixing, plain])
    intact, shuffled = report._advantage([mixing, plain])
    assert "other, intact: +0.30" in intact
    assert "other, shuffled: " in shuffled
    assert report._claim(data.Family("kan", mixing.records, {})) == "- **KAN** (order cannot matter): not confirmed."


def test_a_study_that_lacks_a_data_set_is_refused(data: Any, tmp_path: Path) -> None:
    for name in FAMILIES:
        begun = tmp_path / "searches" / "intact" / name / "0"
        with Study.create(
            begun, load_space("mlp"), objectives=["maximize accuracy"], metrics=["accuracy"], task="mnist1d", trials=3
        ):
            pass
    with pytest.raises(ExperimentError, match="has no searches of the shuffled data; run without --report first"):
        data.read(tmp_path)


@pytest.mark.slow
def test_the_whole_study_at_a_tiny_scale(data: Any, tmp_path: Path) -> None:
    def run(*options: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(ROOT / "benchmarks" / "token_mixing_study.py"), *options, "-o", str(tmp_path)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    done = run(*TINY)
    assert done.returncode == 0, done.stderr
    assert "10 of 10" in done.stdout
    text = (tmp_path / "README.md").read_text()
    for line in ("- **Mixer**: not significant within", "- **plain MLP** (order cannot matter): ", "- Noise: of "):
        assert line in text
    for name in ("token-mixing.svg", "token-mixing.png", "intact.html", "shuffled.json", "reports/shuffled-kan.html"):
        assert (tmp_path / name).stat().st_size > 1000

    for found in data.read(tmp_path):
        assert len(found.gaps(20_000)) == 1
        for one in data.DATA:
            (record,) = found.records[one]
            assert all(200 <= trial.costs["params"] <= 20_000 for trial in record.trials)
            assert "/" not in record.space_name, "no path of this machine is in the record"
            assert all(len(member.runs) == 2 for member in found.retrained[one].members)

    first = tmp_path / "searches" / "intact" / "mixer" / "0"
    trained, before = read_study(first).trials, read_confirmation(first)
    (tmp_path / "remarks.md").write_text("What people say of it.\n")
    again = run(*TINY)
    assert again.returncode == 0, again.stderr
    assert "10 searches, 10 of them begun earlier" in again.stdout
    assert read_study(first).trials == trained
    assert read_confirmation(first).candidates == before.candidates, "nothing is trained twice"  # type: ignore[union-attr]
    assert "What people say of it." in (tmp_path / "README.md").read_text()
