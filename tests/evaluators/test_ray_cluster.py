"""A cluster of two nodes on this machine, one of which is taken away in mid-search."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from engine_cases import Slow
from test_engine_conformance import facts, narrow, new_study

from evaluators.engines import Inline, RayEngine, Silent
from nas.study.candidate import Outcome
from nas.study.study import Study

TRIALS = 30


@pytest.fixture
def two_nodes(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A cluster to which nobody is connected yet: the head with one core, and a node with one more."""
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    from ray.cluster_utils import Cluster

    small = {"num_cpus": 1, "object_store_memory": 100 * 2**20, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=small)
    logging.getLogger("ray").setLevel(logging.ERROR)
    try:
        yield cluster
    finally:
        cluster.shutdown()  # type: ignore[no-untyped-call]


class Disaster(Silent):
    """Removes the second node when candidate 8 has ended, while the search goes on."""

    def __init__(self, cluster: Any, node: Any) -> None:
        self.cluster, self.node = cluster, node
        self.finishing: list[int] = []
        self.places: set[int] = set()
        self.removal: threading.Thread | None = None

    def finished(self, candidate: Any, outcome: Outcome, worker: int) -> None:
        self.finishing.append(candidate.number)
        self.places.add(worker)
        if len(self.finishing) == 8:
            self.removal = threading.Thread(target=self.cluster.remove_node, args=(self.node, False))
            self.removal.start()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_node_goes_down_and_the_search_ends_with_all_its_trials(two_nodes: Any, tmp_path: Path) -> None:
    node = two_nodes.add_node(num_cpus=1, object_store_memory=100 * 2**20)
    disaster = Disaster(two_nodes, node)
    log = tmp_path / "log"
    with new_study(tmp_path / "inline", TRIALS) as study:
        Inline().run(study, Slow(0.0))
        expected = facts(study.record().trials)
    with new_study(tmp_path / "cluster", TRIALS) as study:
        RayEngine(workers=2, address=two_nodes.address).run(study, Slow(0.3, log), disaster)
        assert facts(study.record().trials) == expected
    assert disaster.removal is not None
    disaster.removal.join()
    assert disaster.places == {0, 1}, "both nodes had worked"
    assert sorted(disaster.finishing) == list(range(TRIALS))
    begun = [int(line) for line in log.read_text().split()]
    assert len(begun) == TRIALS + 1, "what was running on the lost node was begun again, and nothing else"
    with Study.open(tmp_path / "cluster", narrow()) as again:
        assert again.ask() is None
