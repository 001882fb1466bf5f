"""Every command on a finished search: what it prints is for people, and with `--json` for programs."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

import nas
from nas.cli import COMMANDS, main
from nas.pareto.control import ITSELF
from nas.study.samplers import SAMPLERS
from nas.study.samplers.foreign import optuna_names
from nas.study.samplers.ray_tune import SEARCHERS


@pytest.fixture
def run(home: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs a command that works, and gives what it printed."""

    def call(*arguments: str) -> str:
        status = main(arguments)
        shown = capsys.readouterr()
        assert (status, shown.err) == (0, "")
        return shown.out

    return call


def strict(text: str) -> Any:
    """JSON without NaN and infinity."""
    return json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


SEARCH = ["search", "narrow.yaml", "--task", "my_task.py:make", "--epochs", "2", "--quiet"]

JSON = [
    ["check", "mlp", "--draws", "20"],
    ["show", "mlp"],
    ["front", "run"],
    ["report", "run"],
    ["compare", "run"],
    ["confirm", "run", "--seeds", "1", "--quiet"],
    ["ops"],
    ["ops", "linear"],
    ["spaces"],
    ["tasks"],
    ["samplers"],
    ["stopping"],
    [*SEARCH, "--trials", "2", "-d", "new"],
    ["resume", "run", "--trials", "7", "--quiet"],
]


@pytest.mark.parametrize("arguments", JSON, ids=lambda arguments: " ".join(arguments[:2]))
def test_json_is_json(run: Any, arguments: list[str]) -> None:
    assert strict(run(*arguments, "--json"))


def test_samples_are_lines_of_json(run: Any) -> None:
    lines = run("sample", "mlp", "-n", "3", "--json").splitlines()
    assert [set(strict(line)) for line in lines] == [
        {"genotype", "costs", "unused_params", "digest", "recipe", "solved"}
    ] * 3


def test_every_command_that_prints_facts_has_json() -> None:
    apart = {"sample", "schema", "export", "dashboard", "scores"}
    covered = {arguments[0] for arguments in JSON} | apart
    assert covered == set(COMMANDS)


def test_from_a_search_to_an_export(run: Any, home: Path) -> None:
    out = run(
        *SEARCH,
        "--trials",
        "5",
        "-d",
        "new",
        "--objective",
        "maximize accuracy",
        "--objective",
        "minimize macs",
        "--constraint",
        "params <= 3000",
        "--sampler",
        "random",
        "--seed",
        "2",
    )
    assert "narrow-on-my_task: 5 candidates (5 complete)" in out
    assert "next: nas report new" in out
    record = nas.open_search("new").record()
    assert [str(one) for one in record.objectives] == ["maximize accuracy", "minimize macs"]
    assert all(one.costs["params"] <= 3000 for one in record.trials)
    assert "7 candidates (7 complete)" in run("resume", "new", "--trials", "7", "--quiet")
    assert run("report", "new") == "new/report.html\n"
    assert run("report", "new", "-o", "there/page.html") == "there/page.html\n"
    written = strict(run("export", "new", "--best", "macs", "-o", "small.py", "--json"))
    front = nas.open_search("new").front()
    assert written["trial"] == min(front.members, key=lambda one: one.costs["macs"]).number
    assert written["verified"] is True
    assert written["trained"] is False
    assert (home / "small.pt").exists()


def test_an_experiment_file_and_options_over_it(run: Any, home: Path) -> None:
    (home / "my.yaml").write_text(
        "space: narrow.yaml\ntask: my_task.py:make\ntrials: 40\nbudget: {epochs: 3}\ndirectory: results\n"
    )
    run("search", "my.yaml", "--trials", "3", "--quiet")
    assert len(nas.open_search("results").record().trials) == 3
    run("search", "my.yaml", "--trials", "2", "--seed", "1", "--quiet", "--fresh")
    assert nas.open_search("results").record().seed == 1


