"""A user's `.parquet` files: read as the same table in a `.csv` would be, with the same words for what is wrong."""

from __future__ import annotations

import csv
import datetime
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evaluators.tasks import Task, load_task
from nas.errors import TaskError

arrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

COLUMNS: dict[str, list[Any]] = {
    "age": list(range(60)),
    "width": [k % 7 + 0.1 for k in range(60)],
    "bought": ["no" if k % 2 else "yes" for k in range(60)],
    "city": ["abc"[k % 3] for k in range(60)],
    "owner": [k // 5 for k in range(60)],
    "part": ["train" if k < 40 else "dev" if k < 50 else "test" for k in range(60)],
}


def save(folder: Path, **changes: Any) -> str:
    columns = {name: column for name, column in {**COLUMNS, **changes}.items() if column is not None}
    parquet.write_table(arrow.table(columns), folder / "data.parquet")
    return str(folder / "data.parquet")


def save_csv(folder: Path, **changes: Any) -> str:
    columns = {**COLUMNS, **changes}
    with (folder / "data.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(columns)
        rows.writerows(["" if cell is None else cell for cell in row] for row in zip(*columns.values(), strict=True))
    return str(folder / "data.csv")


def parts(task: Task) -> list[np.ndarray[Any, Any]]:
    splits = [task.data.train, task.data.validation, task.open_test("a test of the data")]
    return [array for split in splits for array in (*split.inputs, split.targets)]


@pytest.mark.parametrize(
    ("options", "changes"),
    [
        ({"target": "bought", "categorical": ["city"], "drop": ["part"]}, {}),
        ({"target": "width", "features": ["age"], "groups": "owner"}, {}),
        ({"target": "bought", "features": ["age", "width"], "split": "part"}, {}),
        ({"target": "width", "fields": ["city", "owner"], "drop": ["bought", "part"]}, {}),
        ({"target": "owner", "features": ["age", "width"], "kind": "classification"}, {}),
        ({"target": "age", "features": ["width"], "standardise": "none", "test": 0.3, "split_seed": 4}, {}),
        (
            {"target": "age", "features": ["width", "owner"], "missing": "mean"},
            {"width": [None, *COLUMNS["width"][1:]]},
        ),
        ({"target": "owner", "features": ["width"], "missing": "drop"}, {"owner": [None, *COLUMNS["owner"][1:]]}),
    ],
)
def test_a_table_is_the_same_task_from_either_file(tmp_path: Path, options: dict[str, Any], changes: Any) -> None:
    one, other = load_task(save(tmp_path, **changes), options), load_task(save_csv(tmp_path, **changes), options)
    for name in ("inputs", "outputs", "kind", "classes", "features", "fields"):
        assert getattr(one, name) == getattr(other, name)
    for mine, theirs in zip(parts(one), parts(other), strict=True):
        assert np.array_equal(mine, theirs)


def test_a_column_after_the_file_is_its_target(tmp_path: Path) -> None:
    save(tmp_path, bought=None, city=None, part=None)
    task = load_task("data.parquet:width", folder=tmp_path)
    assert (task.kind, task.features) == ("regression", ("age", "owner"))


def test_types_that_a_csv_has_not(tmp_path: Path) -> None:
    path = save(
        tmp_path,
        bought=[k % 2 == 0 for k in range(60)],
        city=arrow.array(COLUMNS["city"]).dictionary_encode(),
        width=[Decimal(k) / 10 for k in range(60)],
        age=arrow.array(range(60), arrow.float16()),
    )
    task = load_task(path, {"target": "bought", "categorical": ["city"], "drop": ["part"], "standardise": "none"})
    assert (task.kind, task.classes) == ("classification", ("False", "True"))
    assert task.features == ("age", "width", "city=a", "city=b", "city=c", "owner")
    ages = np.sort(np.concatenate([part[:, 0] for part in parts(task) if part.ndim == 2]))
    assert np.array_equal(ages, np.arange(60))


def test_the_row_labels_of_pandas_are_no_column(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(COLUMNS)
    frame[frame.age % 5 > 0].to_parquet(tmp_path / "data.parquet")
    assert "__index_level_0__" in parquet.read_schema(tmp_path / "data.parquet").names
    task = load_task("data.parquet:age", {"features": ["width"]}, tmp_path)
    assert len(task.data.train) + len(task.data.validation) + len(task.data.test) == 48
    with pytest.raises(
        TaskError, match=r"no column `agee`.*; it has `age`, `width`, `bought`, `city`, `owner`, `part`$"
    ):
        load_task("data.parquet:agee", folder=tmp_path)


@pytest.mark.parametrize(
    ("changes", "options", "message"),
    [
        ({}, {}, "say which column to predict: `data.parquet:part`; it has `age`, `width`"),
        ({}, {"target": "wdth"}, "no column `wdth`; did you mean `width`[?]"),
        ({}, {"target": "age", "delimiter": ";"}, "`delimiter` is what stands between the cells of a .csv file"),
        ({}, {"target": "age"}, "data.parquet: row 1, column `bought`: expected a finite number, got 'yes'. A column of words goes"),
        ({"width": [1.0, None] * 30}, {"target": "age", "features": ["width"]}, "data.parquet: row 2, column `width`: no value; 30 empty cells in all, in `width`. `missing: drop` leaves"),
        ({"width": [1.0, float("inf")] * 30}, {"target": "age", "features": ["width"]}, r"row 2, column `width`: expected a finite number, got inf$"),
        ({"width": [None, None, *[float("inf")] * 58]}, {"target": "age", "features": ["width"], "missing": "drop"}, "row 3, column `width`: expected"),
        ({"width": [[1, 2]] * 60}, {"target": "age"}, "column `width` holds list<.*>, and a cell is a number or a word; leave it out with `drop: .width.`"),
        ({"width": [b"x"] * 60}, {"target": "age"}, "column `width` holds binary, and a cell"),
        ({"width": [datetime.date(2026, 1, 2)] * 60}, {"target": "age", "drop": ["bought"]}, "row 1, column `width`: expected a finite number, got '2026-01-02'"),
        ({"width": arrow.nulls(60)}, {"target": "age", "features": ["width"], "missing": "mean"}, "column `width` is empty; leave it out"),
        ({name: [] for name in COLUMNS}, {"target": "age"}, "needs rows and columns, has 0 rows of 6 columns"),
    ],
)  # fmt: skip
def test_what_can_be_wrong(tmp_path: Path, changes: Any, options: dict[str, Any], message: str) -> None:
    path = save(tmp_path, **changes)
    with pytest.raises(TaskError, match=message):
        load_task(path, options)


def test_a_column_that_nobody_asked_for_hurts_nobody(tmp_path: Path) -> None:
    assert load_task(save(tmp_path, width=[[1, 2]] * 60), {"target": "age", "features": ["owner"]}).inputs == ((1,),)


def test_files_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "data.parquet").write_text("a,b\n1,2\n")
    with pytest.raises(TaskError, match=r"data.parquet: not a readable .parquet file \("):
        load_task("data.parquet:b", folder=tmp_path)
    (tmp_path / "many.parquet").mkdir()
    with pytest.raises(TaskError, match=r"task `many.parquet:b`: .*many.parquet is a folder, and a file is needed"):
        load_task("many.parquet:b", folder=tmp_path)
    twice = arrow.Table.from_arrays([arrow.array([1, 2])] * 2, ["a", "a"])
    parquet.write_table(twice, tmp_path / "data.parquet")
    with pytest.raises(TaskError, match="two columns are named `a`"):
        load_task("data.parquet:a", folder=tmp_path)


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(TaskError, match=r"^task `data.parquet` needs the package pyarrow: pip install pyarrow$"):
        load_task("data.parquet:age", folder=tmp_path)


def test_a_broken_package_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pyarrow.py").write_text("raise RuntimeError('built for another machine')\n")
    save(tmp_path)
    monkeypatch.delitem(sys.modules, "pyarrow")
    monkeypatch.syspath_prepend(str(tmp_path))
    expected = r"needs the package pyarrow, which cannot be imported: built for another machine"
    with pytest.raises(TaskError, match=expected):
        load_task("data.parquet:age", folder=tmp_path)
