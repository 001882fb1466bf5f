"""A search of an edited space, from files and on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from closed_form import write_space, write_task

import nas
from nas.cli import main
from nas.errors import ExperimentError, StudyError


@pytest.fixture
def old(tmp_path: Path) -> nas.Search:
    task = {"name": write_task(tmp_path), "pause": 0.0, "log": str(tmp_path / "log")}
    return nas.search(write_space(tmp_path), task=task, trials=12, seed=5, directory=str(tmp_path / "old"))


def edited(folder: Path) -> Path:
    """At most two layers, and wider ones."""
    path = folder / "wider.yaml"
    path.write_text((folder / "narrow.yaml").read_text().replace("[0, 3]", "[0, 2]").replace("[2, 64]", "[2, 80]"))
    return path


def test_an_edited_space_goes_on_from_what_was_found(tmp_path: Path, old: nas.Search) -> None:
    before = old.record()
    new = nas.search(edited(tmp_path), lineage=old.directory, trials=20, directory=str(tmp_path / "new"))
    record = new.record()
    carried = [one for one in record.trials if one.origin.startswith("carried over from narrow-on-my_task ")]
    deep = [one for one in before.trials if one.genotype["depth"] == 3]
    assert 0 < len(deep) < 12
    assert len(carried) == 12 - len(deep)
    assert len(record.trials) == 20
    assert len((tmp_path / "log").read_text().splitlines()) == 20 + len(deep), "carried ones were not trained again"
    assert record.name == "wider-from-narrow-on-my_task"
    assert record.seed == 5, "the earlier settings hold where nothing else is said"


def test_weights_are_carried_along(tmp_path: Path, old: nas.Search) -> None:
    kept = next(one.number for one in old.record().trials if one.genotype["depth"] < 3)
    (old.directory / "weights").mkdir(exist_ok=True)
    (old.directory / "weights" / f"{kept}.pt").write_bytes(b"as they were")
    new = nas.search(edited(tmp_path), lineage=old.directory, trials=13, directory=str(tmp_path / "new"))
    here = next(one.number for one in new.record().trials if one.origin.endswith(f" {kept}"))
    assert (new.directory / "weights" / f"{here}.pt").read_bytes() == b"as they were"


def test_on_the_command_line(tmp_path: Path, old: nas.Search, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["search", str(edited(tmp_path)), "--from", str(old.directory), "--trials", "14", "--quiet"]
    assert main([*command, "-d", str(tmp_path / "new")]) == 0
    said = capsys.readouterr().out
    deep = sum(one.genotype["depth"] == 3 for one in old.record().trials)
    assert f"carried over from narrow-on-my_task: {12 - deep} of 12 candidates\n" in said
    assert "left behind: `depth` is" in said


def test_not_into_itself(old: nas.Search) -> None:
    with pytest.raises(ExperimentError, match="cannot be carried over into itself; choose another directory"):
        nas.search(lineage=old.directory, directory=str(old.directory), fresh=True)
    assert len(old.record().trials) == 12


def test_from_nothing(tmp_path: Path, old: nas.Search) -> None:
    with pytest.raises(StudyError, match="none holds no study"):
        nas.search(edited(tmp_path), lineage=tmp_path / "none")
    (old.directory / "experiment.yaml").unlink()
    with pytest.raises(StudyError, match=r"old is incomplete: there is no experiment\.yaml in it"):
        nas.search(edited(tmp_path), lineage=old.directory)


def test_a_resume_with_an_edited_space_points_here(old: nas.Search) -> None:
    with (old.directory / "space.yaml").open("a") as file:
        file.write("# and more\n")
    with pytest.raises(StudyError, match=r"edited after the search began; .* nas search SPACE --from .*old"):
        nas.resume(old.directory)