def test_a_control_is_told_at_the_end_of_its_search(run: Any) -> None:
    def against_chance(*arguments: str) -> list[str]:
        return [line for line in run(*arguments).splitlines() if line.startswith("against chance: ")]

    searched = against_chance(*SEARCH, "--trials", "5", "--control", "8", "-d", "held")
    assert searched == ["against chance: " + ITSELF], "all five were drawn as the eight were"
    assert searched == against_chance("front", "held")
    assert against_chance("resume", "run", "--control", "8", "--quiet") == against_chance("front", "run") != []


def test_the_frontier_in_every_form(run: Any, home: Path) -> None:
    table = run("front", "run")
    assert "◆" in table
    assert "hypervolume" in table
    members = nas.open_search("run").front().members
    rows = list(csv.DictReader(io.StringIO(run("front", "run", "--csv"))))
    assert [int(row["number"]) for row in rows] == [one.number for one in members]
    for suffix in ("csv", "json", "txt", "svg", "png", "pdf"):
        assert run("front", "run", "-o", f"out/front.{suffix}") == f"out/front.{suffix}\n"
        assert (home / "out" / f"front.{suffix}").stat().st_size > 100


def test_a_confirmation_says_what_it_measured(run: Any) -> None:
    out = run("confirm", "run", "--seeds", "2", "--quiet")
    assert "accuracy (validation)" in out
    assert "(test)" not in out
    assert "2 seeds each; mean ± standard deviation. This task has no test split" in out
    assert "nan" not in out


def test_spaces_are_shown(run: Any, home: Path) -> None:
    assert "acceptance  100.0% of 20 draws" in run("check", "narrow.yaml", "--draws", "20")
    assert "features=40" in run("check", "narrow.yaml", "--sizes", "features=40,targets=2", "--draws", "5")
    assert "features=8, targets=3" in run("check", "narrow.yaml", "--task", "my_task.py:make", "--draws", "5")
    shown = run("show", "narrow.yaml", "--set", "depth=2", "--set", "width=5", "--svg", "a.svg")
    assert "linear(" in shown
    assert "width = 5" in shown
    assert (home / "a.svg").read_text().startswith("<svg")
    assert "class Model(nn.Module)" in run("show", "narrow.yaml", "--code")
    assert "depth = 2" in run("show", "mlp", "--seed", "mnist1d-baseline")
    assert run("show", "mlp", "--seed", "3") != run("show", "mlp", "--seed", "4")
    assert len(run("sample", "narrow.yaml", "-n", "4").splitlines()) == 4


PUBLISHED = """
space: published
inputs: {x: [features]}
outputs: [targets]
sizes: {features: 8, targets: 4}
choose: {width: [2, 16]}
model: |
  lost = linear(x, 100)
  z = batch_norm(linear(x, width, bias=False), affine=False)
  return linear(z, targets)
seeds:
  small: {width: 2}
  large: {width: 16, sizes: {features: 784}}
"""


def test_a_published_design_is_shown_at_its_sizes(run: Any, home: Path) -> None:
    (home / "published.yaml").write_text(PUBLISHED)
    small = run("show", "published.yaml", "--seed", "small")
    assert "28 trainable parameters, 0 frozen, 900 allocated but unused, 5 in buffers" in small
    large = 784 * 16 + 16 * 4 + 4
    assert f"{large:,} trainable parameters, 0 frozen, 78,500 allocated" in run(
        "show", "published.yaml", "--seed", "large"
    )
    here = run("show", "published.yaml", "--seed", "large", "--task", "my_task.py:make")
    assert f"{8 * 16 + 16 * 3 + 3} trainable" in here
    described = strict(run("show", "published.yaml", "--seed", "large", "--sizes", "features=2", "--json"))
    assert described["costs"]["params"] == 2 * 16 + 16 * 4 + 4
    assert described["unused_params"] == 300


