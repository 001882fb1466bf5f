"""Random numbers of a training that depend on nothing but the candidate, its step and the place that draws them."""

from __future__ import annotations

import hashlib


def draw_seed(seed: int, step: int, place: int) -> int:
    """The seed of what the `place`-th random operator of a model draws in `step`.

    Args:
        seed: the candidate's.
        step: from 1.
        place: its order among the random operators of one forward pass, from 0.
    """
    data = f"{seed} {step} {place}".encode()
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest()) >> 1
