"""Features spread over the graph of nearest neighbors, for models that only transform them afterwards."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

NEIGHBORS = 10
HOPS = 4


def hops(x: NDArray[Any], n_hops: int = HOPS, neighbors: int = NEIGHBORS) -> NDArray[np.float64]:
    """`(n, hops, features)`: S⁰x, S¹x, … with S = D^−½ (A + I) D^−½, A the symmetric graph of nearest neighbors.

    Two samples are joined where one is among the other's `neighbors` nearest, by Euclidean distance. All samples take part
    (transductive), with their features alone: labels are not asked for.

    Args:
        x: `(n, ...)` features, more than `neighbors` samples.
    Source: Wu et al. 2019, "Simplifying Graph Convolutional Networks", arXiv:1902.07153; all hops side by side as in
        Frasca et al. 2020, "SIGN", arXiv:2004.11198.
    """
    from scipy.sparse import csr_array, diags_array, eye_array

    flat = x.reshape(len(x), -1).astype(np.float64)
    nearest = _nearest(flat, neighbors)
    n = len(flat)
    pairs = (np.repeat(np.arange(n), neighbors), nearest.ravel())
    joined = csr_array((np.ones(n * neighbors), pairs), shape=(n, n))
    graph = joined.maximum(joined.T) + eye_array(n)
    shares = diags_array(graph.sum(0) ** -0.5)
    step = shares @ graph @ shares
    spread = [flat]
    for _ in range(n_hops - 1):
        spread.append(step @ spread[-1])
    return np.stack(spread, axis=1)


def _nearest(x: NDArray[np.float64], k: int, rows: int = 500) -> NDArray[np.int64]:
    """`(n, k)`: numbers of each sample's nearest others, in no order."""
    squares = (x**2).sum(1)
    found = np.empty((len(x), k), np.int64)
    for start in range(0, len(x), rows):
        some = np.arange(start, min(start + rows, len(x)))
        apart = squares[some, None] - 2 * x[some] @ x.T + squares
        apart[np.arange(len(some)), some] = np.inf
        found[some] = np.argpartition(apart, k, axis=1)[:, :k]
    return found
