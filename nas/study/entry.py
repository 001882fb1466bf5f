"""What the durable record holds for one candidate, and how it is written down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from nas.space.domains import Domain
from nas.study.candidate import Candidate, Outcome, Report, Value
from nas.study.parameters import domain_from_json, domain_to_json

PassedKind = Literal["rejected", "infeasible", "duplicate"]


@dataclass(frozen=True)
class PassedOver:
    """A proposal that did not become a candidate, kept so that samplers learn from it after a resume too.

    Args:
        kind: `rejected` by a rule of the space; `infeasible`: a constraint on costs; `duplicate` of candidate `of`.
        values: parameter name → value; of a rejected one only the decisions it got to.
        origin: as a candidate's.
        rule: what refused it.
        costs: of an infeasible one.
    """

    kind: PassedKind
    values: dict[str, Value]
    origin: str = "sampler"
    rule: str = ""
    costs: dict[str, int] = field(default_factory=dict)
    of: int | None = None

    def to_json(self) -> dict[str, Any]:
        written = {key: value for key, value in self.__dict__.items() if value not in ("", None, {})}
        return {**written, "values": self.values}


@dataclass(frozen=True)
class Owner:
    """The driver that evaluates a candidate, of several that work on a study.

    Args:
        driver: a name that no other process has.
        place: `host:directory`, where its weights are.
        edition: how many drivers had the candidate before and were lost. What an earlier edition says counts no more.
    """

    driver: str
    place: str
    edition: int = 0


@dataclass(slots=True)
class Entry:
    """One candidate: what was asked, what was passed over to find it, and what came of it.

    Args:
        values: the candidate's genotype by parameter names.
        domains: of the parameter names first met here.
        passed_over: proposals before it, in order.
        counts: how many proposals were rejected, infeasible, duplicate on the way, those not kept included.
        owner: who evaluates it; None where a study has one driver.
    """

    candidate: Candidate
    values: dict[str, Value]
    domains: dict[str, Domain] = field(default_factory=dict)
    passed_over: tuple[PassedOver, ...] = ()
    counts: dict[str, int] = field(default_factory=dict)
    curve: list[Report] = field(default_factory=list)
    outcome: Outcome | None = None
    owner: Owner | None = None

    @property
    def edition(self) -> int:
        return 0 if self.owner is None else self.owner.edition

    def asked_to_json(self) -> dict[str, Any]:
        """All that is known when the candidate is asked for; outcome and curve are written later, each by itself."""
        paths = zip(self.values, self.candidate.genotype, strict=True)
        return {
            "candidate": self.candidate.to_json(),
            "names": {path: name for name, path in paths if name != path},
            "domains": {name: domain_to_json(domain) for name, domain in self.domains.items()},
            "passed_over": [passed.to_json() for passed in self.passed_over],
            "counts": self.counts,
        }

    @classmethod
    def from_json(
        cls,
        asked: Mapping[str, Any],
        curve: list[Any] | None,
        outcome: Mapping[str, Any] | None,
        owner: Mapping[str, Any] | None = None,
    ) -> Entry:
        """The inverse, from the pieces as they are written."""
        candidate = Candidate.from_json(asked["candidate"])
        names = asked["names"]
        return cls(
            candidate,
            {names.get(path, path): value for path, value in candidate.genotype.items()}
            if names
            else candidate.genotype,
            {name: domain_from_json(domain) for name, domain in asked["domains"].items()},
            tuple(PassedOver(**passed) for passed in asked["passed_over"]),
            dict(asked["counts"]),
            [Report.from_json(report) for report in curve or ()],
            None if outcome is None else Outcome.from_json(outcome),
            None if owner is None else Owner(**owner),
        )


@dataclass(frozen=True)
class Written:
    """One trial as far as we read it. `attributes` are its system attributes; `closed`: it is finished for Optuna."""

    trial_id: int
    closed: bool
    attributes: dict[str, Any]
