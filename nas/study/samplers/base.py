"""What a sampler is: something that proposes one design at a time from all that is known so far."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from nas.errors import ExperimentError
from nas.study.mirror import Mirror

if TYPE_CHECKING:
    from nas.space import Architecture, Space
    from nas.study.objectives import Goal


@dataclass(frozen=True)
class Proposal:
    """A design, and in `origin` where it came from, for people: `sampler`, `mutation of 12`, `crossover of 3 and 12`."""

    architecture: Architecture
    origin: str = "sampler"


Statistics = Callable[["Architecture"], Mapping[str, float]]
"""What can be known of a design before training beside its costs: name → number, the same names for every design, and the same
numbers for one design. `nan` says nothing."""


class Exhausted(Exception):
    """The sampler has no further design to propose."""


class Sampler(ABC):
    """Proposes designs. It keeps no state of its own that matters: equal mirror and seed give an equal proposal."""

    learns: ClassVar[bool] = True
    """Whether proposals that were refused are worth telling it."""

    statistics: Statistics | None = None
    """Given before the first proposal, to a sampler that may look at it or not; None: there is nothing."""

    @abstractmethod
    def propose(self, mirror: Mirror, seed: int) -> Proposal:
        """One design, new or not.

        Args:
            mirror: all that is known. Read only.
            seed: differs for every call of a study.
        Raises:
            Rejected: the design was refused by a rule of the space while it was built.
            Exhausted: there is none left.
        """


@dataclass(frozen=True)
class Setting:
    """A number that a user may set: its default, what it is, and its range, both ends included."""

    default: int | float
    doc: str
    low: float
    high: float = math.inf

    def checked(self, where: str, value: object) -> int | float:
        """`value`, if it is a number of the default's kind within the range.

        Raises: ExperimentError: it is not.
        """
        kind = "a whole number" if isinstance(self.default, int) else "a number"
        fits = isinstance(value, int) if isinstance(self.default, int) else isinstance(value, int | float)
        if isinstance(value, bool) or not fits or not self.low <= value <= self.high:  # type: ignore[operator]
            reach = f"of at least {self.low:g}" if self.high == math.inf else f"from {self.low:g} to {self.high:g}"
            raise ExperimentError(f"{where} is {kind} {reach} ({self.doc}), here stands {value!r}")
        return value  # type: ignore[return-value]


@dataclass(frozen=True)
class Argument:
    """What a class of somebody else's takes, by its own signature: a plain value, which it looks at itself."""

    default: Any

    def checked(self, where: str, value: object) -> Any:
        """`value`, if a file can hold it as it is. Raises: ExperimentError: it cannot."""
        if value is not None and not isinstance(value, bool | int | float | str):
            raise ExperimentError(f"{where} is a number, a word, true, false or null, here stands {value!r}")
        return value


@dataclass(frozen=True)
class SamplerEntry:
    """One line of the table of samplers.

    Args:
        name: in an experiment file.
        summary: one sentence for `nas samplers`.
        make: builds it for a space and a goal from all its settings.
        settings: what a user may set.
        flat_only: it needs a space whose decisions are all read every time.
        finite_only: it needs a space that can be enumerated.
        n_objectives: how many it needs at least.
        needs_rungs: it learns from rungs, so that it needs a stopping rule.
    """

    name: str
    summary: str
    make: Callable[[Space, Goal, Mapping[str, Any]], Sampler]
    settings: Mapping[str, Setting | Argument] = field(default_factory=dict)
    flat_only: bool = False
    finite_only: bool = False
    n_objectives: int = 1
    needs_rungs: bool = False
