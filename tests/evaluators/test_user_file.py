"""A user's own Python: tasks, arrays, evaluators, and what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from evaluators.tasks import OwnEvaluator, Task, load_subject, load_task
from nas.errors import TaskError

ARRAYS = "import numpy as np\nx, y = np.random.default_rng(0).normal(size=(40, 3)), np.arange(40) % 2\n"
OWN = """
from nas.study.candidate import Report
class Closed:
    inputs, outputs, metrics = ((2,),), ((1,),), {"value": "minimize"}
    def evaluate(self, job):
        yield Report(1, {"value": 2.0})
make = Closed
"""


def write(folder: Path, text: str) -> str:
    (folder / "my_task.py").write_text(text)
    return "my_task.py:make"


@pytest.mark.parametrize(
    "body",
    [
        "def make(): return x, y",
        "def make(): return {'x': x, 'y': y, 'name': 'mine'}",
        "def make(): return [x], y",
        "from evaluators.tasks import task_from_arrays\ndef make(): return task_from_arrays(x, y, doc='mine')",
        "import torch\ndef make(): return torch.tensor(x), torch.tensor(y)",
    ],
)
def test_arrays_and_tasks(tmp_path: Path, body: str) -> None:
    task = load_task(write(tmp_path, ARRAYS + body), folder=tmp_path)
    assert isinstance(task, Task)
    assert (task.inputs, task.outputs, task.kind) == (((3,),), ((2,),), "classification")


def test_options_reach_the_function(tmp_path: Path) -> None:
    spec = write(tmp_path, ARRAYS + "def make(columns=3): return x[:, :columns], y")
    assert load_task(spec, {"columns": 2}, tmp_path).inputs == ((2,),)


def test_an_evaluator_of_its_own(tmp_path: Path) -> None:
    spec = write(tmp_path, OWN)
    assert isinstance(load_subject(spec, folder=tmp_path), OwnEvaluator)
    with pytest.raises(TaskError, match=r"is an evaluator of its own, and a task with data is needed here"):
        load_task(spec, folder=tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def mak(): pass", "no function `make`; did you mean `mak`"),
        (
            "def make(): return 1 / 0",
            r"my_task.py:1\n  def make\(\): return 1 / 0\n  ZeroDivisionError: division by zero",
        ),
        ("import nothing_like_it", r"my_task.py:1\n.*\n  ModuleNotFoundError: No module named 'nothing_like_it'"),
        ("def make(:", r"my_task.py:1\n  def make\(:\n  SyntaxError"),
        ("def make(a): pass", r"TypeError: make\(\) missing 1 required positional argument"),
        ("def make(): return 3", "make returned int; expected a Task, arrays"),
        (
            "def make(): return {'x': [[1.0]], 'y': [1], 'tset': 2}",
            "returned an unknown key `tset`; did you mean `test`",
        ),
        (OWN.replace("outputs,", "outs,"), "returned an evaluator without `outputs`"),
        ("from nas.errors import TaskError\nraise TaskError('my own words')", "^my own words$"),
        ("from nas.errors import TaskError\ndef make(): raise TaskError('my own words')", "^my own words$"),
    ],
)
def test_errors(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(TaskError, match=message):
        load_subject(write(tmp_path, text), folder=tmp_path)
