"""Scores of networks as they are drawn, before any training, by name. `evaluators.zero_cost` computes them."""

from __future__ import annotations

SCORES = {
    "synflow": "how much flows from inputs to outputs through the sizes of the weights, without data (Tanaka et al. 2020)",
    "grad_norm": "Euclidean norm of the loss's gradient at the first batch (Abdelfattah et al. 2021)",
    "snip": "how much the loss hangs on each weight, summed over the weights (Lee et al. 2019)",
    "jacob_cov": "how differently the network's outputs answer to different samples (Mellor et al. 2020)",
}
"""Name → what it says of a network. Larger is meant to be better; whether it is, a search's own record says."""