def test_families_are_listed_apart(run: Any, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = home / "shipped"
    (folder / "families").mkdir(parents=True)
    (folder / "mine.yaml").write_text(PUBLISHED)
    (folder / "families" / "theirs.yaml").write_text(PUBLISHED.replace("space: published", "space: x\nsource: them"))
    monkeypatch.setattr("nas.space.loading.files", lambda package: folder)
    first, _, second = run("spaces").partition("\nPublished families")
    assert "mine" in first and "theirs" in second and "them" in second
    assert list(strict(run("spaces", "--json"))) == ["mine", "theirs"]
    assert run("show", "theirs", "--seed", "small") == run("show", "families/theirs", "--seed", "small")


def test_samplers_and_what_they_ask_for(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nas.study.samplers.ray_tune._installed", lambda package: package not in ("ax", "bayes_opt"))
    rows = strict(run("samplers", "--json"))
    assert set(rows) == {*SAMPLERS, *optuna_names(), *(f"ray:{name}" for name in SEARCHERS)}
    same = "only where every design has the same decisions"
    assert {name: row["accepts"] for name, row in rows.items() if row["accepts"]} == {
        "gp": same,
        "grid": "only where the designs can be counted",
        "nsga3": "only for 2 objectives and more",
        "bohb": "only with a stopping rule",
        "ray:hyperopt": f"{same}, for one objective",
        "ray:bayesopt": f"{same}, for one objective",
        "ray:optuna": same,
        "ray:ax": f"{same}, for one objective",
    }
    assert rows["nsga2"]["settings"] == "population: 12, crossover: 0.5"
    assert "population_size: 50, mutation_prob: null" in rows["optuna:NSGAIISampler"]["settings"]
    assert rows["ray:hyperopt"]["settings"] == "startup: 10, gamma: 0.25"
    assert {name for name, row in rows.items() if row["needs"]} == {"ray:ax", "ray:bayesopt"}
    assert rows["ray:ax"]["needs"] == "needs ax, which is not installed: pip install 'ax-platform==1.1.2'"
    assert "needs ax, which is not installed" in run("samplers")


ANY_SPACE = ["check", "show", "sample", "search", "resume", "front", "confirm", "report", "scores", "export"]


@pytest.mark.parametrize("command", COMMANDS)
def test_permission_to_run_code_is_asked_for_where_a_space_is_built(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main([command, "--help"])
    assert ("--allow-code" in capsys.readouterr().out) == (command in ANY_SPACE)


def test_listings(run: Any) -> None:
    assert "linear(x, n" in run("ops")
    assert "source:" in run("ops", "kan_linear") if "kan_linear" in run("ops") else True
    assert "residual-mlp" in run("spaces")
    assert "my_task.py:make" in run("tasks")
    assert "nsga2" in run("samplers")
    assert "ray:optuna" in run("samplers")
    assert "learning-curve" in run("stopping")


def test_without_a_command_there_is_help(run: Any) -> None:
    out = run()
    assert all(f"  {command}" in out for command in COMMANDS)


def test_version_and_help_end_well(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["--version"], ["--help"], *([command, "--help"] for command in COMMANDS)):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 0
        assert "nas" in capsys.readouterr().out


AS_IMAGE = """
space: as-image
inputs: {x: [height, width, channels]}
outputs: [targets, ways]
choose: {hidden: [3, 4, 5]}
model: |
  z = gelu(linear(flatten(x, into=targets), hidden))
  return split_axis(linear(z, targets * ways), targets, ways, into=[targets, ways])
"""


def test_a_task_of_fewer_axes_is_searched_confirmed_and_exported(run: Any, home: Path) -> None:
    (home / "as-image.yaml").write_text(AS_IMAGE)
    (home / "rows.csv").write_text("\n".join(["a,b,kind", *(f"{i % 7},{i % 5},{'xyz'[i % 3]}" for i in range(60))]))
    (home / "mine.yaml").write_text("space: as-image.yaml\ntask: {name: rows.csv, target: kind}\ndirectory: image\n")
    run("search", "mine.yaml", "--trials", "2", "--epochs", "1", "--quiet")
    search = nas.open_search("image")
    assert search.space.sizes == {"height": 2, "width": 1, "channels": 1, "targets": 3, "ways": 1}
    assert [trial.state for trial in search.record().trials] == ["complete"] * 2
    run("confirm", "image", "--seeds", "1", "--quiet")
    run("export", "image", "--knee", "-o", "model.py")
