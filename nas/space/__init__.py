"""The language: YAML and equations → decisions → graphs. Never imports torch."""

from nas.space.architecture import Architecture
from nas.space.deciders import GenotypeError
from nas.space.domains import Categorical, Domain, Integer, Real, Value
from nas.space.loading import load_space, shipped_spaces, space_from_text
from nas.space.operator_files import allow_code
from nas.space.run import Decider, Rejected
from nas.space.space import Space

__all__ = [
    "Architecture", "Categorical", "Decider", "Domain", "GenotypeError", "Integer", "Real", "Rejected", "Space", "Value",
    "allow_code", "load_space", "shipped_spaces", "space_from_text",
]  # fmt: skip
