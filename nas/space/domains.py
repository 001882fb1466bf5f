"""The values a decision can take."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from random import Random
from typing import TypeGuard

Value = bool | int | float | str | None


def is_integer(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


@dataclass(frozen=True)
class Categorical:
    """One of `values`, with equal chances unless `weights` says otherwise."""

    options: tuple[Value, ...]
    weights: tuple[float, ...] | None = None

    @cached_property
    def size(self) -> int:
        return len(self.options)

    def values(self) -> Iterator[Value]:
        return iter(self.options)

    def nth(self, position: int) -> Value:
        """The value at `position` in the order of `values()`."""
        return self.options[position]

    def contains(self, value: object) -> bool:
        return any(value == known and type(value) is type(known) for known in self.options)

    def sample(self, rng: Random) -> Value:
        if self.weights is None:
            return self.options[int(rng.random() * len(self.options))]
        return rng.choices(self.options, self.weights)[0]

    def __str__(self) -> str:
        return "one of " + ", ".join(map(str, self.options))


@dataclass(frozen=True)
class Integer:
    """An integer from `low` to `high`, both included, in steps of `step`; `log` draws evenly over ratios."""

    low: int
    high: int
    step: int = 1
    log: bool = False

    @cached_property
    def size(self) -> int:
        return (self.high - self.low) // self.step + 1

    def values(self) -> Iterator[int]:
        return iter(range(self.low, self.high + 1, self.step))

    def nth(self, position: int) -> int:
        """The value at `position` in the order of `values()`."""
        return self.low + position * self.step

    def contains(self, value: object) -> bool:
        return is_integer(value) and self.low <= value <= self.high and (value - self.low) % self.step == 0

    def sample(self, rng: Random) -> int:
        if self.log:
            half = self.step / 2
            drawn = math.exp(rng.uniform(math.log(max(self.low - half, 0.5)), math.log(self.high + half)))
            return self.snap(drawn)
        return self.low + self.step * int(rng.random() * self.size)

    def snap(self, value: float) -> int:
        """The member nearest to `value`."""
        steps = round((value - self.low) / self.step)
        return self.low + self.step * min(max(steps, 0), self.size - 1)

    def __str__(self) -> str:
        return f"an integer from {self.low} to {self.high}" + (f" in steps of {self.step}" if self.step > 1 else "")


@dataclass(frozen=True)
class Real:
    """A number from `low` to `high`, in steps of `step` where that is given."""

    low: float
    high: float
    step: float | None = None
    log: bool = False

    @cached_property
    def size(self) -> float:
        if self.low == self.high:
            return 1
        return math.inf if self.step is None else math.floor((self.high - self.low) / self.step + 1e-9) + 1

    def values(self) -> Iterator[float]:
        """Every value. Raises: ValueError: there is no step, so there is no end."""
        if self.size == math.inf:
            raise ValueError("a real domain without a step has no list of values")
        return map(self.nth, range(int(self.size)))

    def nth(self, position: int) -> float:
        """The value at `position` in the order of `values()`: 0.3, and not 0.30000000000000004."""
        if not position or self.step is None:
            return self.low
        value = min(self.low + position * self.step, self.high)
        short = float(f"{value:.12g}")
        return short if self.low < short <= self.high and abs(short - value) < 1e-6 * self.step else value

    def contains(self, value: object) -> bool:
        if isinstance(value, bool) or not isinstance(value, int | float) or not self.low <= value <= self.high:
            return False
        return self.step is None or abs(self.snap(value) - value) <= 1e-9 * max(1.0, abs(value))

    def sample(self, rng: Random) -> float:
        if self.log:
            return self.snap(math.exp(rng.uniform(math.log(self.low), math.log(self.high))))
        if self.step is not None:
            return self.nth(int(rng.random() * self.size))
        return rng.uniform(self.low, self.high)

    def snap(self, value: float) -> float:
        """The member nearest to `value`."""
        value = min(max(float(value), self.low), self.high)
        if self.step is None:
            return value
        return self.nth(min(round((value - self.low) / self.step), int(self.size) - 1))

    def __str__(self) -> str:
        return f"a number from {self.low:g} to {self.high:g}" + (f" in steps of {self.step:g}" if self.step else "")


Domain = Categorical | Integer | Real
