"""A search from end to end, on a closed form: settings in, a frontier, a report and a file of PyTorch out."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from closed_form import write_space, write_task

import nas
from nas.errors import ExperimentError, ParetoError, SpaceError, StudyError, WorkFailed
from nas.experiment import Experiment, Search, load_experiment
from nas.experiment.environment import read_environment
from nas.study.records import TrialRecord


@pytest.fixture
def task(tmp_path: Path) -> str:
    return write_task(tmp_path)


@pytest.fixture
def space(tmp_path: Path) -> Path:
    return write_space(tmp_path)


def facts(trials: tuple[TrialRecord, ...]) -> list[tuple[Any, ...]]:
    """All of a trial but the time it took."""
    return [(one.number, one.state, one.genotype, one.digest, one.seed, one.recipe, one.values) for one in trials]


def test_from_a_space_to_a_file_of_pytorch(tmp_path: Path, task: str) -> None:
    space = nas.load_space("mlp")
    search = nas.search(
        space,
        task=task,
        objectives=["maximize accuracy", "minimize params"],
        trials=12,
        budget={"epochs": 4},
        directory=str(tmp_path / "run"),
    )
    trials = search.record().trials
    assert [one.state for one in trials] == ["complete"] * 12
    assert len({one.digest for one in trials}) == 12
    front = search.front()
    assert "accuracy" in front.table()
    assert front.knee() in front.members
    page = search.report().read_text(encoding="utf-8")
    assert "class Model" in page
    assert "linear(" in page  # the outline
    written = search.export(front.knee(), tmp_path / "model.py")
    assert written.verified
    assert written.params == front.knee().costs["params"]
    text = (tmp_path / "model.py").read_text()
    assert "not trained" in text
    assert "task: my_task.py:make" in text
    assert str(tmp_path) not in text
    assert search.ended == ""
    assert read_environment(search.directory)["python"]


def test_going_on_is_as_if_it_had_never_stopped(tmp_path: Path, task: str, space: Path) -> None:
    def run(name: str, trials: int) -> Search:
        return nas.search(space, task=task, trials=trials, directory=str(tmp_path / name), seed=3, sampler="nsga2")

    run("parts", 5)
    resumed = nas.resume(tmp_path / "parts", trials=15)
    assert facts(resumed.record().trials) == facts(run("whole", 15).record().trials)
    assert nas.resume(tmp_path / "parts").record().trials == resumed.record().trials, "there was nothing left to do"


def test_a_total_below_what_there_is_is_refused(tmp_path: Path, task: str, space: Path) -> None:
    nas.search(space, task=task, trials=3, directory=str(tmp_path / "run"))
    with pytest.raises(ExperimentError, match=r"is a new total, and .* has 3 candidates already, got 2"):
        nas.resume(tmp_path / "run", trials=2)
    with pytest.raises(ExperimentError, match="`trials` is a whole number from 1, got 0"):
        nas.resume(tmp_path / "run", trials=0)
    assert len(nas.open_search(tmp_path / "run").record().trials) == 3


def test_the_objectives_are_the_headline_and_the_parameters_unless_said(tmp_path: Path, task: str, space: Path) -> None:
    search = nas.search(space, task=task, trials=2, directory=str(tmp_path / "run"))
    assert [str(one) for one in search.record().objectives] == ["maximize accuracy", "minimize params"]


def test_one_objective_and_constraints(tmp_path: Path, task: str, space: Path) -> None:
    search = nas.search(
        space,
        task=task,
        objectives="minimize loss",
        constraints=["params <= 200"],
        trials=6,
        directory=str(tmp_path / "r"),
    )
    trials = search.record().trials
    assert all(one.costs["params"] <= 200 for one in trials)
    assert len(search.front().members) == 1
    assert search.front().knee().metrics["loss"] == min(one.metrics["loss"] for one in trials)


def test_stopping_leaves_the_frontier_alone(tmp_path: Path, task: str, space: Path) -> None:
    stopping = {"rule": "pareto-halving", "rungs": [1, 2], "eta": 3}
    search = nas.search(
        space,
        task=task,
        objectives="minimize loss",
        stopping=stopping,
        budget={"epochs": 4},
        trials=15,
        directory=str(tmp_path / "run"),
    )
    states = [one.state for one in search.record().trials]
    assert set(states) == {"complete", "stopped"}
    assert search.front().knee().state == "complete"


def test_time_ends_a_search_and_it_says_so(tmp_path: Path, task: str, space: Path) -> None:
    search = nas.search(
        space,
        task={"name": task, "pause": 0.1},
        trials=50,
        hours=0.25 / 3600,
        directory=str(tmp_path / "run"),
    )
    done = len(search.record().trials)
    assert 1 <= done < 10
    assert all(one.state == "complete" for one in search.record().trials), "what runs is finished"
    assert search.ended.endswith(f"hours are over; go on with: nas resume {tmp_path / 'run'}")
    assert len(nas.resume(tmp_path / "run").record().trials) > done


def test_an_exhausted_space_ends_well(tmp_path: Path, task: str) -> None:
    file = write_space(tmp_path)
    file.write_text(file.read_text().replace("[2, 64]", "[2, 4]"))
    search = nas.search(file, task=task, trials=100, directory=str(tmp_path / "run"))
    assert len(search.record().trials) == 1 + 3 * 3
    assert search.ended.startswith("the space is exhausted")


def test_what_nobody_survives_is_a_record_too(tmp_path: Path, task: str, space: Path) -> None:
    search = nas.search(space, task={"name": task, "fail": "no such luck"}, trials=3, directory=str(tmp_path / "run"))
    assert [one.state for one in search.record().trials] == ["crashed"] * 3
    assert "no such luck" in search.record().trials[0].message
    with pytest.raises(ParetoError, match="no candidate is complete yet"):
        search.front()


# ---------------------------------------------------------------------- files and folders


def test_files_stand_beside_the_experiment_and_are_found_from_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    home.mkdir(), elsewhere.mkdir()
    write_task(home)
    write_space(home)
    (home / "points.csv").write_text("label,source,note,accuracy,params\nMLP,A paper,,0.7,1000\n")
    (home / "mine.yaml").write_text(
        "space: narrow.yaml\ntask: {name: 'my_task.py:make', pause: 0.0}\ntrials: 3\nbudget: {epochs: 2}\n"
        "published: points.csv\n"
    )
    monkeypatch.chdir(tmp_path)
    search = nas.search(experiment="home/mine.yaml")
    assert search.directory == Path("runs/mine")
    assert [point.label for point in search.published()] == ["MLP"]
    before = load_experiment("runs/mine/experiment.yaml")
    monkeypatch.chdir(elsewhere)
    resumed = nas.resume("../runs/mine", trials=5)
    assert len(resumed.record().trials) == 5
    assert [point.label for point in resumed.published()] == ["MLP"]
    assert "A paper" in resumed.report().read_text(encoding="utf-8")
    again = nas.search(experiment="../runs/mine/experiment.yaml", directory="again", trials=5)
    assert facts(again.record().trials) == facts(resumed.record().trials), "the snapshot is a whole experiment"
    after = load_experiment("again/experiment.yaml")
    assert (after.space, after.task, after.published) == (before.space, before.task, before.published)


def test_a_sampler_in_a_file_beside_the_experiment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    home.mkdir()
    write_task(home)
    write_space(home)
    (home / "my_sampler.py").write_text("import optuna\n\nclass Mine(optuna.samplers.RandomSampler):\n    pass\n")
    (home / "mine.yaml").write_text(
        "space: narrow.yaml\ntask: my_task.py:make\ntrials: 3\nbudget: {epochs: 1}\nsampler: my_sampler.py:Mine\n"
    )
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ExperimentError, match=r"this would run the Python file `.*my_sampler.py`; if you trust it"):
        nas.search(experiment="home/mine.yaml")
    nas.allow_code()
    try:
        search = nas.search(experiment="home/mine.yaml", directory=str(tmp_path / "run"))
        monkeypatch.chdir(home)
        assert len(nas.resume(tmp_path / "run", trials=5).record().trials) == 5
        given = nas.search(experiment="mine.yaml", sampler={"name": "my_sampler.py:Mine"}, directory="given", trials=5)
    finally:
        nas.allow_code(False)
    assert facts(given.record().trials) == facts(search.record().trials)


def test_what_is_given_beside_a_file_starts_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "home").mkdir()
    write_space(tmp_path / "home")
    write_task(tmp_path)
    (tmp_path / "home" / "mine.yaml").write_text("space: narrow.yaml\ntask: digits\ntrials: 2\n")
    monkeypatch.chdir(tmp_path)
    search = nas.search(experiment="home/mine.yaml", task="my_task.py:make", budget={"epochs": 1})
    assert search.record().task == f"{tmp_path / 'my_task.py'}:make"
    assert search.record().space_name == "narrow"


def test_the_snapshot_holds_every_setting(tmp_path: Path, task: str, space: Path) -> None:
    search = nas.search(space, task=task, trials=2, recipe={"lr": 1e-5}, directory=str(tmp_path / "run"))
    found = load_experiment(search.directory / "experiment.yaml")
    assert found.recipe["lr"] == 1e-5
    assert found.recipe["optimizer"] == "adamw"
    assert found.seed == 0
    assert found.objectives == ("maximize accuracy", "minimize params")
    assert found.experiment == "narrow-on-my_task"


def test_a_users_data_beside_the_experiment(tmp_path: Path) -> None:
    rows = [f"{i % 7},{i % 5},{'even' if i % 2 else 'odd'}" for i in range(60)]
    (tmp_path / "data.csv").write_text("\n".join(["a,b,kind", *rows]))
    write_space(tmp_path)
    (tmp_path / "mine.yaml").write_text(
        "space: narrow.yaml\ntask: {name: data.csv, target: kind}\ntrials: 2\nbudget: {epochs: 1}\n"
    )
    search = nas.search(experiment=tmp_path / "mine.yaml", directory=str(tmp_path / "run"))
    assert search.space.sizes == {"features": 2, "targets": 2}
    assert all(one.state == "complete" for one in search.record().trials)


def test_a_directory_is_one_searchs(tmp_path: Path, task: str, space: Path) -> None:
    def run(**settings: Any) -> Search:
        return nas.search(space, task=task, trials=2, directory=str(tmp_path / "run"), **settings)

    before = run().record().trials
    with pytest.raises(StudyError, match="already holds this search; go on with it"):
        run()
    with pytest.raises(StudyError, match=r"holds another study.*\n  seed: 0 there, 1 here"):
        run(seed=1)
    assert nas.open_search(tmp_path / "run").record().trials == before


def test_fresh_removes_a_search_and_nothing_else(tmp_path: Path, task: str, space: Path) -> None:
    def run(**settings: Any) -> Search:
        return nas.search(space, task=task, trials=2, directory=str(tmp_path / "run"), **settings)

    first = run()
    first.report()
    (tmp_path / "run" / "notes.txt").write_text("mine")
    with pytest.raises(ExperimentError, match="`nonsense` is neither a cost nor a metric"):
        run(objectives="minimize nonsense", fresh=True)
    assert first.record().trials, "what is wrong is found before anything is removed"
    second = run(seed=1, fresh=True)
    assert second.record().seed == 1
    assert (tmp_path / "run" / "notes.txt").read_text() == "mine"
    assert not (tmp_path / "run" / "report.html").exists()


def test_a_users_files_are_not_overwritten(tmp_path: Path, task: str, space: Path) -> None:
    (tmp_path / "experiment.yaml").write_text("space: narrow.yaml\ntask: my_task.py:make\ntrials: 2\n")
    with pytest.raises(StudyError, match=r"experiment\.yaml stands there already, and a search would overwrite it"):
        nas.search(experiment=tmp_path / "experiment.yaml", directory=str(tmp_path), fresh=True)
    assert "my_task.py:make" in (tmp_path / "experiment.yaml").read_text()


# ---------------------------------------------------------------------- recipes and mistakes


def test_a_spaces_recipe_goes_over_the_experiments(tmp_path: Path, task: str) -> None:
    file = write_space(tmp_path)
    file.write_text(file.read_text() + "recipe:\n  lr: 1e-2 if depth > 1 else 1e-3\n")
    search = nas.search(file, task=task, trials=8, recipe={"lr": 5.0, "batch_size": 7}, directory=str(tmp_path / "run"))
    for one in search.record().trials:
        assert one.recipe["lr"] == (1e-2 if one.genotype["depth"] > 1 else 1e-3)
        assert one.recipe["batch_size"] == 7


def test_a_wrong_recipe_of_a_space_is_found_before_the_search(tmp_path: Path, task: str) -> None:
    file = write_space(tmp_path)
    file.write_text(file.read_text() + "recipe:\n  lr: 0.0 - depth\n")
    with pytest.raises(SpaceError, match=r"narrow.yaml: recipe: `lr` is above 0"):
        nas.search(file, task=task, trials=8, directory=str(tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_a_search_needs_a_space_and_a_task() -> None:
    with pytest.raises(ExperimentError, match="a search needs a space"):
        nas.search(task="digits")
    with pytest.raises(ExperimentError, match="a search needs a task"):
        nas.search("mlp")
    with pytest.raises(ExperimentError, match="a search has no setting `trails`; did you mean `trials`"):
        nas.search("mlp", task="digits", trails=3)


def test_there_is_no_search(tmp_path: Path, task: str, space: Path) -> None:
    with pytest.raises(StudyError, match=r"holds no study: there is no study.json in it"):
        nas.resume(tmp_path)
    with pytest.raises(StudyError, match="holds no study"):
        nas.open_search(tmp_path)
    search = nas.search(space, task=task, trials=2, directory=str(tmp_path / "run"))
    with pytest.raises(StudyError, match="has 2 trials, numbered from 0; there is no trial 2"):
        search.trial(2)
    (search.directory / "space.yaml").write_text(space.read_text().replace("64", "65"))
    with pytest.raises(StudyError, match=r"space\.yaml was edited after the search began; put it back"):
        nas.resume(search.directory)
    (search.directory / "space.yaml").unlink()
    with pytest.raises(StudyError, match=r"is incomplete: there is no space\.yaml in it"):
        nas.resume(search.directory)
    (search.directory / "space.yaml").mkdir()
    with pytest.raises(StudyError, match=r"space\.yaml cannot be read"):
        nas.resume(search.directory)


def test_a_space_made_in_python_is_kept(tmp_path: Path, task: str) -> None:
    made = nas.load_space(write_space(tmp_path))
    (tmp_path / "narrow.yaml").unlink()
    search = nas.search(made, task=task, trials=2, directory=str(tmp_path / "run"))
    assert len(nas.resume(search.directory, trials=4).record().trials) == 4


def test_values_are_finite_json(tmp_path: Path, task: str, space: Path) -> None:
    search = nas.search(space, task=task, trials=3, directory=str(tmp_path / "run"))
    data = json.loads(search.front().to_json(), parse_constant=lambda name: pytest.fail(name))
    assert math.isfinite(data["hypervolume"])


def test_settings_can_be_an_experiment(tmp_path: Path, task: str, space: Path) -> None:
    settings = Experiment(space=str(space), task=task, trials=2, directory=str(tmp_path / "run"))
    assert len(nas.search(experiment=settings).record().trials) == 2
    with pytest.raises(ExperimentError, match="`trials` is a whole number from 1, got 0"):
        Experiment(trials=0)


def test_damaged_weights_are_named(tmp_path: Path, task: str, space: Path) -> None:
    search = nas.search(space, task=task, trials=2, directory=str(tmp_path / "run"))
    (search.directory / "weights").mkdir()
    (search.directory / "weights" / "0.pt").write_text("no weights")
    with pytest.raises(WorkFailed, match=r"0\.pt cannot be read: .*; remove it, and the trial is trained again"):
        search.weights(search.trial(0))
