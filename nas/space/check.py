"""A space is checked before any search: every branch of every choice is built, numbers at their extremes."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random as Generator

from nas.errors import Fault, NasError, SpaceError
from nas.space.deciders import Random, Replay
from nas.space.domains import Categorical, Domain, Value
from nas.space.run import Rejected
from nas.space.space import NothingAccepted, Space

DRAWS = 500
TRIES = 400  # to build one branch that the draws did not reach
FIRST_TRIES = 40  # before the other branches have their turn
MAX_SHOWN = 200  # characters of the genotype beside a fault
MOST_BRANCHES = 2_000
SECONDS = 20.0
FRUITLESS = 10  # draws in a row that show nothing but faults known already
MISFIT = "the pieces do not fit"


@dataclass
class Check:
    """What a check found.

    Args:
        draws, accepted: of the random draws.
        reasons: how often each rule rejected a draw.
        unreached: branches that no accepted candidate was found for, with the rule that stood in the way most often.
        branches: how many branches were looked at.
        capped: accepted draws whose solved value is the largest of its range.
    """

    draws: int = 0
    accepted: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    unreached: list[tuple[str, Value, str]] = field(default_factory=list)
    branches: int = 0
    capped: int = 0

    @property
    def acceptance(self) -> float:
        return self.accepted / max(self.draws, 1)


def check(space: Space, draws: int = DRAWS, seed: int = 0, seconds: float = SECONDS) -> Check:
    """Build many candidates, and at least one for every branch where one can be found.

    Args:
        draws: random candidates to build; `seconds`: after this time the check ends with what it has seen.
    Raises: SpaceError: with every place where the pieces do not fit, each with a genotype that shows it; or nothing is
        accepted; or a seed is not a member of the space.
    """
    return _Checker(space, seed, time.monotonic() + seconds).run(draws)


class _Checker:
    def __init__(self, space: Space, seed: int, end: float) -> None:
        self.space = space
        self.end = end  # of the time for it
        self.rng = Generator(seed)
        self.found = Check()
        self.faults: dict[str, Fault] = {}
        self.accepted: set[tuple[str, Value]] = set()
        self.misfits: set[tuple[str, Value]] = set()  # branches that showed a fault
        self.reasons: dict[tuple[str, Value], Counter[str]] = {}  # why the tries at a branch were rejected
        self.seen: dict[tuple[str, Value], tuple[str, Mapping[str, Value], Domain]] = {}

    def run(self, draws: int) -> Check:
        fruitless = 0
        while self.found.draws < draws and fruitless < FRUITLESS and not self._late():
            self.found.draws += 1
            before = len(self.faults)
            outcome = self._build({})
            if outcome is None:
                self.found.accepted += 1
            else:
                self.found.reasons[outcome] += 1
            known = bool(self.faults) and len(self.faults) == before and outcome == MISFIT
            fruitless = fruitless + 1 if known else 0
            if not self.seen:  # there is nothing to decide
                break
        self._branches()
        self.found.branches = len(self.seen)
        self._seeds()
        if self.faults:
            raise SpaceError(*self.faults.values())
        if not self.accepted and not self.found.accepted:
            self.space.sample(self.rng)  # raises, and says which rules reject
        return self.found

    def _late(self) -> bool:
        return time.monotonic() > self.end

    def _build(self, wanted: Mapping[str, Value]) -> str | None:
        """Build with some values wanted; None where the candidate is accepted, else what rejected it."""
        decider = _Watched(Replay(wanted, Random(self.rng), lenient=True))
        try:
            built = self.space.build(decider, strict=True)
        except Rejected as rejected:
            self._note(decider)
            return rejected.rule
        except NasError as problem:
            self._note(decider)
            return self._misfit(problem, decider.genotype)
        self._note(decider)
        for path, value in decider.genotype.items():
            self.accepted.add((_place(path), value))
        self.found.capped += built.capped and not wanted
        return None

    def _misfit(self, problem: NasError, genotype: Mapping[str, Value]) -> str:
        shown = _shown(genotype)
        for fault in problem.faults:
            where = str(fault.place and (fault.place.line, fault.place.column))
            message = f"{fault.message}\n(with {shown})" if shown else fault.message
            # sizes and words differ from draw to draw: one fault a place and kind of message is enough
            kind = re.sub(r"\d+|'[^']*'", "", fault.message)
            self.faults.setdefault(where + kind, Fault(message, fault.place))
        return MISFIT

    def _note(self, decider: _Watched) -> None:
        """Remember, for every branch of the decisions met, a genotype that leads there."""
        for path, domain in decider.domains.items():
            for value in _branches(domain):
                self.seen.setdefault((_place(path), value), (path, decider.genotype, domain))

    def _branches(self) -> None:
        """Build the branches that no draw was accepted with: all of them briefly, what then remains at length."""
        for tries in (FIRST_TRIES, TRIES - FIRST_TRIES):
            tried: set[tuple[str, Value]] = set()
            while len(tried) < MOST_BRANCHES:
                done = self.accepted | tried | self.misfits
                missing = [key for key in self.seen if key not in done]
                if not missing:
                    break
                for key in missing:
                    tried.add(key)
                    if key not in self.accepted and not self._late():
                        self._reach(key, tries)
                if self._late():
                    break
        for key, reasons in self.reasons.items():
            if key not in self.accepted and key not in self.misfits:
                self.found.unreached.append((*key, reasons.most_common(1)[0][0] if reasons else ""))

    def _reach(self, key: tuple[str, Value], tries: int) -> None:
        """Build one branch: near a genotype that came by, then with ever more left to chance."""
        path, genotype, _ = self.seen[key]
        reasons = self.reasons.setdefault(key, Counter())
        words = {p: v for p, v in genotype.items() if isinstance(v, str) and path.startswith(p.rpartition(".")[0])}
        for attempt in range(tries):
            kept: Mapping[str, Value] = genotype
            if attempt >= tries // 4:
                half = {p: v for p, v in genotype.items() if self.rng.random() < 0.5}
                kept = (words, half, {})[attempt % 3]
            before = len(self.faults)
            outcome = self._build({**kept, path: key[1]})
            if len(self.faults) > before:
                self.misfits.add(key)
            if key in self.accepted or key in self.misfits or self._late():
                return
            if outcome is not None:
                reasons[outcome] += 1

    def _seeds(self) -> None:
        for name, design in self.space.seeds.items():
            try:
                self.space.seed_space(name).replay(design, self.rng)
            except NothingAccepted as nothing:
                said = f"`{nothing.reasons.most_common(1)[0][0]}` rejects it"
            except NasError as problem:
                said = problem.faults[0].message
            else:
                continue
            place = self.space.program.seed_places.get(name)
            self.faults[f"seed {name}"] = Fault(f"the seed `{name}` is no member of the space: {said}", place)


class _Watched:
    """A decider that remembers what was asked and answered."""

    def __init__(self, decider: Replay) -> None:
        self.decider = decider
        self.genotype: dict[str, Value] = {}
        self.domains: dict[str, Domain] = {}

    def decide(self, path: str, domain: Domain) -> Value:
        self.domains[path] = domain
        self.genotype[path] = self.decider.decide(path, domain)
        return self.genotype[path]


def _place(path: str) -> str:
    """A path without loop indices and without where its block was called from: one place in the file."""
    return ".".join(re.sub(r"\[\d+\]|#\d+", "", path).split(".")[-2:])


def _shown(genotype: Mapping[str, Value]) -> str:
    """The first values of a genotype, as many as a person reads."""
    shown = ""
    for path, value in genotype.items():
        longer = f"{shown}, {path}={value}" if shown else f"{path}={value}"
        if len(longer) > MAX_SHOWN - 3:
            return f"{shown}, …" if shown else longer[: MAX_SHOWN - 1] + "…"
        shown = longer
    return shown


def _branches(domain: Domain) -> list[Value]:
    if isinstance(domain, Categorical):
        return list(domain.options)
    last = domain.nth(int(domain.size) - 1) if domain.size != float("inf") else domain.high
    return list(dict.fromkeys((domain.low, last)))
