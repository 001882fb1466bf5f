"""The faults of a file, up to as many as a person reads."""

from __future__ import annotations

from collections.abc import Iterable

from nas.errors import Fault

MAX_FAULTS = 60  # more than a person reads


class Enough(Exception):
    """So much is wrong that the rest need not be read."""


class Faults(list[Fault]):
    """What is wrong with a file. Raises: Enough: it is more than a person reads."""

    def append(self, fault: Fault) -> None:
        super().append(fault)
        if len(self) > MAX_FAULTS:
            raise Enough

    def extend(self, faults: Iterable[Fault]) -> None:
        for fault in faults:
            self.append(fault)

    def in_order(self) -> list[Fault]:
        """By place, each once."""
        unique = list(dict.fromkeys(self))
        return sorted(unique, key=lambda fault: (fault.place.line, fault.place.column) if fault.place else (0, 0))
