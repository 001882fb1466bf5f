"""The control of a study: random architectures that were trained as its candidates are, to the end. Its record, `control.json`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nas.errors import StudyError
from nas.study.candidate import Candidate, Outcome
from nas.study.directory import unwritable
from nas.study.entry import Entry
from nas.study.objectives import Goal
from nas.study.records import StudyRecord, trial_of

FILE = "control.json"
VERSION = 1
ORIGIN = "random"
"""Origin of candidates that chance proposed."""
SETTLED = ("complete", "diverged")
"""States that another training would come to again; what a full machine or a dying one took is tried again."""


@dataclass(frozen=True)
class Drawn:
    """An architecture of the control.

    Args:
        candidate: its number is its place in the control, from 0.
        outcome: how its training ended; None: it has not yet.
        of: number of the study's candidate whose outcome it is; None: it was trained for the control.
    """

    candidate: Candidate
    outcome: Outcome | None = None
    of: int | None = None

    @property
    def is_settled(self) -> bool:
        """Whether there is nothing left to train."""
        return self.outcome is not None and self.outcome.state in SETTLED

    def to_json(self) -> dict[str, Any]:
        outcome = None if self.outcome is None else self.outcome.to_json()
        return {"candidate": self.candidate.to_json(), "outcome": outcome, "of": self.of}


def write_drawn(drawn: Sequence[Drawn], directory: Path) -> None:
    """Write `control.json`, whole or not at all. Raises: StudyError: the directory cannot be written."""
    data = {"version": VERSION, "drawn": [one.to_json() for one in drawn]}
    draft = directory / f".{FILE}.new"
    try:
        draft.write_text(json.dumps(data, allow_nan=False) + "\n", encoding="utf-8")
        draft.replace(directory / FILE)
    except OSError as error:
        raise unwritable(directory, error) from None


def read_drawn(directory: Path) -> tuple[Drawn, ...]:
    """What `write_drawn` wrote; nothing where there is no control. Raises: StudyError: the file is damaged."""
    path = directory / FILE
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data["version"] != VERSION:
            raise ValueError(f"version {VERSION} is expected, got {data['version']!r}")
        return tuple(
            Drawn(
                Candidate.from_json(one["candidate"]),
                None if one["outcome"] is None else Outcome.from_json(one["outcome"]),
                one["of"],
            )
            for one in data["drawn"]
        )
    except FileNotFoundError:
        return ()
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StudyError(
            f"{path} is no control of a search ({type(error).__name__}: {error}); remove it, and it is made anew"
        ) from None


def read_control(record: StudyRecord) -> StudyRecord | None:
    """The control of the study of `record` as a study with the sampler `random`; None: it has none.

    Raises: StudyError: its file is damaged.
    """
    drawn = read_drawn(record.directory)
    if not drawn:
        return None
    goal = Goal(record.objectives, record.constraints)
    trials = tuple(
        trial_of(goal, Entry(replace(one.candidate, origin=ORIGIN), one.candidate.values, outcome=one.outcome))
        for one in drawn
    )
    return replace(record, trials=trials, counts={}, experiment={**record.experiment, "sampler": {"name": ORIGIN}})
