"""A space file while it is being read: its values, its lines, and what was found wrong so far."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from nas.errors import Fault, Place, nearest
from nas.space.faults import Faults
from nas.space.yaml_tree import Tree


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
