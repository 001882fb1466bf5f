"""A study's directory belongs to one study and one driver, and says so."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import toys
from driving import create, run

from nas.errors import StudyError
from nas.study.directory import Settings, read_settings, text_digest
from nas.study.records import read_study
from nas.study.study import Study


def test_what_stands_in_the_directory(tmp_path: Path) -> None:
    create(tmp_path / "deep" / "run", toys.flat(), trials=3, experiment="space: flat\n").close()
    names = sorted(path.name for path in (tmp_path / "deep" / "run").iterdir())
    assert names == ["experiment.yaml", "journal.log", "lock", "space.yaml", "study.json"]
    record = read_study(tmp_path / "deep" / "run")
    assert record.experiment_text == "space: flat\n"
    assert record.experiment["trials"] == 3
    assert record.trials == ()


def test_settings_read_back() -> None:
    settings = Settings(
        "n", "t", ("a",), ("maximize a",), (), {"name": "tpe"}, {"rule": "none"}, {"epochs": 3}, {}, 7, None, "s", "d"
    )
    assert Settings.from_json(json.loads(json.dumps(settings.to_json()))) == settings


def test_a_directory_is_not_shared_by_two_studies(tmp_path: Path) -> None:
    create(tmp_path, toys.flat(), trials=3).close()
    with pytest.raises(
        StudyError, match=r"already holds this search; go on with it \(`nas resume .*`\), start over \(--fresh"
    ):
        create(tmp_path, toys.flat(), trials=9)
    with pytest.raises(StudyError) as caught:
        create(tmp_path, toys.grammar(), trials=3, seed=5, objectives=["minimize params"], sampler="random")
    text = str(caught.value)
    assert "holds another study; choose another directory, or throw that one away (`--fresh`). What differs:" in text
    assert "objectives: maximize accuracy, minimize params there, minimize params here" in text
    assert "seed: 0 there, 5 here" in text
    assert "space: flat there, grammar here" in text


def test_another_space_does_not_go_on_with_a_study(tmp_path: Path) -> None:
    create(tmp_path, toys.flat()).close()
    with pytest.raises(
        StudyError, match=r"the space differs from the one .*They part at line 1:\n  space: flat\n  space: grammar"
    ):
        Study.open(tmp_path, toys.grammar())  # type: ignore[arg-type]
    again = toys.flat()
    again.text += "  \n\n"
    Study.open(tmp_path, again).close()  # type: ignore[arg-type]
    assert text_digest("a\nb\n") == text_digest("a  \r\nb") != text_digest("a\n b")


def test_no_study_there(tmp_path: Path) -> None:
    for use in (lambda at: read_study(at), lambda at: Study.open(at, toys.flat())):
        with pytest.raises(StudyError, match=r"nowhere holds no study: there is no study.json in it"):
            use(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text[:40], "study.json is damaged: it is not JSON"),
        (lambda text: text.replace('"format": 1', '"format": 99'), r"has the format 99, this version reads 1"),
        (lambda text: "[]", r"has the format None"),
        (lambda text: text.replace('"seed"', '"sead"'), r"study.json is damaged: missing 1 required .*'seed'"),
    ],
)
def test_damaged_settings(tmp_path: Path, change: Any, message: str) -> None:
    create(tmp_path, toys.flat()).close()
    path = tmp_path / "study.json"
    path.write_text(change(path.read_text()))
    with pytest.raises(StudyError, match=message):
        read_settings(tmp_path)


def test_settings_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "study.json").mkdir()
    with pytest.raises(StudyError, match=r"study.json cannot be read: Is a directory"):
        read_settings(tmp_path)


def test_a_record_without_its_study(tmp_path: Path) -> None:
    (tmp_path / "journal.log").write_text("")
    with pytest.raises(StudyError, match=r"has a journal.log but no study.json"):
        create(tmp_path, toys.flat())


def test_a_directory_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StudyError, match=r"cannot write the study's directory .*file/run: Not a directory"):
        create(tmp_path / "file" / "run", toys.flat())


def test_a_directory_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Path.open

    def refused(path: Path, mode: str = "r", *rest: Any, **named: Any) -> Any:
        if "r" not in mode and path.parent == tmp_path:
            raise PermissionError(13, "Permission denied")
        return real(path, mode, *rest, **named)

    monkeypatch.setattr(Path, "open", refused)
    with pytest.raises(StudyError, match=r"cannot write the study's directory .*: Permission denied"):
        create(tmp_path, toys.flat())


def test_a_disk_that_is_full_at_the_beginning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(StudyError, match=r"cannot write the study's directory .*: No space left on device"):
            create(tmp_path, toys.flat())
    create(tmp_path, toys.flat(), trials=1).close()


def test_a_second_driver_is_refused_until_the_first_is_gone(tmp_path: Path) -> None:
    study = create(tmp_path, toys.flat(), trials=2)
    with pytest.raises(StudyError, match=rf"is being driven by another process \(id {os.getpid()}\); wait for it"):
        Study.open(tmp_path, toys.flat())  # type: ignore[arg-type]
    assert read_study(tmp_path).trials == (), "reading needs no lock"
    study.close()
    run(Study.open(tmp_path, toys.flat())).close()  # type: ignore[arg-type]


def test_the_lock_dies_with_its_process(tmp_path: Path) -> None:
    create(tmp_path, toys.flat()).close()
    code = (
        "import os, sys; from pathlib import Path; from nas.study.directory import Lock\n"
        "lock = Lock(Path(sys.argv[1])); print('locked', flush=True); os.kill(os.getpid(), 9)"
    )
    driver = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False)
    assert (driver.stdout, driver.returncode) == ("locked\n", -9)
    Study.open(tmp_path, toys.flat()).close()  # type: ignore[arg-type]


def test_an_error_while_opening_gives_the_lock_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    create(tmp_path, toys.flat()).close()
    with monkeypatch.context() as patch:
        patch.setattr("nas.study.storage.Record.load", lambda self: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            Study.open(tmp_path, toys.flat())  # type: ignore[arg-type]
    Study.open(tmp_path, toys.flat()).close()  # type: ignore[arg-type]


def test_reading_does_not_write(tmp_path: Path) -> None:
    with create(tmp_path, toys.flat(), trials=2) as study:
        run(study)
        before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
        read_study(tmp_path)
        assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
