"""What names a task: a file, and what follows it."""

from __future__ import annotations

from pathlib import Path

import pytest

from evaluators.tasks import anchored, load_task
from nas.errors import TaskError


def rows() -> str:
    lines = [f"{k},{k % 7},{k % 2}" for k in range(60)]
    return "\n".join(["a,b,bought", *lines]) + "\n"


def test_a_column_after_a_csv_is_its_target(tmp_path: Path) -> None:
    (tmp_path / "shop.csv").write_text(rows(), encoding="utf-8")
    named = load_task("shop.csv:bought", folder=tmp_path)
    spelt = load_task("shop.csv", {"target": "bought"}, folder=tmp_path)
    assert (named.inputs, named.outputs, named.metrics) == (spelt.inputs, spelt.outputs, spelt.metrics)
    assert named.inputs == ((2,),)


def test_a_column_of_words_is_not_called_empty(tmp_path: Path) -> None:
    (tmp_path / "shop.csv").write_text(rows().replace("a,b", "a,colour").replace(",3,", ",red,"), encoding="utf-8")
    words = "\n".join(["colour,bought", *(f"red,{k % 2}" for k in range(60))]) + "\n"
    (tmp_path / "words.csv").write_text(words, encoding="utf-8")
    with pytest.raises(TaskError, match="categorical") as problem:
        load_task("words.csv:bought", folder=tmp_path)
    assert "is empty" not in str(problem.value)


def test_an_array_is_not_printed_whole() -> None:
    with pytest.raises(TaskError, match=r"got a value of type list$"):
        load_task(list(range(100)))  # type: ignore[arg-type]


def test_a_task_by_absolute_paths_is_found_from_elsewhere(tmp_path: Path) -> None:
    for file in ("shop.csv", "shop.parquet", "my_task.py"):
        (tmp_path / file).touch()
    for folder in ("photos", "digits"):
        (tmp_path / folder).mkdir()
    for spec, expected in {
        "shop.csv:bought": f"{tmp_path}/shop.csv:bought",
        "shop.parquet:bought": f"{tmp_path}/shop.parquet:bought",
        "my_task.py:make": f"{tmp_path}/my_task.py:make",
        "photos": f"{tmp_path}/photos",
        "hf:photos": f"hf:{tmp_path}/photos",
        "hf:stanfordnlp/imdb": "hf:stanfordnlp/imdb",
        "digits": "digits",
        "nothing.csv": "nothing.csv",
        "": "",
        "a\0b": "a\0b",
    }.items():
        assert anchored(spec, {"test": 0.1}, tmp_path) == (expected, {"test": 0.1})


def test_the_folder_of_torchvision_is_part_of_the_task(tmp_path: Path) -> None:
    assert anchored("torchvision:CIFAR10", {}, tmp_path) == ("torchvision:CIFAR10", {"root": f"{tmp_path}/data"})
    assert anchored("torchvision:CIFAR10", {"root": "/there"}, tmp_path)[1] == {"root": "/there"}
    assert anchored("torchvision:CIFAR10", {"root": 3}, tmp_path)[1] == {"root": 3}
