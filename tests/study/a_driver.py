"""A driver of a study in a process of its own: `python a_driver.py DIRECTORY URL TRIALS [DIE_AFTER]`.

Prints the numbers of the candidates that it told. With DIE_AFTER it kills itself when it has told so many and holds two more.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import toys
from driving import create, evaluate


def main(directory: str, url: str, trials: str, die_after: str = "") -> None:
    settings = {"name": "shared", "sampler": "random", "trials": int(trials), "storage": url}
    with create(Path(directory), toys.tiny(300), **settings) as study:
        told = 0
        while (candidate := study.ask()) is not None:
            if die_after and told == int(die_after):
                study.ask()
                os.kill(os.getpid(), signal.SIGKILL)
            study.tell(candidate, evaluate(study, candidate))
            told += 1
            print(candidate.number, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
