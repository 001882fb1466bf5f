"""The workers of a search and what each of them is doing.

A worker holds a list of candidates and hands over a message at a time, so that a decision to stop reaches it at the rung
where it was taken, and so that what it told is on record before it goes on.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from evaluators.engines.backend import Backend, CannotStart, WorkerFailed, WorkerLost, WorkerStarved
from evaluators.engines.engine import AskTell, Evaluates, Observer, longest_s, room
from evaluators.engines.notices import Notices
from nas.errors import WorkFailed
from nas.study.candidate import Job, Outcome, Report, State

# The driver looks up this often for interrupts and for workers that hang.
POLL_S = 1.0

# Without a single worker for this long, the search ends. A cluster that grows needs minutes for a new machine.
PLACE_S = 900.0

# A worker that does nothing and does not answer for so long is replaced.
LONGEST_PING_S = 30.0


@dataclass
class Flight:
    """A candidate that is being evaluated, or waits to be evaluated again.

    Args:
        answers: rung → what the study said, so that a second run of a lost candidate reports nothing twice.
        losses: workers that died with it, not counting those that went down with their machine.
        started: when its evaluation began, on the monotonic clock; 0: it has not.
        single: it was lost with others of its worker, one of which may have been the reason, so that its next worker has no
            other.
        alone: its worker was ended for want of memory, perhaps another's fault, so that it is evaluated again with no
            other on its machine.
    """

    candidate: Any
    job: Job
    answers: dict[int, bool] = field(default_factory=dict)
    losses: int = 0
    started: float = 0.0
    single: bool = False
    alone: bool = False


@dataclass(eq=False)
class Seat:
    """One worker's place.

    Args:
        worker: who sits there now; `node`: where.
        flights: what it was given and has not ended, by the numbers of its messages.
        taken: how many it was given since it last had none.
        heard: when it last said or was told something, on the monotonic clock.
    """

    number: int
    worker: Any = None
    node: str = ""
    flights: dict[int, Flight] = field(default_factory=dict)
    taken: int = 0
    heard: float = 0.0


class Fleet:
    """The workers of one search.

    Args:
        backend: where they live.
        workers, batch: of the engine; never more than their product are asked for and not told.
    """

    def __init__(self, backend: Backend, workers: int, batch: int | str, study: AskTell, observer: Observer) -> None:
        self.backend, self.batch = backend, batch
        self.study, self.observer = study, observer
        self.seats = [Seat(number) for number in range(workers)]
        self.starting: dict[Any, Seat] = {}
        self.idle: deque[Seat] = deque()
        self.again: deque[Flight] = deque()
        self.doubted: deque[Flight] = deque()
        self.flying: dict[Any, Seat] = {}
        self.longest: float | None = None
        self.told = 0
        self.notices = Notices(None)

    def fly(self, evaluator: Evaluates) -> None:
        """Ask, evaluate and tell until the study has nothing left and nothing is in flight."""
        self.backend.place(evaluator)
        self.longest = longest_s(evaluator)
        self.notices = Notices(getattr(evaluator, "together", None))
        waiting_since = time.monotonic()
        try:
            for seat in self.seats:
                self._fill(seat)
            while self._launch() or self.flying or self.again or self.doubted:
                for reference in self.backend.wait([*self.flying, *self.starting], POLL_S):
                    if reference in self.starting:
                        self._seated(reference)
                    else:
                        self._land(reference)
                self._give_up()
                if self.flying or self.idle:
                    waiting_since = time.monotonic()
                elif time.monotonic() - waiting_since > PLACE_S:
                    raise WorkFailed(
                        f"engine: {self.backend.name} found no place for a worker in {PLACE_S:g} s; resume with smaller ones"
                    )
        finally:
            for seat in self.seats:
                if seat.worker is not None:
                    self.backend.dismiss(seat.worker)

    # ------------------------------------------------------------------ workers

    def _fill(self, seat: Seat) -> None:
        """A new worker. Not Ray's own restart: that would not say which candidate was lost."""
        seat.worker = self.backend.hire()
        self.starting[self.backend.ready(seat.worker)] = seat

    def _seated(self, reference: Any) -> None:
        """A worker that cannot even start would otherwise look like a candidate that kills workers, again and again."""
        seat = self.starting.pop(reference)
        try:
            seat.node = self.backend.get(reference)
        except CannotStart as error:
            raise WorkFailed(f"engine: the workers of {self.backend.name} cannot start: {error}") from None
        except WorkerLost:
            self._fill(seat)  # others on its machine took too much, or its machine went down meanwhile
        else:
            self.idle.append(seat)

    def _vacate(self, seat: Seat) -> list[Flight]:
        """Take a worker away and start another; the flights it had."""
        self.backend.dismiss(seat.worker)
        flights = list(seat.flights.values())
        seat.flights.clear()
        self._fill(seat)
        return flights

    def _suspects(self, seat: Seat) -> list[Flight]:
        """Take a worker away; those of its flights that it may have failed with. The others wait for the next worker.

        Of several that one worker had, each is evaluated by itself before it is blamed.
        """
        flights = self._vacate(seat)
        if len(flights) == 1:
            return flights
        for flight in flights:
            flight.single = True
        self.again.extend(flights)
        return []

    def _give_up(self) -> None:
        """End workers that are stuck past their time: in a batch that never ends nobody looks at the clock."""
        if self.longest is None:
            return
        now = time.monotonic()
        for reference, seat in list(self.flying.items()):
            if now - seat.heard > self.longest * len(seat.flights):
                del self.flying[reference]
                for flight in self._suspects(seat):
                    self._end(flight, seat, "timeout", f"no answer in {self.longest:g} s; its worker was ended")

    # ------------------------------------------------------------------ candidates

    def _launch(self) -> bool:
        """Give every idle worker something to do; False: the study has nothing for now."""
        for _ in range(len(self.idle)):
            seat = self.idle.popleft()
            if self._must_wait(seat):
                self.idle.append(seat)
                continue
            if self.doubted and not self._is_well(seat):
                self._fill(seat)
                continue
            flights = [self.doubted.popleft()] if self.doubted else self._next_flights(self._room())
            if not flights:
                self.idle.append(seat)
                return False
            seat.taken = 0
            jobs = self._board(seat, flights)
            self._await(seat, self.backend.start(seat.worker, jobs))
        return True

    def _must_wait(self, seat: Seat) -> bool:
        """Whether something runs beside `seat` that one which may have taken too much memory must not meet."""
        beside = [one for other in self.seats if other.node == seat.node for one in other.flights.values()]
        return bool(beside) and (bool(self.doubted) or any(flight.alone for flight in beside))

    def _is_well(self, seat: Seat) -> bool:
        """Whether an idle worker lives: one that was ended before would be taken for the end of what it is given."""
        try:
            self.backend.get(self.backend.ready(seat.worker), LONGEST_PING_S)
        except WorkerLost:
            self.backend.dismiss(seat.worker)
            return False
        return True

    def _next_flights(self, count: int) -> list[Flight]:
        """At most `count`, or one that has to be by itself."""
        flights: list[Flight] = []
        while len(flights) < count:
            if self.again:
                if self.again[0].single:
                    return flights or [self.again.popleft()]
                flights.append(self.again.popleft())
            elif (candidate := self.study.ask()) is not None:
                flights.append(Flight(candidate, self.study.job(candidate)))
            else:
                break
        return flights

    def _board(self, seat: Seat, flights: list[Flight]) -> list[Job]:
        """Give flights to a worker; their jobs, for it to begin with."""
        now = time.monotonic()
        for number, flight in enumerate(flights, start=seat.taken):
            seat.flights[number] = flight
            new, flight.started = not flight.started, now
            if new:
                self.observer.started(flight.candidate, seat.number)
        seat.taken += len(flights)
        jobs = [flight.job for flight in flights]
        self.notices.of(jobs)
        return jobs

    def _await(self, seat: Seat, reference: Any) -> None:
        self.flying[reference] = seat
        seat.heard = time.monotonic()

    def _land(self, reference: Any) -> None:
        """Take what a worker sent: a report is answered, an outcome told, a death made good once."""
        seat = self.flying.pop(reference)
        try:
            number, got = self.backend.get(reference)
        except WorkerFailed as error:
            for flight in self._suspects(seat):
                self._end(flight, seat, "crashed", f"the worker failed: {error}")
        except WorkerStarved:
            self._too_much(seat)
        except WorkerLost as error:
            self._lost(seat, error)
        else:
            if isinstance(got, Report):
                self._await(seat, self.backend.advance(seat.worker, self._answer(seat, number, got)))
            else:
                self._finish(seat, number, got)

    def _answer(self, seat: Seat, number: int, report: Report) -> bool:
        flight = seat.flights[number]
        if report.rung not in flight.answers:
            flight.answers[report.rung] = self.study.report(flight.candidate, report)
            self.observer.reported(flight.candidate, report, seat.number)
        return flight.answers[report.rung]

    def _finish(self, seat: Seat, number: int, outcome: Outcome) -> None:
        flight = seat.flights.pop(number)
        most = self._room()
        if not seat.flights:
            self._tell(flight, seat, outcome)
            self.idle.append(seat)
            return
        free = most - len(seat.flights)
        if free < most / 2 or self._by_itself(seat):
            self._await(seat, self.backend.advance(seat.worker, True))  # it need not wait for the record
            self._tell(flight, seat, outcome)
            return
        self._tell(flight, seat, outcome)
        more = [] if self.again or self.doubted else self._next_flights(free)
        self._await(seat, self.backend.advance(seat.worker, True, self._board(seat, more)))

    def _room(self) -> int:
        return room(self.batch, self.told, len(self.seats))

    @staticmethod
    def _by_itself(seat: Seat) -> bool:
        return any(flight.single or flight.alone for flight in seat.flights.values())

    def _lost(self, seat: Seat, error: WorkerLost) -> None:
        """A worker died. Its candidate is blamed the second time, unless the machine went down with it."""
        node = seat.node
        for flight in self._suspects(seat):
            flight.losses += self.backend.lives(node)
            if flight.losses < 2:
                (self.doubted if flight.alone else self.again).append(flight)
            else:
                said = f"two workers died evaluating it; the second: {error}"
                self._end(flight, seat, "crashed", said)

    def _too_much(self, seat: Seat) -> None:
        """A worker was ended, and perhaps others with it, as memory ran out; who took it shows when each runs alone."""
        flights = self._vacate(seat)
        for flight in flights:
            if flight.alone:
                said = f"alone on its machine it took so much memory that {self.backend.name} ended it"
                self._end(flight, seat, "out_of_memory", said)
            else:
                flight.alone = True
                self.doubted.append(flight)

    def _end(self, flight: Flight, seat: Seat, state: State, message: str) -> None:
        """Tell an outcome that the worker could not."""
        self._tell(flight, seat, Outcome(state, seconds=time.monotonic() - flight.started, message=message))

    def _tell(self, flight: Flight, seat: Seat, outcome: Outcome) -> None:
        self.study.tell(flight.candidate, outcome)
        self.told += 1
        self.observer.finished(flight.candidate, outcome, seat.number)
