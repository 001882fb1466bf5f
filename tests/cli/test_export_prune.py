"""`nas export --prune`: a smaller file, how much better or worse it predicts, and what cannot be pruned."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import pytest
import torch

import nas
from evaluators.tasks import Task
from nas.cli import main
from nas.experiment import Search

SPACE = """
space: mixed
inputs: {x: [features]}
outputs: [targets]
choose:
  mixed: [yes, no]
blocks:
  curved(x): return linear(tanh(linear(x, 16)), targets)
model: |
  return mixture(linear(x, targets), curved(x)) if mixed == "yes" else linear(x, targets)
seeds:
  mixed: {mixed: yes}
  plain: {mixed: no}
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Search:
    """Two candidates on digits; the mixture of the first one makes next to nothing of its second input."""
    folder = tmp_path_factory.mktemp("mixed")
    (folder / "mixed.yaml").write_text(SPACE)
    budget = {"epochs": 1}
    search = nas.search(folder / "mixed.yaml", task="digits", trials=2, budget=budget, directory=str(folder / "run"))
    weights = search.weights(search.trial(0))
    weights["mixture.weight"] = torch.tensor([3.0, -1.0])  # shares of 0.982 and 0.018
    torch.save(weights, search.directory / "weights" / "0.pt")
    return search


def test_the_file_predicts_as_it_says(found: Search, tmp_path: Path) -> None:
    pruned = found.pruned(0, 0.05)
    written = found.export(0, tmp_path / "model.py", pruned=pruned)
    assert written.params == 64 * 10 + 10
    assert pruned.params == (64 * 10 + 10 + 64 * 16 + 16 + 16 * 10 + 10 + 2, written.params)
    model = runpy.run_path(str(written.source_path))["load"]()
    task = found.prepared.evaluator.subject
    assert isinstance(task, Task)
    part = task.resident().validation
    with torch.no_grad():
        right = (model(*part.inputs).argmax(1) == part.targets).double().mean().item()
    before, after = pruned.metrics
    assert after["accuracy"] == pytest.approx(right)
    assert 0 < abs(after["loss"] - before["loss"]) < 0.1
    assert (
        "pruned: without the inputs of mixtures whose shares were below 0.05: operators"
        in written.source_path.read_text()
    )
    assert "parameters: 650\n" in written.source_path.read_text()


def test_what_stays_whole_measures_as_on_record(found: Search) -> None:
    pruned = found.pruned(found.trial(0), 0.001)
    assert pruned.graph == found.architecture(found.trial(0)).graph
    assert pruned.metrics[0] == pruned.metrics[1]
    assert pruned.params[0] == pruned.params[1] == found.trial(0).costs["params"]


@pytest.mark.slow
def test_the_command_says_what_it_costs(found: Search, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    command = ["export", str(found.directory), "--trial", "0", "--prune", "0.05", "-o", str(tmp_path / "model.py")]
    assert main(command) == 0
    _, second = capfd.readouterr().out.splitlines()
    pruned = found.pruned(0, 0.05)
    assert second == str(pruned)
    assert second.startswith(
        "without the inputs of mixtures whose shares were below 0.05: operators 5 → 1, parameters 1,862 → 650, "
        "validation accuracy 0."
    )
    assert main([*command, "--json"]) == 0
    shown = json.loads(capfd.readouterr().out)
    assert shown["params"] == 650
    assert shown["pruned"] == {
        "threshold": 0.05,
        "operators": [5, 1],
        "params": [1862, 650],
        "metrics": [dict(one) for one in pruned.metrics],
    }


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--trial 1 --prune 0.05", "trial 1 has no `mixture`, so there is nothing to prune"),
        ("--trial 0 --prune 1.5", "inputs of mixtures are dropped below a share of at least 0 and below 1, got 1.5"),
    ],
)
def test_what_cannot_be_pruned(
    found: Search, tmp_path: Path, capfd: pytest.CaptureFixture[str], options: str, said: str
) -> None:
    assert main(["export", str(found.directory), *options.split(), "-o", str(tmp_path / "model.py")]) == 2
    assert capfd.readouterr() == ("", f"nas export: {said}\n")
    assert list(tmp_path.iterdir()) == []


def test_a_search_without_training(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "run", "--knee", "--prune", "0.1", "-o", "model.py"]) == 2
    said = "nas export: run trained nothing, so its mixtures have no learned shares to prune by\n"
    assert capfd.readouterr() == ("", said)
    assert not (home / "model.py").exists()
