"""The study of "Rethinking the shape convention of an MLP" (arXiv:2510.01796) on 5,000 images of MNIST, in one command.

Three arms (hourglass, hourglass on a frozen lift, conventional) are searched on three tasks, each with several seeds and the same
effort; the frontiers of the first seed are then confirmed on the test split. An arm is a space of its own: in a common one the sampler would
spend on the winner what the loser needs for a fair frontier. Killed at any time the command loses nothing: run again, it goes on.

Run: `python benchmarks/hourglass_study.py [--scale 1] [--seeds 3] [--confirm-seeds 5] [--workers 2] [--task NAME]
[--report] [-o FOLDER]`.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from hourglass_study_data import ARMS, TASKS
from hourglass_study_report import write
from studies import ROOT, Part, conduct, options_of

EXPERIMENTS = ROOT / "experiments" / "hourglass-mnist5k"


def parts(options: argparse.Namespace) -> Iterator[Part]:
    """All that is to be done, the longest first: those of the first seed, which are confirmed."""
    for seed in range(options.seeds):
        for task in options.task or TASKS:
            for arm in ARMS:
                confirm_seeds = 0 if seed else options.confirm_seeds
                yield Part(task, arm, seed, options.scale, confirm_seeds, EXPERIMENTS, options.o)


def main() -> None:
    parser = options_of(__doc__, ROOT / "results" / "hourglass-mnist5k")
    parser.add_argument("--task", action="append", choices=tuple(TASKS), help="this one alone; once for each")
    options = parser.parse_args()
    conduct(options, parts(options), write)


if __name__ == "__main__":
    main()
