"""Hops over the graph of nearest neighbors, against dense matrices written down from the definition."""

from __future__ import annotations

import numpy as np
import pytest

from evaluators.tasks import TASKS, load_task
from evaluators.tasks.neighbors import hops


def by_definition(x: np.ndarray, n_hops: int, k: int) -> np.ndarray:
    n = len(x)
    graph = np.eye(n)
    for i in range(n):
        apart = [(np.linalg.norm(x[i] - x[j]), j) for j in range(n) if j != i]
        for _, j in sorted(apart)[:k]:
            graph[i, j] = graph[j, i] = 1
    shares = np.diag(graph.sum(0) ** -0.5)
    step = shares @ graph @ shares
    return np.stack([np.linalg.matrix_power(step, hop) @ x for hop in range(n_hops)], axis=1)


def test_hops_by_definition() -> None:
    x = np.random.default_rng(0).normal(size=(40, 5))
    np.testing.assert_allclose(hops(x, 4, 3), by_definition(x, 4, 3), atol=1e-12)


@pytest.mark.slow
def test_many_samples_are_taken_in_blocks() -> None:
    x = np.random.default_rng(0).normal(size=(1100, 3))
    np.testing.assert_allclose(hops(x, 2, 4), by_definition(x, 2, 4), atol=1e-12)


def test_two_equal_samples_do_not_lose_themselves() -> None:
    x = np.array([[0.0], [0.0], [1.0], [5.0]])
    np.testing.assert_allclose(hops(x, 2, 1)[:2, 1, 0], by_definition(x, 2, 1)[:2, 1, 0])


def test_samples_order_does_not_matter() -> None:
    x = np.random.default_rng(1).normal(size=(60, 2, 2))
    order = np.random.default_rng(2).permutation(60)
    np.testing.assert_allclose(hops(x[order]), hops(x)[order], atol=1e-12)


@pytest.mark.parametrize("name", ["mnist1d", "digits"])
def test_the_first_hop_is_the_plain_task(name: str) -> None:
    """Up to the standardisation, which takes all hops together."""
    plain, graph = load_task(name).data, load_task(f"{name}/graph").data
    assert np.array_equal(plain.train.targets, graph.train.targets)
    own, hop = plain.train.inputs[0].reshape(len(plain.train), -1), graph.train.inputs[0][:, 0]
    slope, shift = np.polyfit(own.ravel(), hop.ravel(), 1)
    np.testing.assert_allclose(slope * own + shift, hop, atol=1e-4)


def test_labels_are_not_used() -> None:
    """Other labels leave a sample's hops as they were."""
    entry = TASKS["digits/graph"]
    arrays = entry.read()
    (change,) = entry.changes
    turned = change({**arrays, "y": arrays["y"][::-1]})
    assert np.array_equal(change(arrays)["x"], turned["x"])


def test_the_same_order_of_features_in_every_hop() -> None:
    plain, shuffled = (load_task(name).data.train.inputs[0] for name in ("mnist1d/graph", "mnist1d/graph/shuffled"))
    order = [int(np.abs(plain[:, 0] - column[:, None]).max(0).argmin()) for column in shuffled[:, 0].T]
    assert sorted(order) == list(range(40))
    np.testing.assert_allclose(plain[:, :, order], shuffled, atol=1e-4)
