"""A space file while it is being read: its values, its lines, and what was found wrong so far."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from nas.errors import Fault, Place, nearest
from nas.space.yaml_tree import Tree

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


@dataclass
class Reading:
    """One file on its way to a program."""

    tree: Tree
    file: str
    lines: tuple[str, ...]
    faults: Faults = field(default_factory=Faults)

    def fault(self, where: Tree | Place, message: str) -> None:
        self.faults.append(Fault(message, where.place if isinstance(where, Tree) else where))

    def known_keys(self, tree: Tree, known: Iterable[str], what: str) -> None:
        """Faults for the keys of a mapping that are none of its own."""
        for key, (place, _) in tree.keys.items():
            if key not in known:
                hint = nearest(key, known) or f"; it has {', '.join(known)}"
                self.fault(place, f"{what} has no key `{key}`{hint}")
