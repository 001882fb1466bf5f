"""Data sets of Hugging Face's library, written by it, read through it, without a network."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from evaluators.tasks import Task, load_task
from nas.errors import TaskError

datasets = pytest.importorskip("datasets")

PIXELS = np.random.default_rng(0).integers(0, 256, (24, 4, 3, 3), dtype=np.uint8)
NUMBERS: dict[str, Any] = {
    "a": [k / 3 for k in range(24)],
    "b": list(range(24)),
    "spectrum": [[k, k / 7] for k in range(24)],
    "label": ["even", "odd"] * 12,
    "who": [k // 4 for k in range(24)],
}


@pytest.fixture(autouse=True)
def _no_bars() -> Any:
    datasets.disable_progress_bars()
    yield
    datasets.enable_progress_bars()


def pictures() -> Any:
    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=["wide", "tall"])})
    columns = {"image": [Image.fromarray(one) for one in PIXELS], "label": [k % 2 for k in range(24)]}
    return datasets.Dataset.from_dict(columns, features=features)


def saved(folder: Path, **splits: Any) -> Path:
    whole = splits.pop("whole", None)
    (datasets.DatasetDict(splits) if whole is None else whole).save_to_disk(str(folder / "set"))
    return folder


def numbers(**changes: Any) -> Any:
    return datasets.Dataset.from_dict({**NUMBERS, **changes})


def load(folder: Path, **options: Any) -> Task:
    return load_task("hf:set", options, folder)


def failure(folder: Path, **options: Any) -> str:
    with pytest.raises(TaskError) as caught:
        load(folder, **options)
    return str(caught.value)


def rows(task: Task) -> list[np.ndarray[Any, Any]]:
    return [s.inputs[0] for s in (task.data.train, task.data.validation, task.open_test("a test of the data"))]


def test_images_and_named_classes(tmp_path: Path) -> None:
    task = load(saved(tmp_path, whole=pictures()), standardise="none")
    assert (task.name, task.kind, task.classes) == ("hf:set", "classification", ("tall", "wide"))
    assert task.inputs == ((4, 3, 3),)
    levels = {one.tobytes(): "wide" if k % 2 == 0 else "tall" for k, one in enumerate(PIXELS)}
    train = task.data.train
    for one, target in zip(np.rint(train.inputs[0] * 255).astype(np.uint8), train.targets, strict=True):
        assert levels[one.tobytes()] == task.classes[target]
    smaller = load(tmp_path, color="gray", size=[2, 2])
    assert smaller.inputs == ((2, 2, 1),)


def test_published_splits_are_the_parts(tmp_path: Path) -> None:
    whole = numbers()
    parts = {"train": whole.select(range(14)), "dev": whole.select(range(14, 18)), "test": whole.select(range(18, 24))}
    saved(tmp_path, **parts, unsupervised=whole)
    found = rows(load(tmp_path, x="b", standardise="none"))
    assert [part[:, 0].tolist() for part in found] == [[*range(14)], [*range(14, 18)], [*range(18, 24)]]
    named = rows(load(tmp_path, x="b", split={"train": "unsupervised", "test": "dev"}, standardise="none"))
    assert named[2][:, 0].tolist() == [14, 15, 16, 17]
    assert len(named[0]) + len(named[1]) == 24
    divided = rows(load(tmp_path, x="b", split="unsupervised", standardise="none"))
    assert sorted(np.concatenate(divided)[:, 0].tolist()) == [*range(24)]


def test_numbers_are_one_input_and_each_list_is_one(tmp_path: Path) -> None:
    saved(tmp_path, train=numbers())
    task = load(tmp_path, x=["a", "spectrum", "b"], groups="who", standardise="none")
    assert task.inputs == ((2,), (2,))
    assert task.features == ()
    (pair, spectrum) = task.data.train.inputs
    assert np.allclose(pair[:, 0], pair[:, 1] / 3)
    assert np.allclose(spectrum[:, 1], pair[:, 1] / 7)
    assert len(task.data.train) % 4 == 0, "groups of four stay whole"
    assert load(tmp_path, x=["a", "b"]).features == ("a", "b")
    assert load(tmp_path, x=["a", "spectrum", "b"]).columns == (("a", "b"), ("spectrum",))


def test_quantities_are_read_to_their_last_digit(tmp_path: Path) -> None:
    exact = [1e9 + k for k in range(24)]
    task = load(saved(tmp_path, whole=numbers(a=exact)), x="b", y="a")
    assert task.kind == "regression"
    wanted = task.data.train.targets[:, 0] * task.data.target_scale + task.data.target_mean
    assert np.abs(np.sort(wanted)[:, None] - exact).min(axis=1).max() < 1e-3


def test_rows_that_were_chosen_are_those_that_are_read(tmp_path: Path) -> None:
    chosen = numbers().select([*range(23, 11, -1)])
    found = rows(load(saved(tmp_path, whole=chosen), x="b", standardise="none"))
    assert sorted(np.concatenate(found)[:, 0].tolist()) == [*range(12, 24)]


def test_gaps_may_be_filled(tmp_path: Path) -> None:
    saved(tmp_path, whole=numbers(a=[None, *NUMBERS["a"][1:]]))
    assert "input 0 has 1 values that are not finite, the first is nan at [0, 0]" in failure(tmp_path, x="a")
    assert load(tmp_path, x="a", missing="mean").inputs == ((1,),)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "hf:set: column `words` holds string, and inputs are images, numbers or lists of numbers; say which columns to predict from: `x: [COLUMN, …]`"),
        ({"x": "ragged"}, "hf:set: column `ragged` has lists of different lengths, or none in some sample"),
        ({"x": "pair"}, "hf:set: column `pair` holds dict, and inputs are"),
        ({"x": "wide"}, "hf:set: no column `wide`; it has `a`, `b`"),
        ({"x": "b", "y": "lable"}, "hf:set: no column `lable`; did you mean `label`?; it has"),
        ({"x": ["a", "label"]}, "hf:set: `x` is one or more columns other than `label`, got `a`, `label`"),
        ({"x": 3}, "hf:set: `x` names a column or several, got 3"),
        ({"x": ["a", 3]}, "hf:set: `x` names a column or several, got ['a', 3]"),
        ({"y": ["label"]}, "hf:set: `y` names a column, got ['label']"),
        ({"x": []}, "other than `label`, got none"),
        ({"x": "b", "y": "gaps"}, "hf:set: 1 samples have no word in `gaps`, the first is sample 0. A part without labels"),
        ({"x": "b", "split": "train"}, "hf:set: has no named splits, so `split` does not apply"),
        ({"x": "b", "splits": "train"}, "task `hf:set` has no option `splits`; did you mean `split`?; it has config, split, x, y"),
    ],
)  # fmt: skip
def test_columns_that_cannot_be_used(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    words, ragged = ["one"] * 24, [[1] * (1 + k % 2) for k in range(24)]
    more = {"words": words, "ragged": ragged, "pair": [{"p": 1}] * 24, "gaps": [None, *words[1:]]}
    assert message in failure(saved(tmp_path, whole=numbers(**more)), **options)


@pytest.mark.parametrize(
    ("split", "message"),
    [
        ("tran", "hf:set: no split `tran`; did you mean `train`?; it has `train`, `test`"),
        ({"test": "test"}, "hf:set: `split` is a name, or names for `train`, and perhaps `validation` and `test`, got {'test'"),
        ({"train": ["train"]}, "hf:set: no split `['train']`; did you mean `train`?; it has `train`, `test`"),
        ({"train": "train", "tset": "test"}, "`split` is a name, or names for"),
        ({"train": "train", "test": "tests"}, "hf:set: no split `tests`; did you mean `test`?"),
        (None, "hf:set: no column `b` in the split of test; it has `a`"),
    ],
)  # fmt: skip
def test_splits_that_are_none(tmp_path: Path, split: Any, message: str) -> None:
    saved(tmp_path, train=numbers(), test=numbers().remove_columns("b"))
    assert message in failure(tmp_path, x="b", **({} if split is None else {"split": split}))


def test_splits_that_do_not_say_which_they_are(tmp_path: Path) -> None:
    saved(tmp_path, clean=numbers(), noisy=numbers())
    assert failure(tmp_path) == "hf:set: say which split to learn from: `split: NAME`; it has `clean`, `noisy`"


def test_splits_that_do_not_fit_together(tmp_path: Path) -> None:
    saved(tmp_path, train=numbers(), test=numbers(b=["x"] * 24))
    assert failure(tmp_path, x="b").startswith("hf:set: its splits do not fit together: ")


def test_a_test_split_without_labels(tmp_path: Path) -> None:
    features = datasets.Features({"b": datasets.Value("int64"), "label": datasets.ClassLabel(names=["no", "yes"])})
    train = datasets.Dataset.from_dict({"b": [*range(12)], "label": [0, 1] * 6}, features=features)
    test = datasets.Dataset.from_dict({"b": [*range(4)], "label": [-1] * 4}, features=features)
    saved(tmp_path, train=train, test=test)
    assert failure(tmp_path) == (
        "hf:set: 4 samples have no class in `label`, the first is sample 12 of test. A part without labels can be left out: "
        "`split: {train: NAME}`"
    )
    assert load(tmp_path, split={"train": "train"}).classes == ("no", "yes")


def test_a_target_that_nobody_names(tmp_path: Path) -> None:
    saved(tmp_path, whole=numbers().remove_columns("label"))
    assert failure(tmp_path) == ("hf:set: say which column to predict: `y: COLUMN`; it has `a`, `b`, `spectrum`, `who`")


def test_an_image_that_is_none(tmp_path: Path) -> None:
    columns = {"image": [None, *[Image.fromarray(one) for one in PIXELS[1:]]], "label": [k % 2 for k in range(24)]}
    saved(tmp_path, whole=datasets.Dataset.from_dict(columns, features=pictures().features))
    assert failure(tmp_path) == "hf:set, sample 0 of `image`: not a readable image (there is none)"


def test_a_folder_that_the_library_did_not_write(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    assert failure(tmp_path).startswith("hf:set: datasets.load_from_disk does not find it: ")


def test_a_name_is_found_in_the_librarys_own_cache(tmp_path: Path) -> None:
    """In the layout of its cache; the library itself looks there, where it is told to stay off the network."""
    from datasets.arrow_writer import ArrowWriter

    whole, place = numbers(), tmp_path / "me___shapes" / "default" / "0.0.0" / "0123abcd"
    place.mkdir(parents=True)
    with ArrowWriter(features=whole.features, path=str(place / "shapes-train.arrow")) as writer:
        for row in whole:
            writer.write(row)
        n, size = writer.finalize()
    split = {"name": "train", "num_bytes": size, "num_examples": n, "dataset_name": "shapes"}
    datasets.DatasetInfo(
        features=whole.features,
        builder_name="parquet",
        dataset_name="shapes",
        config_name="default",
        version="0.0.0",
        splits={"train": split},
    ).write_to_directory(str(place))
    program = (
        "from evaluators.tasks import load_task\nfrom nas.errors import TaskError\n"
        "task = load_task('hf:me/shapes', {'x': ['a', 'b'], 'config': 'default'})\n"
        "print(task.name, task.inputs, task.classes)\n"
        "try:\n    load_task('hf:me/circles')\nexcept TaskError as error:\n    print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "HF_HUB_OFFLINE": "1", "HF_DATASETS_CACHE": str(tmp_path)},
    )
    found, problem = done.stdout.strip().split("\n", 1)
    assert found == "hf:shapes ((2,),) ('even', 'odd')"
    assert problem.startswith("hf:circles: datasets.load_dataset does not find it: ")


def test_without_the_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    assert failure(tmp_path) == "task `hf:set` needs the package datasets: pip install datasets"
