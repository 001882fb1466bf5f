"""Decisions as a sampler sees them: one name, one domain.

A path whose domain depends on earlier decisions (`{int: [0, i]}`) has several domains. The first one seen carries the
path itself as its name, every other one the path and a signature of the domain, for samplers know no domain that moves.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from nas.space.domains import Categorical, Domain, Integer, Real
from nas.study.candidate import Value


class Parameters:
    """Every name met so far, in the order of meeting, and its domain."""

    def __init__(self) -> None:
        self.domains: dict[str, Domain] = {}

    def lookup(self, path: str, domain: Domain) -> str:
        """The name under which a sampler knows `domain` at `path`, or would."""
        if self.domains.get(path, domain) == domain:
            return path
        return f"{path}@{signature(domain)}"

    def name(self, path: str, domain: Domain) -> str:
        """The same, and remembered from now on."""
        name = self.lookup(path, domain)
        self.domains.setdefault(name, domain)
        return name

    def named(self, genotype: Mapping[str, Value], domains: Mapping[str, Domain]) -> dict[str, Value]:
        """`genotype` with the names of its decisions in place of their paths."""
        return {self.name(path, domains[path]): value for path, value in genotype.items()}


def genotype_of(values: dict[str, Value]) -> dict[str, Value]:
    """What `Parameters.named` was given: names turned back into paths; `values` itself where they are the same."""
    if not any("@" in name for name in values):
        return values
    return {name.partition("@")[0]: value for name, value in values.items()}


def signature(domain: Domain) -> str:
    """Eight characters that differ between domains that differ."""
    return hashlib.sha256(json.dumps(domain_to_json(domain)).encode()).hexdigest()[:8]


def domain_to_json(domain: Domain) -> dict[str, Any]:
    """The domain as plain JSON, in the spelling of a space's file."""
    if isinstance(domain, Categorical):
        weights = {} if domain.weights is None else {"weights": list(domain.weights)}
        return {"choice": list(domain.options), **weights}
    kind = "int" if isinstance(domain, Integer) else "float"
    return {kind: [domain.low, domain.high], "step": domain.step, "log": domain.log}


def domain_from_json(data: Mapping[str, Any]) -> Domain:
    """The inverse of `domain_to_json`."""
    if "choice" in data:
        weights = data.get("weights")
        return Categorical(tuple(data["choice"]), None if weights is None else tuple(weights))
    low, high = data["int"] if "int" in data else data["float"]
    return (Integer if "int" in data else Real)(low, high, step=data["step"], log=data["log"])
