"""Published parameter counts, each met to the last parameter by a seed of a shipped family."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from nas.space import load_space

ROWS = list(csv.DictReader((Path(__file__).parent / "published_counts.csv").read_text(encoding="utf-8").splitlines()))


@pytest.mark.parametrize("row", ROWS, ids=[f"{row['family']}-{row['seed']}" for row in ROWS])
def test_a_published_count_is_met(row: dict[str, str]) -> None:
    space = load_space(row["family"]).seed_space(row["seed"])
    built = space.replay(space.seeds[row["seed"]])
    counted = {
        "total": built.costs.params,
        "trainable": built.costs.trainable_params,
        "allocated": built.costs.params + built.unused_params,
    }
    assert counted[row["which"]] == int(row["count"])
