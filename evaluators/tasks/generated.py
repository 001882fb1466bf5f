"""Data that are made here: closed forms with noise, always the same numbers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from evaluators.tasks.cache import Arrays

CLICK_FIELDS = 8
CLICK_WORDS = 32

SERIES = 7
DAY, WEEK = 24, 168


def friedman() -> Arrays:
    """Friedman's first function: y = 10 sin(π x₀x₁) + 20 (x₂ − ½)² + 10 x₃ + 5 x₄ + N(0, 1), of ten uniform inputs."""
    rng = np.random.default_rng(1991)
    x: NDArray[np.float64] = rng.random((4000, 10))
    clean = 10 * np.sin(np.pi * x[:, 0] * x[:, 1]) + 20 * (x[:, 2] - 0.5) ** 2 + 10 * x[:, 3] + 5 * x[:, 4]
    return {"x": x, "y": clean + rng.standard_normal(4000)}


def clicks() -> Arrays:
    """A factorisation machine draws the clicks: y ~ Bernoulli(σ(u)), with u of zero mean and spread 2, less 1.

    u sums the products ⟨v_i, v_j⟩ of the 2-dimensional vectors of all pairs of the 8 fields' words, and each of the 4
    numbers times a weight that the word of one field has. Words are drawn as people's are: the k-th with probability
    ∝ 1/k. `odds` is u, which nobody gets to see.

    Source: the model is Rendle 2010, "Factorization Machines".
    """
    rng = np.random.default_rng(2010)
    n = 20000
    popular = 1 / np.arange(1, CLICK_WORDS + 1)
    fields = rng.choice(CLICK_WORDS, (n, CLICK_FIELDS), p=popular / popular.sum())
    numbers = rng.standard_normal((n, 4))
    vectors = rng.standard_normal((CLICK_FIELDS, CLICK_WORDS, 2))[np.arange(CLICK_FIELDS), fields]
    # Σ_{i<j} ⟨v_i, v_j⟩ = ½ (|Σ v|² − Σ |v|²)
    pairs = 0.5 * ((vectors.sum(1) ** 2).sum(1) - (vectors**2).sum((1, 2)))
    slopes = rng.standard_normal((4, CLICK_WORDS))[np.arange(4), fields[:, :4]]
    odds = pairs / pairs.std() + (numbers * slopes).sum(1) / 2
    odds = 2 * (odds - odds.mean()) / odds.std() - 1
    return {
        "x": numbers,
        "fields": fields,
        "y": (rng.random(n) < 1 / (1 + np.exp(-odds))).astype(np.int64),
        "odds": odds,
    }


def seasons() -> Arrays:
    """Seven hourly series of 26 weeks: days and weeks, each with a harmonic; a trend; autoregressive noise that is coupled.

    Noise: e_t = 0.6 e_{t−1} + 0.3 P e_{t−1} + N(0, 0.3²), where P hands each series the noise of the one before it, so
    that what happens in one shows in the next an hour later.
    """
    rng = np.random.default_rng(24)
    hours = np.arange(26 * WEEK)[:, None]
    series = 0.5 * rng.uniform(-1, 1, SERIES) * hours / len(hours)
    for period, size in ((DAY, 1.0), (DAY / 2, 0.4), (WEEK, 0.6), (WEEK / 2, 0.2)):
        phase, strength = rng.uniform(0, 2 * np.pi, SERIES), size * rng.uniform(0.5, 1.5, SERIES)
        series = series + strength * np.sin(2 * np.pi * hours / period + phase)
    noise = np.zeros(SERIES)
    for hour, shock in enumerate(0.3 * rng.standard_normal(series.shape)):
        noise = 0.6 * noise + 0.3 * np.roll(noise, 1) + shock
        series[hour] += noise
    return {"series": series}
