"""How fast this machine is at this moment, so that a limit on work is a ratio and no timed test."""

from __future__ import annotations

import time

LOOPS = 200_000
BEST_SECONDS = 0.006  # what the loop takes on an idle core of the machine that the limits were chosen on


def slowness() -> float:
    """How many times slower than an idle core of that machine; never below one.

    A loop in plain Python is timed in processor time, the better of two, because a neighbour on the same core slows
    what is measured and the measure alike.
    """
    return max(1.0, min(_loop() for _ in range(2)) / BEST_SECONDS)


def _loop() -> float:
    begun = time.process_time()
    total = 0
    for number in range(LOOPS):
        total += number & 7
    return time.process_time() - begun
