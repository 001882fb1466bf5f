"""Spaces are read, drawn, counted and measured without the heavy packages."""

from __future__ import annotations

import subprocess
import sys

CODE = """
import random, sys
from nas.space import load_space, shipped_spaces
for space in map(load_space, shipped_spaces()):
    if "wire(" in space.text:  # draws with networkx
        continue
    drawn = space.sample(random.Random(0))
    drawn.costs, drawn.digest
from nas.space.check import check
from nas.space.schema import space_schema
check(load_space("grammar"), draws=3)
space_schema(), load_space("kan").count
heavy = "torch optuna ray networkx numpy scipy matplotlib plotly pandas sklearn moocore rich".split()
print([name for name in heavy if name in sys.modules])
"""


def test_the_language_loads_nothing_heavy() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
