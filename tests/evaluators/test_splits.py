"""Divisions: every sample in one part, classes in proportion, groups whole, given parts kept."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluators.tasks.splits import divide, divide_in_order
from nas.errors import TaskError

SHARES = st.floats(0.05, 0.6)


def check_partition(parts: dict[str, np.ndarray], n: int) -> None:
    assert set(parts) == {"train", "validation", "test"}
    assert sorted(np.concatenate(list(parts.values())).tolist()) == list(range(n))
    assert all(len(part) for part in parts.values())
    assert all((np.diff(part) > 0).all() for part in parts.values())


@settings(deadline=None)
@given(n=st.integers(3, 300), test=SHARES, validation=SHARES, seed=st.integers(0, 99))
def test_plain(n: int, test: float, validation: float, seed: int) -> None:
    parts = divide(n, test=test, validation=validation, seed=seed)
    check_partition(parts, n)
    assert abs(len(parts["test"]) - test * n) <= 1
    again = divide(n, test=test, validation=validation, seed=seed)
    assert all(np.array_equal(parts[name], again[name]) for name in parts)


@settings(deadline=None)
@given(sizes=st.lists(st.integers(3, 60), min_size=2, max_size=6), test=SHARES, seed=st.integers(0, 99))
def test_stratified(sizes: list[int], test: float, seed: int) -> None:
    labels = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(sizes)), sizes))
    parts = divide(len(labels), labels=labels, test=test, seed=seed)
    check_partition(parts, len(labels))
    for label, size in enumerate(sizes):
        counts = {name: int((labels[part] == label).sum()) for name, part in parts.items()}
        assert all(counts.values())
        assert abs(counts["test"] - test * size) <= 2


@settings(deadline=None)
@given(groups=st.lists(st.integers(0, 12), min_size=20, max_size=80), seed=st.integers(0, 99))
def test_grouped(groups: list[int], seed: int) -> None:
    array = np.array([0, 1, 2, *groups])
    parts = divide(len(array), groups=array, seed=seed)
    check_partition(parts, len(array))
    names = [set(array[part].tolist()) for part in parts.values()]
    assert sum(map(len, names)) == len(set(array.tolist()))


def test_given_parts_are_kept_and_what_is_missing_comes_from_train() -> None:
    given_parts = np.array(["train"] * 80 + ["TEST"] * 20)
    parts = divide(100, given=given_parts, validation=0.25)
    check_partition(parts, 100)
    assert parts["test"].tolist() == list(range(80, 100))
    assert len(parts["validation"]) == 20
    whole = divide(4, given=np.array(["val", "train", "dev", "test"]))
    assert whole["validation"].tolist() == [0, 2]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"test": 1.2}, "`test` is a share between 0 and 1, such as 0.2, got 1.2"),
        ({"validation": True}, "`validation` is a share between 0 and 1, such as 0.2, got True"),
        ({"seed": -1}, "`split_seed` is a whole number from 0, got -1"),
        ({"given": np.array(["train", "tset"] * 5)}, "sample 1 belongs to split 'tset'.*did you mean `test`"),
        ({"given": np.array(["test"] * 10)}, "the given split has no training samples"),
        ({"groups": np.array([1] * 10)}, "splitting by group needs at least 3 groups"),
        ({"groups": np.array([1] * 5 + [2] * 5)}, "splitting by group needs at least 3 groups"),
        ({"labels": np.array(["a"] * 9 + ["b"])}, "class 'b' has too few samples.*it needs at least 3"),
        ({"labels": np.array(["a"] * 8 + ["b"] * 2)}, "class 'b' has too few samples"),
        (
            {"labels": np.array(["a", "b"] * 5), "given": np.array(["train", "test"] * 5), "validation": 0.4},
            "class 'b' has no training sample",
        ),
    ],
)
def test_errors(options: dict[str, object], message: str) -> None:
    with pytest.raises(TaskError, match=message):
        divide(10, **options)  # type: ignore[arg-type]


def test_too_few_samples() -> None:
    with pytest.raises(TaskError, match="2 samples cannot be divided"):
        divide(2)
    with pytest.raises(TaskError, match="1 training samples cannot be divided further"):
        divide(3, given=np.array(["train", "test", "test"]))


def test_in_order_the_latest_are_the_test() -> None:
    parts = divide_in_order(100, test=0.1, validation=0.2)
    assert {part: (int(where[0]), int(where[-1])) for part, where in parts.items()} == {
        "train": (0, 71),
        "validation": (72, 89),
        "test": (90, 99),
    }
    with pytest.raises(TaskError, match=r"steps: `test` is a share between 0 and 1, such as 0\.2, got True"):
        divide_in_order(100, test=True, name="steps")
