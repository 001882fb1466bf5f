"""Which candidates train in bfloat16."""

from __future__ import annotations

import torch

from evaluators.recipe import Recipe
from nas.study.candidate import Job

LEAST_MACS = 10**9
"""Multiply-accumulates of one step's forward pass below which `auto` stays with float32: a GPU then waits for the next call,
in whatever precision it computes, and casts are more calls. A step of 128 samples is that small below 8 million a sample.
"""


def is_half(job: Job, recipe: Recipe, device: str) -> bool:
    """Whether `job` trains in bfloat16 on `device`.

    It follows from the candidate, its recipe and the kind of GPU alone, so that company changes nothing.
    """
    if torch.device(device).type != "cuda" or recipe.amp == "off" or not torch.cuda.is_bf16_supported():
        return False
    return recipe.amp == "bf16" or job.costs.get("macs", LEAST_MACS) * recipe.batch_size >= LEAST_MACS
