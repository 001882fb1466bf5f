"""Domains and values as Optuna has them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from nas.space.domains import Categorical, Domain, Integer, Real
from nas.study.candidate import Value


def distribution(domain: Domain) -> BaseDistribution:
    """The domain for Optuna, which knows no steps on a logarithmic scale: values are snapped to them afterwards."""
    if isinstance(domain, Categorical):
        return CategoricalDistribution(_choices(domain))
    if isinstance(domain, Integer):
        high = domain.low + domain.step * (domain.size - 1)
        if domain.log and domain.low >= 1:
            return IntDistribution(domain.low, high, log=True)
        return IntDistribution(domain.low, high, step=domain.step)
    if domain.log:
        return FloatDistribution(domain.low, domain.high, log=True)
    if domain.step is None:
        return FloatDistribution(domain.low, domain.high)
    return FloatDistribution(domain.low, _last(domain), step=domain.step)


def to_optuna(domain: Domain, value: Value) -> Any:
    """`value` of `domain` as Optuna takes it."""
    if isinstance(domain, Categorical):
        position = next(i for i, option in enumerate(domain.options) if _same(option, value))
        return _choices(domain)[position]
    if isinstance(domain, Real) and domain.step is not None and isinstance(value, float) and not domain.log:
        return min(value, _last(domain))
    return value


def from_optuna(domain: Domain, value: Any) -> Value:
    """The inverse of `to_optuna`; numbers are snapped to the domain's steps."""
    if isinstance(domain, Categorical):
        return domain.options[_choices(domain).index(value)]
    return domain.snap(value)


def _last(domain: Real) -> float:
    """The highest member, in decimals as Optuna counts steps: 0.9 and not 0.8999999999999999."""
    return float(Decimal(str(domain.low)) + Decimal(str(domain.step)) * (int(domain.size) - 1))


def _choices(domain: Categorical) -> tuple[Value, ...]:
    """The options, or texts for them where two are equal to Python (1, true, 1.0), since Optuna would confuse those."""
    options = domain.options
    return (
        options if len(set(options)) == len(options) else tuple(f"{i}: {option!r}" for i, option in enumerate(options))
    )


def _same(a: Value, b: Value) -> bool:
    return type(a) is type(b) and a == b
