"""Studies in PostgreSQL and in MariaDB, for real."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
import toys
from database_servers import mariadb, postgresql
from driving import create, facts, run
from optuna.distributions import FloatDistribution
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import create_engine, text

from nas.study.database import Database
from nas.study.records import read_study

DRIVER = str(Path(__file__).with_name("a_driver.py"))
# All connections but one's own, and how to end one.
OTHERS = {
    "postgresql": "SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND usename = 'nas'",
    "mysql": "SELECT id FROM information_schema.processlist WHERE id <> CONNECTION_ID() AND user = 'root'",
}
END = {"postgresql": "SELECT pg_terminate_backend({})", "mysql": "KILL {}"}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=[postgresql, mariadb])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    with request.param() as url:
        yield url


def test_four_drivers_lose_nothing_and_train_nothing_twice(url: str, tmp_path: Path) -> None:
    drivers = [
        subprocess.Popen(
            [sys.executable, DRIVER, str(tmp_path / str(i)), url, "500"], stdout=subprocess.PIPE, text=True
        )
        for i in range(4)
    ]
    told = [[int(line) for line in driver.communicate()[0].split()] for driver in drivers]
    assert [driver.returncode for driver in drivers] == [0] * 4
    records = [read_study(tmp_path / str(i)) for i in range(4)]
    trials = records[0].trials
    assert [trial.number for trial in trials] == list(range(500))
    assert all(trial.state != "running" for trial in trials)
    assert len({trial.digest for trial in trials}) == 500
    assert sorted(number for numbers in told for number in numbers) == list(range(500))
    assert all(len(numbers) > 20 for numbers in told), "all of them worked"
    assert all(record.trials == trials for record in records)


def test_connections_that_the_server_ends_are_made_anew(url: str, tmp_path: Path) -> None:
    settings = {"name": "broken", "trials": 6, "storage": url}
    with create(tmp_path / "a", toys.tiny(300), **settings) as study:
        run(study, most=3)
        end_connections(url)
        run(study)
    with create(tmp_path / "b", toys.tiny(300), name="whole", trials=6) as whole:
        run(whole)
    assert facts(read_study(tmp_path / "a")) == facts(read_study(tmp_path / "b"))


def test_long_texts_and_names_that_differ_little(url: str) -> None:
    """MySQL's own texts end at 64 KiB, and its names are one where only case, accents or blanks at the end differ."""
    storage = Database(url)
    studies = [storage.create_new_study([StudyDirection.MINIMIZE], name) for name in ("Wide", "wide", "wïde")]
    assert len(set(studies)) == 3
    params = {"block.k": 1.0, "block.K": 2.0, "blöck.k": 3.0, "α": 4.0}
    known = FloatDistribution(0.0, 1e6)
    now = datetime.now()
    template = FrozenTrial(
        -1, TrialState.RUNNING, None, now, None, params, dict.fromkeys(params, known), {}, {"long": "é" * 100_000}, {}, -1
    )  # fmt: skip
    trial = storage.create_new_trial(studies[0], template)
    storage.set_trial_system_attr(trial, "curve", ["x" * 300_000])
    storage.engine.dispose()
    again = Database(url)
    read = again.get_trial(trial)
    again.engine.dispose()
    assert read.params == params
    assert read.system_attrs == {"long": "é" * 100_000, "curve": ["x" * 300_000]}


def end_connections(url: str) -> None:
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        others = connection.execute(text(OTHERS[engine.name])).scalars().all()
        assert others
        for one in others:
            connection.execute(text(END[engine.name].format(one)))
    engine.dispose()
