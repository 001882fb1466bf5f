"""Dividing samples into train, validation and test: by class, by group, by time, or as the user says."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nas.errors import TaskError, nearest

Indices = NDArray[np.int64]

# What people write for the three parts.
PARTS = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "val": "validation",
    "valid": "validation",
    "dev": "validation",
    "test": "test",
}


def divide(
    n: int,
    *,
    labels: NDArray[Any] | None = None,
    groups: NDArray[Any] | None = None,
    given: NDArray[Any] | None = None,
    test: float = 0.2,
    validation: float = 0.2,
    seed: int = 0,
    name: str = "data",
) -> dict[str, Indices]:
    """Sample numbers of `train`, `validation` and `test`, each in ascending order.

    Args:
        n: number of samples.
        labels: `(n,)` class of each; every part then gets its share of every class.
        groups: `(n,)` group of each; a group is never torn apart. Takes precedence over `labels`.
        given: `(n,)` the part of each, as in `PARTS`; a part that is not mentioned is taken from train.
        test: share of all samples.
        validation: share of what is not test.
        seed: of the division, independent of any study's.
        name: of the data, for messages.
    Raises: TaskError: shares out of range, too few samples, classes or groups; a part that `given` names is not known.
    """
    _check_shares(test, validation, name)
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise TaskError(f"{name}: `split_seed` is a whole number from 0, got {seed!r}")
    if n < 3:
        raise TaskError(f"{name}: {n} samples cannot be divided into train, validation and test")
    rng = np.random.default_rng(seed)
    parts = {} if given is None else _given(given, name)
    rest = np.arange(n) if given is None else parts.pop("train", np.arange(0))
    if len(rest) == 0:
        raise TaskError(f"{name}: the given split has no training samples; mark some as `train`")
    wanted = [(part, share) for part, share in (("test", test), ("validation", validation)) if part not in parts]
    for left, (part, share) in zip((len(wanted), 1), wanted, strict=False):
        taken = _taken(rest, share, left, labels, groups, rng, name)
        parts[part], rest = rest[taken], rest[~taken]
    parts["train"] = rest
    if labels is not None:
        missing = sorted(set(np.unique(labels).tolist()) - set(np.unique(labels[rest]).tolist()))
        if missing:
            raise TaskError(
                f"{name}: class {missing[0]!r} has no training sample; too few samples, or an unlucky split"
            )
    return parts


def divide_in_order(n: int, *, test: float = 0.2, validation: float = 0.2, name: str = "data") -> dict[str, Indices]:
    """Sample numbers of `train`, `validation` and `test`, where the earliest learn and the latest test.

    Raises: TaskError: shares out of range.
    """
    _check_shares(test, validation, name)
    end = n - round(test * n)
    begin = end - round(validation * end)
    return {"train": np.arange(begin), "validation": np.arange(begin, end), "test": np.arange(end, n)}


def _check_shares(test: float, validation: float, name: str) -> None:
    for option, share in (("test", test), ("validation", validation)):
        if isinstance(share, bool) or not isinstance(share, (int, float)) or not 0 < share < 1:
            raise TaskError(f"{name}: `{option}` is a share between 0 and 1, such as 0.2, got {share!r}")


def _given(given: NDArray[Any], name: str) -> dict[str, Indices]:
    words = [str(word).strip().lower() for word in given]
    for number, word in enumerate(words):
        if word not in PARTS:
            raise TaskError(
                f"{name}: sample {number} belongs to split '{given[number]}'; the parts are train, validation and test"
                f"{nearest(word, PARTS)}"
            )
    parts = np.array([PARTS[word] for word in words])
    return {part: np.flatnonzero(parts == part) for part in dict.fromkeys(parts.tolist())}


def _taken(
    rest: Indices,
    share: float,
    left: int,
    labels: NDArray[Any] | None,
    groups: NDArray[Any] | None,
    rng: np.random.Generator,
    name: str,
) -> NDArray[np.bool_]:
    """Which of `rest` are taken away: about `share` of them, at least one, and one each for the `left` parts to come."""
    if groups is not None:
        return _by_group(groups[rest], share, left, rng, name)
    if labels is not None:
        return _by_class(labels[rest], share, left, rng, name)
    if len(rest) <= left:
        raise TaskError(f"{name}: {len(rest)} training samples cannot be divided further")
    taken = np.zeros(len(rest), bool)
    taken[rng.permutation(len(rest))[: min(max(1, round(share * len(rest))), len(rest) - left)]] = True
    return taken


def _by_group(groups: NDArray[Any], share: float, left: int, rng: np.random.Generator, name: str) -> NDArray[np.bool_]:
    names, number, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    if len(names) <= left:
        raise TaskError(
            f"{name}: splitting by group needs at least 3 groups, one for each of train, validation and test"
        )
    wanted, have = share * len(groups), 0
    chosen: list[int] = []
    for group in rng.permutation(len(names))[:-left].tolist():
        # Take a group when that brings the part nearer to its share; the first one always.
        if not chosen or abs(have + sizes[group] - wanted) < abs(have - wanted):
            chosen.append(group)
            have += int(sizes[group])
    taken: NDArray[np.bool_] = np.isin(number, chosen)
    return taken


def _by_class(labels: NDArray[Any], share: float, left: int, rng: np.random.Generator, name: str) -> NDArray[np.bool_]:
    classes, sizes = np.unique(labels, return_counts=True)
    few = classes[sizes <= left].tolist()
    if few:
        raise TaskError(
            f"{name}: class {few[0]!r} has too few samples to be in train, validation and test: it needs at least 3. "
            "Drop the class, merge it with another, or give the split yourself (`split`)"
        )
    # Largest remainders: the parts of the classes add up to the part of the whole.
    exact = share * sizes
    counts = np.floor(exact).astype(int)
    order = np.argsort(-(exact - counts), kind="stable")
    counts[order[: max(0, round(share * len(labels)) - int(counts.sum()))]] += 1
    counts = np.clip(counts, 1, sizes - left)
    taken = np.zeros(len(labels), bool)
    for label, count in zip(classes, counts.tolist(), strict=True):
        taken[rng.permutation(np.flatnonzero(labels == label))[:count]] = True
    return taken
