"""A user's CSV and NPZ files: what is read, and one clear message for each thing that can be wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evaluators.tasks import load_task
from nas.errors import TaskError

ROWS = [f"{i},{i % 7}.5,{'yes' if i % 2 else 'no'},{'abc'[i % 3]},g{i // 5},{i * 3}" for i in range(30)]
HEADER = "age,width,label,city,owner,price"


def write(folder: Path, text: str, name: str = "data.csv") -> str:
    (folder / name).write_text(text, encoding="utf-8")
    return str(folder / name)


def table(folder: Path, *changes: tuple[int, str], header: str = HEADER) -> str:
    rows = list(ROWS)
    for number, row in changes:
        rows[number] = row
    return write(folder, "\n".join([header, *rows]) + "\n")


def test_classification_by_words(tmp_path: Path) -> None:
    task = load_task(table(tmp_path), {"target": "label", "categorical": ["city"], "drop": ["owner"]})
    assert task.classes == ("no", "yes")
    assert task.inputs == ((2 + 3 + 1,),)
    assert task.kind == "classification"
    assert sum(map(len, (task.data.train, task.data.validation, task.data.test))) == 30


def test_regression_with_groups(tmp_path: Path) -> None:
    task = load_task(
        "data.csv", {"target": "price", "features": ["age", "width"], "groups": "owner"}, folder=_in(tmp_path)
    )
    assert (task.kind, task.inputs, task.outputs) == ("regression", ((2,),), ((1,),))
    price = task.data.train.targets[:, 0]
    assert len(price) % 5 == 0, "groups of five stay whole"


def _in(folder: Path) -> Path:
    table(folder)
    return folder


def test_a_given_split(tmp_path: Path) -> None:
    rows = [f"{i},{i * 2.5},{'train' if i < 20 else 'test'}" for i in range(30)]
    path = write(tmp_path, "\n".join(["x,y,part", *rows]))
    task = load_task(path, {"target": "y", "split": "part"})
    assert len(task.data.test) == 10
    assert task.inputs == ((1,),)


def test_semicolons_tabs_quotes_and_a_byte_order_mark(tmp_path: Path) -> None:
    rows = [f'"{i}";{i % 2}' for i in range(12)]
    assert load_task(write(tmp_path, "\n".join(["\ufeffx;y", *rows])), {"target": "y"}).inputs == ((1,),)
    tabs = [f"{i}\t{i % 2}" for i in range(12)]
    assert load_task(write(tmp_path, "\n".join(["x\ty", *tabs, "", ""])), {"target": "y"}).classes == ("0", "1")


def test_whole_numbers_are_classes_while_they_are_few(tmp_path: Path) -> None:
    rows = [f"{i},{i % 2}" for i in range(12)]
    path = write(tmp_path, "\n".join(["x,y", *rows]))
    assert load_task(path, {"target": "y"}).kind == "classification"
    assert load_task(path, {"target": "y", "kind": "regression"}).kind == "regression"
    assert load_task(path, {"target": "x"}).kind == "regression"


def test_empty_cells_can_be_dropped_or_filled(tmp_path: Path) -> None:
    path = table(tmp_path, (3, ",2.5,yes,a,g0,9"), (4, "NA,2.5,no,a,g0,9"))
    options = {"target": "price", "features": ["age", "width"]}
    dropped = load_task(path, {**options, "missing": "drop"})
    assert sum(map(len, (dropped.data.train, dropped.data.validation, dropped.data.test))) == 28
    filled = load_task(path, {**options, "missing": "mean"})
    assert sum(map(len, (filled.data.train, filled.data.validation, filled.data.test))) == 30


GOOD = {"target": "price", "features": ["age", "width"]}


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ((6, "x,1.5,yes,a,g0,3"), GOOD, r"""{file}:8:1
  x,1.5,yes,a,g0,3
  ^
  row 7, column `age`: expected a finite number, got 'x'. A column of words goes into `categorical: [age]` or `drop: [age]`"""),
        ((2, "5,inf,yes,a,g0,3"), GOOD, r"row 3, column `width`: expected a finite number, got 'inf'"),
        ((2, "5,nan,yes,a,g0,3"), GOOD, r"""{file}:4:3
  5,nan,yes,a,g0,3
    ^^^
  row 3, column `width`: no value. `missing: drop` leaves such rows out, `missing: mean` puts the column's mean there"""),
        ((2, "5,1.5,yes,a,g0,"), GOOD, "row 3, column `price`: no value. `missing: drop` leaves such rows out$"),
        ((2, "5,1.5,yes,a,g0,"), {**GOOD, "missing": "mean"}, "row 3, column `price`: no value. `missing: drop`"),
        ((2, ",,yes,a,g0,3"), GOOD, "row 3, column `age`: no value; 2 empty cells in all, in `age`, `width`"),
        ((2, "5,1.5,yes"), GOOD, "{file}:4:1\n  5,1.5,yes\n  ^^^^^^^^^\n  a row has 6 cells like the first line, this one has 3"),
        ((2, "5,1.5,yes,a,g0,dear"), {**GOOD, "kind": "regression"}, "row 3, column `price`: regression needs a number, got 'dear'"),
        (None, {}, "say which column to predict: `data.csv:price`; it has `age`, `width`"),
        (None, {"target": "prize"}, "no column `prize`; did you mean `price`[?]"),
        (None, {"target": "price", "drop": ["colour"]}, "no column `colour`"),
        (None, {"target": "price", "features": ["price"]}, "`features` are one or more columns other than the target `price`"),
        (None, {"target": "price", "features": []}, "got none"),
        (None, {"target": "price", "drop": "owner"}, "data.csv: `drop` is a list of columns, such as `drop: .owner.`, got 'owner'"),
        (None, {"target": "price", "features": 3}, "`features` is a list of columns, such as `features: .3.`, got 3"),
        (None, {**GOOD, "missing": "eror"}, "`missing` is one of error, drop, mean, got 'eror'; did you mean `error`"),
        (None, {**GOOD, "tests": 0.2}, "has no option `tests`; did you mean `test`[?]; it has target, features"),
        (None, {**GOOD, "split": "city"}, "sample 0 belongs to split 'a'; the parts are train, validation and test"),
    ],
)  # fmt: skip
def test_csv_errors(tmp_path: Path, change: Any, options: dict[str, Any], message: str) -> None:
    path = table(tmp_path, *([change] if change else []))
    with pytest.raises(TaskError) as caught:
        load_task(path, options)
    expected = message.replace("{file}", path)
    if "\n" in message:
        assert str(caught.value) == expected
    else:
        caught.match(expected)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "needs a first line with the columns' names and rows below it, has 0 lines"),
        ("a,b\n", "has 1 lines"),
        ("1,2\n3,4\n5,6\n", "its first line should name the columns, and it holds numbers: `1`, `2`"),
        ("a,a\n1,2\n", "two columns are named `a`"),
        ('a,b\n1,"2\n', "not a readable .csv file"),
        ("a,b\n,1\n,2\n,3\n", "row 1, column `a`: no value; 3 empty cells in all, in `a`"),
    ],
)
def test_csv_files_that_are_none(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(TaskError, match=message):
        load_task(write(tmp_path, text), {"target": "b"})


def test_more_csv_errors(tmp_path: Path) -> None:
    (tmp_path / "latin.csv").write_bytes("größe,y\n1,2\n".encode("latin-1"))
    with pytest.raises(TaskError, match=r"not UTF-8 text .byte 2.; save it as UTF-8"):
        load_task(str(tmp_path / "latin.csv"), {"target": "y"})
    path = write(tmp_path, "a,b\n,1\n,2\n,3\n")
    with pytest.raises(TaskError, match=r"column `a` is empty; leave it out with `drop: .a.`"):
        load_task(path, {"target": "b", "missing": "mean"})
    with pytest.raises(TaskError, match="every row has an empty cell, so `missing: drop` leaves none"):
        load_task(path, {"target": "b", "missing": "drop"})
    wide = write(tmp_path, ",".join(f"c{i}" for i in range(20)) + "\n" + ",".join("x" * 20))
    with pytest.raises(TaskError, match="`c11` and 8 more"):
        load_task(wide)


X, Y = np.arange(80.0).reshape(40, 2), np.arange(40) % 2


def save(folder: Path, **arrays: Any) -> str:
    np.savez(folder / "data.npz", **arrays)
    return str(folder / "data.npz")


def test_npz(tmp_path: Path) -> None:
    task = load_task(save(tmp_path, x=X, y=np.array(["cat", "dog"])[Y]))
    assert task.classes == ("cat", "dog")
    images = load_task(save(tmp_path, a=X, b=X.reshape(40, 1, 2), out=X), {"inputs": ["a", "b"], "target": "out"})
    assert (images.inputs, images.outputs, images.kind) == (((2,), (1, 2)), ((2,),), "regression")


def test_npz_that_is_divided_already(tmp_path: Path) -> None:
    path = save(tmp_path, x_train=X[:30], y_train=Y[:30], x_test=X[30:], y_test=Y[30:])
    assert len(load_task(path).data.test) == 10
    with pytest.raises(TaskError, match="the arrays are divided already"):
        load_task(path, {"groups": "g"})
    part = np.array(["train"] * 20 + ["val"] * 10 + ["test"] * 10)
    assert len(load_task(save(tmp_path, x=X, y=Y, part=part), {"split": "part"}).data.validation) == 10
    assert len(load_task(save(tmp_path, x=X, y=Y, g=np.arange(40) // 4), {"groups": "g"}).data.train) % 4 == 0


def test_npz_errors(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match=r"no array `x`; the file holds z \[40, 2\], y \[40\]"):
        load_task(save(tmp_path, z=X, y=Y))
    with pytest.raises(TaskError, match="holds an array of Python objects, which is never unpickled"):
        load_task(save(tmp_path, x=np.array([{}, []], dtype=object), y=Y))
    with pytest.raises(TaskError, match=r"array `y` is the single value .*; it needs one entry per sample"):
        load_task(save(tmp_path, x=X, y=3))
    with pytest.raises(TaskError, match=r"not finite, the first is nan at \[17, 1\]"):
        load_task(save(tmp_path, x=np.where(np.arange(80).reshape(40, 2) == 35, np.nan, X), y=Y))
    (tmp_path / "data.npz").write_bytes(b"no zip at all")
    with pytest.raises(TaskError, match=r"not a readable .npz file, as np.savez writes it"):
        load_task(str(tmp_path / "data.npz"))


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("minst1d", "no task is called `minst1d`; did you mean `mnist1d`[?]; there are mnist1d"),
        ("dat.csv", "no file .*dat.csv; did you mean `data.csv`"),
        ("data.xlsx", "a data file ends in .csv, .parquet or .npz"),
        ("task.py", "say which function makes it: `task.py:make`"),
        ("task.py:make", "no file .*task.py"),
        (7, "a task is a name, a .csv, .parquet or .npz file, a folder of images .* or FILE.py:FUNCTION, got 7"),
    ],
)
def test_tasks_that_are_none(tmp_path: Path, spec: Any, message: str) -> None:
    table(tmp_path)
    with pytest.raises(TaskError, match=message):
        load_task(spec, folder=tmp_path)


def test_an_unknown_option_of_a_shipped_task() -> None:
    with pytest.raises(TaskError, match="task `digits` has no option `validaton`; did you mean `validation`"):
        load_task("digits", {"validaton": 0.1})
