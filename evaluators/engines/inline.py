"""The engine of this process: one candidate after the other, for debugging and determinism."""

from __future__ import annotations

from dataclasses import dataclass

from evaluators.engines.engine import AskTell, Evaluates, Observer, Silent, Step
from nas.study.candidate import Report


@dataclass(frozen=True)
class Inline:
    """Evaluates in this process. An interrupt leaves the candidate in flight untold, for a resume to take up."""

    def run(self, study: AskTell, evaluator: Evaluates, observer: Observer | None = None) -> None:
        """Ask, evaluate and tell until the study has nothing left.

        Raises: NasError: of the study or the evaluator; candidates' failures are told, not raised.
        """
        watcher = observer or Silent()
        step = Step(evaluator)
        try:
            while (candidate := study.ask()) is not None:
                watcher.started(candidate, 0)
                got = step.start(study.job(candidate))
                while isinstance(got, Report):
                    go_on = study.report(candidate, got)
                    watcher.reported(candidate, got, 0)
                    got = step.advance(go_on)
                study.tell(candidate, got)
                watcher.finished(candidate, got, 0)
        finally:
            step.close()
