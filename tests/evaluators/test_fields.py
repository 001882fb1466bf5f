"""Categorical columns as a second input of codes: from arrays, CSV and NPZ files, and the generated clicks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from evaluators.tasks import TASKS, Field, load_task, task_from_arrays
from evaluators.tasks.task import Split, Task
from evaluators.training import train
from nas.errors import TaskError
from nas.study.candidate import Job

N = 60
X, Y = np.random.default_rng(0).normal(3.0, 5.0, (N, 2)), np.arange(N) % 2
CITY = np.array(["Rome", "Oslo", "Lima"])[np.arange(N) % 3]
SIZE = np.array([10, 2, 30, 4])[np.arange(N) % 4]
PARTS = np.array(["train"] * 40 + ["val"] * 10 + ["test"] * 10)


def whole(task: Task) -> Split:
    """All samples in their own order, for parts that are given in it."""
    parts = (task.data.train, task.data.validation, task.open_test("a test of the codes"))
    inputs = zip(*(part.inputs for part in parts), strict=True)
    return Split(tuple(map(np.concatenate, inputs)), np.concatenate([part.targets for part in parts]))


def test_codes_stand_for_sorted_words_and_are_not_standardised() -> None:
    task = task_from_arrays(X, Y, split=PARTS, fields={"city": CITY, "size": SIZE})
    assert task.inputs == ((2,), (2,))
    assert task.fields == (Field("city", ("Lima", "Oslo", "Rome")), Field("size", ("2", "4", "10", "30")))
    assert task.vocabulary == (3, 4)
    assert task.doc == "classification of 60 samples; fields: city (3 words), size (4 words)"
    numbers, codes = whole(task).inputs
    assert codes.dtype == np.float32
    back = [np.array(field.words)[codes[:, place].astype(int)] for place, field in enumerate(task.fields)]
    assert np.array_equal(back[0], CITY)
    assert np.array_equal(back[1], SIZE.astype(str))
    assert abs(numbers[:40].mean()) < 1e-6, "numbers still are"
    assert [one.mean is None for one in task.data.standardised] == [False, True]


@pytest.mark.parametrize("column", [SIZE, SIZE * 1.0, SIZE.astype(object), SIZE % 3 == 0, CITY.astype("S4")])
def test_words_come_in_many_types(column: np.ndarray) -> None:
    (codes,) = whole(task_from_arrays([], Y, split=PARTS, fields={"a": column})).inputs
    known = np.unique(column.astype(str) if column.dtype == object else column, return_inverse=True)[1]
    assert np.array_equal(codes[:, 0], known)


def test_several_fields_in_one_array() -> None:
    task = task_from_arrays([], Y, fields={"pair": np.stack([CITY, CITY[::-1]], 1), "size": SIZE})
    assert [field.name for field in task.fields] == ["pair[0]", "pair[1]", "size"]
    assert (task.inputs, task.vocabulary) == (((3,),), (3, 3, 4))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "arrays: `fields` maps names to one word per sample each, got dict"),
        ([CITY], "`fields` maps names to one word per sample each, got list"),
        ({"city": CITY[:5]}, r"field `city` has shape \[5\]; it needs one word per sample: \[60\]"),
        ({"city": "Rome"}, r"field `city` has shape \[\]; it needs one word"),
        ({"city": np.zeros((60, 2, 2))}, r"field `city` has shape \[60, 2, 2\]"),
        ({"city": X}, "field `city` should hold words or whole numbers, got .* for sample 0"),
        ({"size": np.where(SIZE == 30, np.nan, SIZE)}, "got nan for sample 2"),
        ({"size": np.where(SIZE == 30, np.inf, SIZE)}, "got inf for sample 2"),
        ({"size": SIZE * 1j}, "field `size` should hold words or whole numbers, got complex128"),
    ],
)
def test_errors(fields: Any, message: str) -> None:
    with pytest.raises(TaskError, match=message):
        task_from_arrays(X, Y, fields=fields)


def written(folder: Path, *, blank: bool = False) -> str:
    rows = [f"{i},{'' if blank and i == 4 else CITY[i]},{SIZE[i]},{'yn'[i % 2]},g{i // 5},{PARTS[i]}" for i in range(N)]
    (folder / "shop.csv").write_text("\n".join(["age,city,size,bought,owner,part", *rows]) + "\n", encoding="utf-8")
    return str(folder / "shop.csv")


def test_fields_of_a_csv(tmp_path: Path) -> None:
    options = {"target": "bought", "fields": ["city", "size"], "split": "part", "drop": ["owner"]}
    task = load_task(written(tmp_path), options)
    assert task.inputs == ((1,), (2,))
    assert task.vocabulary == (3, 4)
    assert np.array_equal(np.array(task.fields[0].words)[whole(task).inputs[1][:, 0].astype(int)], CITY)
    both = load_task(written(tmp_path), {**options, "fields": ["city"], "categorical": ["size"]})
    assert (both.inputs, both.vocabulary) == (((1 + 4,), (1,)), (3,))
    listed = load_task(written(tmp_path), {"target": "bought", "features": ["age", "city"], "fields": ["city"]})
    assert listed.inputs == ((1,), (1,))
    alone = load_task(written(tmp_path), {**options, "fields": ["city", "size"], "drop": ["owner", "age"]})
    assert (alone.inputs, alone.features) == (((2,),), ())


def test_empty_words_of_a_csv(tmp_path: Path) -> None:
    path, options = written(tmp_path, blank=True), {"target": "bought", "fields": ["city"], "features": ["age"]}
    with pytest.raises(TaskError, match="row 5, column `city`: no value"):
        load_task(path, options)
    assert load_task(path, {**options, "missing": "drop"}).vocabulary == (3,)
    filled = load_task(path, {**options, "missing": "mean"})
    assert filled.fields[0].words == ("", "Lima", "Oslo", "Rome"), "no value is a word"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fields": ["town"]}, "no column `town`"),
        ({"fields": ["bought"]}, "column `bought` cannot be among `fields` and `target`; choose one"),
        ({"fields": ["owner"], "groups": "owner"}, "column `owner` cannot be among `fields` and `groups`"),
        ({"fields": ["part"], "split": "part"}, "column `part` cannot be among `fields` and `split`"),
        ({"fields": ["city"], "categorical": ["city"]}, "column `city` cannot be among `fields` and `categorical`"),
        ({"fields": ["city"], "drop": ["city"]}, "column `city` cannot be among `fields` and `drop`"),
    ],
)
def test_csv_errors(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(TaskError, match=message):
        load_task(written(tmp_path), {"target": "bought", **options})


def test_fields_of_an_npz(tmp_path: Path) -> None:
    path = str(tmp_path / "shop.npz")
    np.savez(path, x=X, y=Y, city=CITY, size=SIZE, pair=np.stack([SIZE, SIZE], 1))
    assert load_task(path, {"fields": "city"}).inputs == ((2,), (1,))
    task = load_task(path, {"fields": ["city", "pair"], "inputs": []})
    assert (task.inputs, task.vocabulary) == (((3,),), (3, 4, 4))
    with pytest.raises(TaskError, match="no array `town`; the file holds x"):
        load_task(path, {"fields": ["town"]})
    np.savez(path, x_train=X[:40], x_test=X[40:], y_train=Y[:40], y_test=Y[40:], c_train=CITY[:40], c_test=CITY[40:])
    assert load_task(path, {"fields": ["c"]}).vocabulary == (3,)


def test_fields_of_a_users_own_file(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(
        "import numpy as np\ndef make():\n    n = np.arange(40)\n"
        "    return {'x': n * 1.0, 'y': n % 2, 'fields': {'k': n % 5}}\n"
    )
    assert load_task("own.py:make", folder=tmp_path).vocabulary == (5,)


def test_clicks_are_what_their_page_says() -> None:
    task = load_task("clicks")
    assert task.headline == "auc"
    assert task.vocabulary == (32,) * 8
    arrays = TASKS["clicks"].read()
    assert len(arrays["y"]) == 20000
    assert arrays["fields"].min() == 0
    assert arrays["fields"].max() == 31
    assert roc_auc_score(arrays["y"], arrays["odds"]) == pytest.approx(0.86, abs=0.005)
    np.testing.assert_array_equal(task.data.train.inputs[1], np.round(task.data.train.inputs[1]))


CLICKS = """
import torch
from torch import nn

class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(8 * 32, 8)
        self.register_buffer("first", torch.arange(8) * 32)
        self.hidden = nn.Linear(4 + 8 * 8, 128)
        self.head = nn.Linear(128, 2)

    def forward(self, x, codes):
        words = self.words(codes.long() + self.first).flatten(1)
        return self.head({act}(self.hidden(torch.cat([x, words], 1))))
"""


def test_clicks_need_pairs_of_words() -> None:
    """A linear model knows what each word does alone, and the same model with one bend in it knows more."""
    found = []
    for act in ("torch.relu", ""):
        run = train(Job(0, {}, CLICKS.format(act=act), {"lr": 3e-3}, 0, {"epochs": 5}), load_task("clicks"))
        try:
            while True:
                next(run)
        except StopIteration as end:
            found.append(end.value.metrics["auc"])
    assert found[0] > 0.66
    assert 0.54 < found[1] < 0.62
