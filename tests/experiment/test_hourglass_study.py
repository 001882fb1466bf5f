"""`benchmarks/hourglass_study.py`: its settings, its probabilities against known truth, and all of it once, at a tiny scale."""

from __future__ import annotations

import importlib
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from nas.errors import ExperimentError
from nas.experiment import load_experiment
from nas.experiment.published import published_points
from nas.pareto.confirmation import Confirmation, Confirmed, Retraining, read_confirmation
from nas.space import load_space
from nas.study.records import read_study
from nas.study.study import Study

pytest.importorskip("mlxtend")
ROOT = Path(__file__).parents[2]
TASKS = ("generate", "denoise", "super-resolution")
TINY = ("--task", "generate", "--scale", "0.05", "--seeds", "2", "--confirm-seeds", "2")


@pytest.fixture
def study(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module("hourglass_study")


@pytest.fixture
def studies(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module("studies")


@pytest.fixture
def data(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module("hourglass_study_data")


@pytest.mark.parametrize("task", TASKS)
def test_the_papers_points_say_that_they_are_of_another_data_set(task: str) -> None:
    points = published_points(f"mnist5k/{task}")
    assert {point.label for point in points} == {"H", "C"}
    assert all("another data set: full MNIST" in point.note and "2510.01796" in point.source for point in points)
    conventional = [point.values for point in points if point.label == "C"]
    smallest = min(values["params"] for values in conventional)
    assert all(point.values["params"] > 1.2e6 and 24 < point.values["psnr"] < 33 for point in points)
    assert smallest > 2.4e6, "the paper's skip is at least as wide as the image"


@pytest.mark.parametrize("task", TASKS)
def test_the_scale_leaves_the_experiment_alone_at_1(study: Any, studies: Any, task: str) -> None:
    experiment = load_experiment(study.EXPERIMENTS / f"{task}.yaml")
    same = studies.scaled(experiment, 1)
    assert same == {"trials": experiment.trials, "budget": experiment.budget, "stopping": experiment.stopping}
    half = studies.scaled(experiment, 0.5)
    assert half["trials"] == experiment.trials / 2
    assert half["budget"] == {"epochs": experiment.budget["epochs"] / 2}
    assert max(studies.scaled(experiment, 1e-6)["stopping"]["rungs"]) < 2


def confirmation(*members: tuple[int, list[float]]) -> Confirmation:
    candidates = [
        Confirmed(i, str(i), {"params": params}, tuple(Retraining(k, "complete", {}, {"psnr": v}) for k, v in enumerate(vs)))
        for i, (params, vs) in enumerate(members)
    ]  # fmt: skip
    return Confirmation("study", "task", (0, 1), tuple(candidates))


def test_probabilities_of_one_arm_above_another(data: Any) -> None:
    on = data.OnTask("denoise", {})
    on.__dict__["confirmations"] = {
        "hourglass": confirmation((150_000, [20.0, 20.2, 20.4]), (900_000, [30.0, 30.1, 30.2])),
        "conventional": confirmation((90_000, [20.0, 20.2, 20.4]), (1_500_000, [25.0, 25.1, 25.2])),
    }
    found = {one.size: one for one in on.advantages("hourglass", "conventional")}
    assert min(found) == 2e5, "no hourglass is as small as 100,000"
    assert found[2e5].probability == pytest.approx(0.5, abs=0.05)
    assert found[2e5].middle == pytest.approx(0, abs=0.03)
    assert found[1e6].probability > 0.99
    assert found[2e6].middle == pytest.approx(5, abs=0.05)
    assert found[2e6].low < 5 < found[2e6].high
    turned = {one.size: one for one in on.advantages("conventional", "hourglass")}
    assert turned[2e6].middle == pytest.approx(-found[2e6].middle, abs=0.05)


def test_a_study_that_lacks_a_search_is_refused(data: Any, studies: Any, tmp_path: Path) -> None:
    with pytest.raises(ExperimentError, match="has no searches; run without --report first"):
        data.read(tmp_path)
    begun = studies.searched(tmp_path, "generate", "hourglass", 0)
    with Study.create(
        begun, load_space("mlp"), objectives=["maximize psnr"], metrics=["psnr"], task="mnist5k/generate", trials=3
    ):
        pass
    with pytest.raises(ExperimentError, match="has no search of hourglass-frozen on generate; run without --report"):
        data.read(tmp_path)


@pytest.mark.slow
def test_the_whole_study_at_a_tiny_scale(study: Any, data: Any, tmp_path: Path) -> None:
    def run(*options: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(ROOT / "benchmarks" / "hourglass_study.py"), *options, "-o", str(tmp_path)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    done = run(*TINY)
    assert done.returncode == 0, done.stderr
    assert "6 of 6" in done.stdout
    text = (tmp_path / "README.md").read_text()
    assert "- **classification as generation**: the hourglass is" in text
    assert "(pairs: 2)" in text
    assert "another data set" in text
    for name in ("frontiers.png", "frontiers.pdf", "generate.html", "generate.json", "attainment-generate.svg"):
        assert (tmp_path / name).stat().st_size > 1000
    report = (tmp_path / "reports" / "generate-hourglass.html").read_text()
    assert "another data set: full MNIST" in report

    for on in data.read(tmp_path):
        assert set(on.records) == set(on.confirmations) == set(data.ARMS)
        for record in on.together:
            assert len(record.trials) == 3
            assert "/" not in record.space_name, "no path of this machine is in the record"
        one, other = on.contest("hourglass", "conventional"), on.contest("conventional", "hourglass")
        assert one.test.mean == pytest.approx(-other.test.mean)
        shares = on.volumes()
        assert all(0 < share <= 1 for own in shares.values() for share in own.values())
        gaps = [shares["hourglass"][seed] - shares["conventional"][seed] for seed in (0, 1)]
        assert math.fsum(gaps) / 2 == pytest.approx(one.test.mean / on.compared().joint)

    first = tmp_path / "searches" / "generate" / "hourglass" / "0"
    trained, before = read_study(first).trials, read_confirmation(first)
    again = run(*TINY)
    assert again.returncode == 0, again.stderr
    assert "6 searches, 6 of them begun earlier" in again.stdout
    assert read_study(first).trials == trained
    assert read_confirmation(first).candidates == before.candidates, "nothing is trained twice"  # type: ignore[union-attr]

    refused = run("--scale", "1", "--workers", "1")
    assert refused.returncode == 1
    assert "was begun at another scale; give that, or another folder with -o" in refused.stderr
    (tmp_path / "remarks.md").write_text("What people say of it.\n")
    assert run("--report").returncode == 0
    assert "What people say of it." in (tmp_path / "README.md").read_text()
