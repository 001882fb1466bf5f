"""What is token mixing worth at each size? Five families on MNIST-1D, with its features in order and shuffled, in one command.

Mixers and gMLPs read the 40 features as a sequence of patches, so their order can help them. Plain MLPs, hourglasses and KANs
read all features alike: by one fixed permutation they lose nothing, and what they seem to lose is the noise of the study. Each
family is searched on both data sets, with several seeds and the same effort; the frontiers of the first seed are then confirmed on
the test split. Killed at any time the command loses nothing: run again, it goes on.

Run: `python benchmarks/token_mixing_study.py [--scale 1] [--seeds 3] [--confirm-seeds 5] [--workers 2] [--report] [-o FOLDER]`.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from studies import ROOT, Part, conduct, options_of
from token_mixing_study_data import DATA, FAMILIES
from token_mixing_study_report import write

EXPERIMENTS = ROOT / "experiments" / "token-mixing-mnist1d"


def parts(options: argparse.Namespace) -> Iterator[Part]:
    """All that is to be done, the longest first: those of the first seed, which are confirmed, and of them the token families."""
    for seed in range(options.seeds):
        for family in FAMILIES:
            for data in DATA:
                confirm_seeds = 0 if seed else options.confirm_seeds
                yield Part(data, family, seed, options.scale, confirm_seeds, EXPERIMENTS, options.o)


def main() -> None:
    options = options_of(__doc__, ROOT / "results" / "token-mixing-mnist1d").parse_args()
    conduct(options, parts(options), write)


if __name__ == "__main__":
    main()
