"""Four drivers on one study in PostgreSQL, for real."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from postgresql import server

from nas.study.records import read_study

DRIVER = str(Path(__file__).with_name("a_driver.py"))


@pytest.mark.slow
def test_four_drivers_lose_nothing_and_train_nothing_twice(tmp_path: Path) -> None:
    with server() as url:
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
