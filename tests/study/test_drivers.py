"""Several drivers of one study in a database: nothing is lost, doubled, or heard from one who was given up."""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import toys
from a_driver import main as drive
from driving import create, evaluate, facts, run
from sqlalchemy import create_engine

from nas.errors import StudyError, WorkFailed
from nas.study import leases
from nas.study.candidate import Candidate, Outcome, Report
from nas.study.leases import LEASE_BEATS, Leases, alive
from nas.study.records import read_study
from nas.study.storage import forget, open_storage
from nas.study.study import Study
from nas.study.turn import turn_at

DRIVER = str(Path(__file__).with_name("a_driver.py"))
STOPPING = {"rule": "pareto-halving", "rungs": [10, 20], "eta": 2}


@pytest.fixture(autouse=True)
def no_heartbeat(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drivers beat when a test says so."""
    monkeypatch.setattr(leases, "HEARTBEAT_S", 1e6)


def join(folder: Path, driver: str, space: Any = None, **settings: Any) -> Study:
    """A driver of the study in `folder`'s database."""
    url = f"sqlite:///{folder / 'all.db'}"
    return create(
        folder / driver, space or toys.conditional(), **{"name": "x", "storage": url, "sampler": "random", **settings}
    )


def beat(study: Study, times: int = 1) -> None:
    for _ in range(times):
        study._ledger._leases.beat()  # type: ignore[union-attr]


def asked(study: Study) -> Candidate:
    candidate = study.ask()
    assert candidate is not None
    return candidate


def silence(study: Study) -> None:
    """From here on as if its process were dead: the lock of its directory is gone, and its record no longer changes."""
    study._lock.release()


# ---------------------------------------------------------------------- working together


@pytest.mark.parametrize("sampler", ["random", {"name": "tpe", "startup": 4}, "nsga2"])
def test_two_drivers_find_what_one_finds(tmp_path: Path, sampler: Any) -> None:
    """In turns, so that the order is the same: the numbers decide the seeds, and each knows what the other one knows."""
    settings: dict[str, Any] = {"sampler": sampler, "trials": 12, "budget": {"epochs": 30}, "stopping": STOPPING}
    with create(tmp_path / "alone", toys.conditional(), name="x", **settings) as study:
        run(study)
    with join(tmp_path, "a", **settings) as a, join(tmp_path, "b", **settings) as b:
        for i in range(12):
            run((a, b)[i % 3 == 0], most=1)
        assert a.ask() is None
        assert b.ask() is None
        assert a.n_finished == b.n_finished == 12
        assert facts(a.record()) == facts(b.record()) == facts(read_study(tmp_path / "alone"))
    assert (
        facts(read_study(tmp_path / "a")) == facts(read_study(tmp_path / "b")) == facts(read_study(tmp_path / "alone"))
    )


def test_each_hears_at_once_of_what_the_other_reports(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"trials": 9, "budget": {"epochs": 30}, "stopping": {**STOPPING, "eta": 4}}
    with join(tmp_path, "a", **settings) as a, join(tmp_path, "b", **settings) as b:
        first, second = asked(a), asked(b)
        assert second.number == 1
        assert a.report(first, Report(10, {"accuracy": 0.9}))
        b.report(second, Report(10, {"accuracy": 0.1}))
        assert set(b._knowledge.rungs.at(10)) == {0, 1}
        a.tell(first, Outcome("complete", {"accuracy": 0.9}))
        asked(b)
        assert list(b.finished) == [0]
        assert set(b._knowledge.rungs.finished) == {0}


def test_a_small_space_is_divided_without_rest(tmp_path: Path) -> None:
    with join(tmp_path, "a", toys.tiny(6)) as a, join(tmp_path, "b", toys.tiny(6)) as b:
        flying: list[tuple[Study, Candidate]] = []
        for study in [a, b] * 8:
            candidate = study.ask()
            if candidate is not None:
                flying.append((study, candidate))
        assert len({candidate.digest for _, candidate in flying}) == len(flying) == 11
        for study, candidate in flying:
            study.tell(candidate, evaluate(study, candidate))
    assert {trial.costs["params"] for trial in read_study(tmp_path / "a").trials} == set(range(10, 21))


def test_three_threads_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = f"sqlite:///{tmp_path / 'all.db'}"
    threads = [threading.Thread(target=drive, args=(str(tmp_path / str(i)), url, "15")) for i in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(int, capsys.readouterr().out.split())) == list(range(15)), "each was told once"
    trials = read_study(tmp_path / "0").trials
    assert [trial.number for trial in trials] == list(range(15))
    assert len({trial.digest for trial in trials}) == 15
    assert {trial.state for trial in trials} <= {"complete", "diverged"}


# ---------------------------------------------------------------------- drivers that are lost


def test_a_driver_that_ends_leaves_its_candidates_to_the_others(tmp_path: Path) -> None:
    with join(tmp_path, "a", trials=4) as a, join(tmp_path, "b", trials=4) as b:
        left = [asked(a), asked(a)]
        assert b.inherits() is None, "the other one is at it"
        a.close()
        beat(b)
        assert b.inherits() is True
        assert [asked(b), asked(b)] == left
        assert asked(b).number == 2


def test_a_silent_driver_loses_its_candidate_and_is_not_heard_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings: dict[str, Any] = {"trials": 3, "budget": {"epochs": 30}, "stopping": STOPPING}
    with join(tmp_path, "a", **settings) as a, join(tmp_path, "b", **settings) as b:
        late = asked(a)
        assert a.report(late, Report(10, {"accuracy": 0.2}))
        beat(b, LEASE_BEATS - 1)
        assert b.inherits() is None
        assert asked(b).number == 1, "not yet"
        beat(b)
        taken = asked(b)
        assert taken == late
        assert taken.edition == 1
        # The late one changes nothing, neither in the record nor in what anybody has learned.
        assert not a.report(late, Report(20, {"accuracy": 0.3}))
        assert not a.report(late, Report(5, {"accuracy": 0.3}))
        with caplog.at_level(logging.WARNING):
            a.tell(late, Outcome("complete", {"accuracy": 0.3}))
        assert caplog.messages == ["candidate 0 was taken over by another driver; its outcome here is dropped"]
        assert a.n_finished == 0
        assert a.trial(0).state == "running"
        assert set(a._knowledge.rungs.at(20)) == set()
        b.report(taken, Report(10, {"accuracy": 0.2}))
        b.tell(taken, Outcome("complete", {"accuracy": 0.9}))
        a.tell(late, Outcome("complete", {"accuracy": 0.3}))
        assert asked(a).number == 2, "it goes on with new ones"
        assert a.trial(0).values == (0.9, late.costs["params"])
        assert b.trial(0) == a.trial(0) == read_study(tmp_path / "a").trials[0]
        with pytest.raises(StudyError, match="candidate 0 was told already: complete"):
            b.tell(taken, Outcome("complete", {"accuracy": 0.8}))


def test_a_candidate_that_comes_back_is_another_edition(tmp_path: Path) -> None:
    with join(tmp_path, "a", trials=1) as a, join(tmp_path, "b", trials=1) as b:
        first = asked(a)
        beat(b, LEASE_BEATS + 1)
        asked(b)
        b.close()
        beat(a)
        again = asked(a)
        assert (first.edition, again.edition) == (0, 2)
        a.tell(first, Outcome("crashed", message="late"))
        assert a.n_finished == 0
        a.tell(again, Outcome("complete", {"accuracy": 0.5}))
        assert a.trial(0).state == "complete"


def test_a_driver_is_alive_while_its_count_moves(tmp_path: Path) -> None:
    with join(tmp_path, "a") as a, join(tmp_path, "b") as b:
        asked(a)
        for _ in range(3):
            beat(b, LEASE_BEATS - 1)
            assert b.inherits() is None
            beat(a)
        b._ledger._leases._seen.clear()  # type: ignore[union-attr]
        assert b.inherits() is None, "one who came after our last beat is alive"


def test_who_cannot_reach_the_database_judges_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with join(tmp_path, "a") as a, join(tmp_path, "b") as b:
        asked(a)
        beat(b)
        with monkeypatch.context() as patch:
            patch.setattr("nas.study.storage.Record.beats", lambda self: 1 / 0)
            for _ in range(3 * LEASE_BEATS):
                with pytest.raises(ZeroDivisionError):
                    beat(b)
        assert b.inherits() is None


def test_the_heartbeat_beats_by_itself_and_survives_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    counts: list[int | None] = []
    enough = threading.Event()

    class Board:
        def beat(self, driver: str, place: str, count: int | None) -> None:
            counts.append(count)
            if len(counts) == 2:
                raise OSError("no network")
            if len(counts) == 4:
                enough.set()

        def beats(self) -> dict[str, tuple[str, int | None]]:
            return {}

    monkeypatch.setattr(leases, "HEARTBEAT_S", 0.001)
    one = Leases(Board(), "here")
    one.begin()
    assert enough.wait(60)
    one.end()
    one.end()
    assert counts[:4] == [1, 2, 3, 4]
    assert counts[-1] is None
    assert None not in counts[:-1]


def test_a_killed_driver_in_the_same_directory_goes_on_at_once(tmp_path: Path) -> None:
    a = join(tmp_path, "a", trials=3)
    left = asked(a)
    silence(a)
    with join(tmp_path, "b", trials=3) as b:
        assert asked(b).number == 1
    with Study.open(tmp_path / "a", toys.conditional()) as again:  # type: ignore[arg-type]
        taken = asked(again)
        assert taken == left
        assert taken.edition == 1
        a.tell(left, Outcome("complete", {"accuracy": 0.1}))
        assert again.n_finished == 0
    a.close()


def test_a_driver_killed_in_another_process(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'all.db'}"
    killed = subprocess.run(
        [sys.executable, DRIVER, str(tmp_path / "a"), url, "8", "3"], stdout=subprocess.PIPE, check=False
    )
    assert killed.returncode == -signal.SIGKILL
    assert killed.stdout.split() == [b"0", b"1", b"2"]
    with join(tmp_path, "b", toys.tiny(300), name="shared", trials=8) as b:
        run(b)
        assert b.n_finished == 6
        assert b.inherits() is None
        beat(b, LEASE_BEATS + 1)
        run(b)
        assert b.inherits() is False
        assert [trial.state for trial in b.record().trials].count("running") == 0
        assert len({trial.digest for trial in b.record().trials}) == 8


# ---------------------------------------------------------------------- joining, and keeping out


@pytest.mark.parametrize(
    ("settings", "difference"),
    [
        ({"seed": 5}, "seed: 0 there, 5 here"),
        ({"space": toys.flat()}, "space: conditional there, flat here"),
        ({"budget": {"epochs": 7}}, r"budget: \{\} there, \{'epochs': 7\} here"),
    ],
)
def test_other_settings_do_not_join(tmp_path: Path, settings: dict[str, Any], difference: str) -> None:
    with join(tmp_path, "a", trials=5) as a:
        run(a, most=2)
        with pytest.raises(
            StudyError,
            match=rf"(?s)all.db already holds a study named `x` with other settings; to work on it together they must "
            rf"agree, for a search of its own choose another name. What differs:.*{difference}",
        ):
            join(tmp_path, "b", **settings)
        assert not (tmp_path / "b" / "study.json").exists()
    with join(tmp_path, "b", trials=7) as b:
        assert b.n_finished == 2, "the number of trials is each driver's own"
        assert run(b).n_finished == 7


def test_a_study_of_somebody_else_is_not_joined(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'all.db'}"
    join(tmp_path, "a").close()
    open_storage(url).create_new_study([], "theirs")
    with pytest.raises(StudyError, match=r"all.db already holds another study named `theirs`; choose another name"):
        join(tmp_path, "b", name="theirs")


def test_results_of_an_earlier_study_are_carried_over_once(tmp_path: Path) -> None:
    with create(tmp_path / "before", toys.conditional(), trials=4) as before:
        run(before)
    with (
        join(tmp_path, "a", lineage=tmp_path / "before") as a,
        join(tmp_path, "b", lineage=tmp_path / "before") as b,
    ):
        assert a.n_finished == b.n_finished == 4
    assert (tmp_path / "a" / "lineage.json").read_text() == (tmp_path / "b" / "lineage.json").read_text()


def test_a_study_at_work_is_not_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"sqlite:///{tmp_path / 'all.db'}"
    forget(url, "x", "here")
    with join(tmp_path, "a") as a:
        monkeypatch.setattr("time.sleep", lambda _: beat(a))
        with pytest.raises(
            StudyError, match=r"others are at work on the study `x` in .*all.db: .*:.*/a; stop them first"
        ):
            forget(url, "x", "here")
        monkeypatch.setattr("time.sleep", lambda _: None)
        forget(url, "x", "here")
        assert open_storage(url).get_all_studies() == []
        with pytest.raises(WorkFailed, match=r"the study is gone: somebody removed it from .*all.db"):
            a.ask()
    assert alive(dict, "here") == []


# ---------------------------------------------------------------------- the turn


def test_a_turn_is_one_drivers(tmp_path: Path) -> None:
    """With the turn of another held, nobody asks; whatever is raised inside, the turn ends."""
    turn = turn_at(f"sqlite:///{tmp_path / 'all.db'}", "x")
    order = []
    with join(tmp_path, "a") as a:

        def ask() -> None:
            asked(a)
            order.append("asked")

        waiting = threading.Thread(target=ask)

        def fail_in_a_turn() -> None:
            with turn():
                waiting.start()
                waiting.join(0.2)
                order.append("turn")
                raise KeyError

        with pytest.raises(KeyError):
            fail_in_a_turn()
        waiting.join()
        assert order == ["turn", "asked"]


def test_databases_without_a_file_have_turns_without_a_lock(tmp_path: Path) -> None:
    for place in ("sqlite://", "oracle://host/x", tmp_path / "journal.log"):
        with turn_at(place, "x")(), turn_at(place, "x")():
            pass


def test_a_number_that_two_wrote_is_the_first_ones(tmp_path: Path) -> None:
    """It takes a connection that breaks in the middle of a turn."""
    with join(tmp_path, "a", trials=3) as a, join(tmp_path, "b", trials=3) as b:
        a._ledger.catch_up()
        first = asked(b)
        second = a._proposed()
        assert second is not None
        assert first.number == second.number == 0
        run(b)
    with Study.open(tmp_path / "a", toys.conditional()) as again:  # type: ignore[arg-type]
        assert len(again.record().trials) == len(read_study(tmp_path / "b").trials) == 3


def test_a_database_that_is_gone_is_said(tmp_path: Path) -> None:
    a = join(tmp_path, "a", trials=3)
    candidate = asked(a)
    (tmp_path / "all.db").write_bytes(b"no database")
    with pytest.raises(
        WorkFailed, match=r"all.db cannot be written: .*file is not a database.*What was told before is safe"
    ):
        a.tell(candidate, Outcome("complete", {"accuracy": 0.1}))
    a.close()


def test_a_server_that_gives_no_lock_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says NULL then, as MariaDB did for a time to wait that it does not know."""
    monkeypatch.setattr("nas.study.turn._TAKE", {"mysql": "SELECT NULL, :key"})
    monkeypatch.setattr("nas.study.turn._SETUP", {"mysql": ()})
    monkeypatch.setattr("sqlalchemy.create_engine", lambda *_, **__: create_engine("sqlite://"))
    turn = turn_at("mysql://host/x", "x")
    with pytest.raises(OSError, match="the database does not give the lock of the study's turn"), turn():
        pass
    turn.close()
