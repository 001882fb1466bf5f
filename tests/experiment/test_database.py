"""A search whose record is in a database."""

from __future__ import annotations

from pathlib import Path

import pytest
from closed_form import write_space, write_task

import nas
from nas.cli import main
from nas.study.storage import open_storage


def test_a_relative_file_is_found_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    home.mkdir(), elsewhere.mkdir()
    write_task(home), write_space(home)
    (home / "mine.yaml").write_text(
        "space: narrow.yaml\ntask: my_task.py:make\ntrials: 4\nstorage: sqlite:///all.db\ndirectory: run\n"
    )
    monkeypatch.chdir(tmp_path)
    assert len(nas.search(experiment="home/mine.yaml").record().trials) == 4
    assert (home / "all.db").exists()
    assert not (tmp_path / "run" / "journal.log").exists()
    monkeypatch.chdir(elsewhere)
    assert len(nas.resume("../run", trials=6).record().trials) == 6


def test_the_same_as_with_a_journal(tmp_path: Path) -> None:
    task, space = write_task(tmp_path), write_space(tmp_path)
    url = f"sqlite:///{tmp_path / 'all.db'}"
    command = ["search", str(space), "--task", task, "--trials", "8", "--quiet"]
    assert main([*command, "--storage", url, "-d", str(tmp_path / "a")]) == 0
    assert main([*command, "-d", str(tmp_path / "b")]) == 0
    a, b = (nas.open_search(tmp_path / name).record().trials for name in "ab")
    assert [(one.genotype, one.seed, one.values) for one in a] == [(one.genotype, one.seed, one.values) for one in b]


def test_fresh_removes_the_study_from_the_database_and_no_other(tmp_path: Path) -> None:
    task, space = write_task(tmp_path), write_space(tmp_path)
    url = f"sqlite:///{tmp_path / 'all.db'}"

    def search(name: str, **settings: bool) -> nas.Search:
        return nas.search(
            space, task=task, trials=3, experiment=None, storage=url, directory=str(tmp_path / name), **settings
        )

    search("a")
    open_storage(url).create_new_study([], "of somebody else")
    assert len(search("a", fresh=True).record().trials) == 3
    names = sorted(study.study_name for study in open_storage(url).get_all_studies())
    assert names == ["narrow-on-my_task", "of somebody else"]


def test_a_second_search_joins_the_first(tmp_path: Path) -> None:
    """Each has a directory of its own, from which all results can be read; limits count what both found."""
    task, space = write_task(tmp_path), write_space(tmp_path)
    url = f"sqlite:///{tmp_path / 'all.db'}"
    command = ["search", str(space), "--task", task, "--quiet", "--storage", url]
    assert main([*command, "--trials", "3", "-d", str(tmp_path / "a")]) == 0
    assert main([*command, "--trials", "5", "-d", str(tmp_path / "b")]) == 0
    a, b = (nas.open_search(tmp_path / name).record().trials for name in "ab")
    assert a == b
    assert [trial.number for trial in b] == list(range(5))
    found = nas.resume(tmp_path / "a", trials=9, target_hypervolume=1e-9)
    assert len(found.record().trials) == 5
    assert "reached its target" in found.ended
