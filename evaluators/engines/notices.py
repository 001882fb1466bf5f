"""What the log says of candidates that were to train together: each thing once."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from nas.study.candidate import Job

log = logging.getLogger(__name__)


class Notices:
    """Of one search, in its driver: what workers log, nobody sees.

    Args:
        together: of the evaluator, which trains several at once; None: it does not.
    """

    def __init__(self, together: Any | None) -> None:
        self._together = together
        self._said: set[str] = set()

    def of(self, jobs: Sequence[Job]) -> None:
        """Say who of these trains alone, and what of the others runs as their own layers."""
        if self._together is None or len(jobs) < 2:
            return
        for job in jobs:
            reason = self._together.why_alone(job)
            if reason:
                self._once(reason, f"candidate {job.number} trains alone, and so do others like it: {reason}")
            else:
                for name in self._together.own_layers(job):
                    self._once(name, f"`{name}` has no rule for cohorts; each candidate runs its own layer there")

    def _once(self, what: str, message: str) -> None:
        if what not in self._said:
            self._said.add(what)
            log.info(message)
