"""How well rungs predict the end: against scipy, and said in words where they do not."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import toys
from driving import create
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from nas.pareto.report.sections import outcomes
from nas.pareto.terminal import rungs_note
from nas.study.candidate import Outcome, Report
from nas.study.correlation import RungCorrelation, rung_correlations, spearman, warning
from nas.study.records import StudyRecord

PAIRS = st.lists(st.tuples(*[st.integers(0, 6).map(float)] * 2), min_size=3, max_size=30)


@given(PAIRS)
def test_it_is_spearmans(pairs: list[tuple[float, float]]) -> None:
    first, second = zip(*pairs, strict=True)
    found = spearman(pairs)
    if len(set(first)) == 1 or len(set(second)) == 1:
        assert found is None
    else:
        assert found == pytest.approx(spearmanr(first, second).statistic)


def record_of(directory: Path, n: int = 20, stopping: Any = "none", first: float = 0.0) -> StudyRecord:
    """Rung 2 tells nothing of the end (or a little: `first`), rung 6 everything; the goal has a cost as well."""
    rng = random.Random(1)
    with create(directory, toys.conditional(), sampler="random", budget={"epochs": 10}, stopping=stopping) as study:
        for _ in range(n):
            candidate = study.ask()
            assert candidate is not None
            end = rng.random()
            for rung, value in ((2, first * end + rng.random()), (6, end**3), (10, end)):
                study.report(candidate, Report(rung, {"accuracy": value}))
            study.tell(candidate, Outcome("complete", {"accuracy": end}))
        candidate = study.ask()
        assert candidate is not None
        study.report(candidate, Report(2, {"accuracy": 9.0}))
        study.tell(candidate, Outcome("stopped", {"accuracy": 9.0}))
        return study.record()


def test_each_rung_is_compared_with_the_end(tmp_path: Path) -> None:
    record = record_of(tmp_path)
    early, late = rung_correlations(record)
    done = [trial for trial in record.trials if trial.state == "complete"]
    pairs = [(trial.curve[0].metrics["accuracy"], trial.metrics["accuracy"]) for trial in done]
    assert early == RungCorrelation("accuracy", 2, spearman(pairs) or 0, 20)
    assert late == RungCorrelation("accuracy", 6, pytest.approx(1.0), 20)  # type: ignore[arg-type]
    assert early.is_weak and not late.is_weak
    ruled = record_of(tmp_path / "ruled", stopping={"rule": "median", "rungs": [6], "grace": 50})
    assert [one.rung for one in rung_correlations(ruled)] == [6], "the rule's own rungs are what matters"


def test_a_warning_says_which_rung_misleads(tmp_path: Path) -> None:
    note = rungs_note(record_of(tmp_path / "a"))
    assert note.startswith("rank correlation of the rungs with the end: accuracy at 2: ")
    assert (
        "accuracy at 6: 1.00 (n 20)\nwarning: early values do not predict the final ones: accuracy at rung 2 (" in note
    )
    assert note.count("accuracy at rung") == 1
    few = record_of(tmp_path / "b", n=9)
    assert rung_correlations(few)[0].n == 9
    assert "warning" not in rungs_note(few), "nine are too few to say so"
    assert "warning" not in rungs_note(record_of(tmp_path / "c", first=9.0))
    many = record_of(tmp_path / "e")
    every = [
        replace(trial, curve=tuple(Report(rung, {"accuracy": rung * trial.metrics["accuracy"]}) for rung in range(20)))
        for trial in many.trials
    ]
    assert rungs_note(replace(many, trials=tuple(every))).count(": accuracy at") == 1
    assert rungs_note(replace(many, trials=tuple(every))).count("(n 20)") == 4, "a few say it as well as all"
    assert warning(()) == "" == rungs_note(record_of(tmp_path / "d", n=2))


def test_the_report_shows_them(tmp_path: Path) -> None:
    html = outcomes(record_of(tmp_path / "a"))
    assert "How the rungs predict the end" in html
    assert "<td class=n>1.00</td><td class=n>20</td>" in html
    assert "<b>Warning:</b> early values do not predict the final ones: accuracy at rung 2" in html
    assert "How the rungs" not in outcomes(record_of(tmp_path / "b", n=1))
