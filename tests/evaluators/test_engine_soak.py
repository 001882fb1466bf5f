"""A search with random misfortunes: every candidate ends once, as it must, and memory stays flat."""

from __future__ import annotations

from pathlib import Path

import pytest
from engine_cases import ENDS
from engine_soak import fate_of, soak


@pytest.mark.slow
def test_six_hundred_candidates_with_misfortunes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evaluators.engines.engine.GRACE_S", 1.0)
    found = soak(600, 2, tmp_path)
    expected = [(number, ENDS[fate][0] if (fate := fate_of(number, 600)) else "complete") for number in range(600)]
    assert found["trials"] == expected
    assert len(found["ended"]) == 5, "each kind of outcome came about"
    # The record of a candidate is all that stays, in the driver; a model kept, or the record twice, would take far more.
    assert found["driver_growth_kib"] < 12
    assert found["worker_growth_kib"] < 10
