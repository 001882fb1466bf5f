"""What can be reached: decisions that lead back to themselves, blocks nobody calls, decisions nobody reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from nas.space.program import DecisionSpec, Program
from nas.space.reading import Reading


def cyclic(mentions: Mapping[str, Iterable[str]]) -> list[str]:
    """Names that reach themselves, in their order."""

    def reaches(start: str) -> bool:
        seen: set[str] = set()
        front = list(mentions.get(start, ()))
        while front:
            name = front.pop()
            if name == start:
                return True
            if name not in seen:
                seen.add(name)
                front.extend(mentions.get(name, ()))
        return False

    return [name for name in mentions if reaches(name)]


def unread(
    reading: Reading,
    program: Program,
    reads: Mapping[str, tuple[dict[str, DecisionSpec], set[str], set[str]]],
) -> None:
    """Faults for blocks that nothing calls and decisions that nothing can read.

    Args:
        reads: for each block (the model is ``) its decisions, those that its equations and domains mention, and those
            that its rules mention.
    """
    reached = program.reach[""]
    for name, block in program.blocks.items():
        if name not in reached:
            reading.fault(block.place, f"nothing calls block `{name}`; call it or remove it")
    live = [name for name in reads if not name or name in reached]
    for name in live:
        decisions, own, own_rules = reads[name]
        readers = live if not name else []
        read = own.union(*(reads[reader][1] for reader in readers))
        rules = own_rules.union(*(reads[reader][2] for reader in readers))
        for decision, spec in decisions.items():
            spec.rule_only = decision not in read
            if spec.rule_only and spec.solve:
                reading.fault(spec.place, f"no equation reads the solved `{decision}`, so no cost depends on it")
                continue
            if decision not in read and decision not in rules:
                reading.fault(
                    spec.place, f"nothing reads the decision `{decision}`; use it in the equations or remove it"
                )
