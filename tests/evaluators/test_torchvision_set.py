"""Data sets of torchvision, against a stand-in.

torchvision is not among the packages that these tests install. The stand-in has the interface that its documentation
states: constructors `(root, train=True, transform=None, target_transform=None, download=False)`, or with
`split="train"`; items `(Pillow image, target)`; `classes`; a RuntimeError where data are missing. It shows what is
asked of the library, not that the library answers so.
"""

from __future__ import annotations

import sys
from itertools import chain
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

from evaluators.tasks import Task, load_task
from nas.errors import TaskError

CALLS: list[dict[str, Any]] = []


class Base:
    """Samples of one gray level each: 0 to 19 to learn from, 100 to 109 to test."""

    def __init__(self, root: str, train: bool, download: bool = False, side: int = 4, **more: Any) -> None:
        CALLS.append({"root": root, "train": train, "download": download, **more})
        if not Path(root, "there").exists() and not download:
            raise RuntimeError("Dataset not found or corrupted. You can use download=True to download it")
        self.levels, self.side = list(range(20)) if train else list(range(100, 110)), side

    def __len__(self) -> int:
        return len(self.levels)

    def __getitem__(self, sample: int) -> tuple[Any, Any]:
        level = self.levels[sample]
        return Image.fromarray(np.full((self.side, 3, 3), level, np.uint8)), level % 2


class CIFAR10(Base):
    classes = ("dog", "cat")

    def __init__(
        self, root: str, train: bool = True, transform: Any = None, target_transform: Any = None, download: bool = False
    ) -> None:
        super().__init__(root, train, download)


class EMNIST(CIFAR10):
    """Has parts of two kinds, and hands `train` on."""

    def __init__(self, root: str, split: str, **kwargs: Any) -> None:
        super().__init__(root, **kwargs)
        CALLS[-1]["split"] = split


class SVHN(Base):
    """Knows its parts by name, and has no names of classes."""

    def __init__(self, root: str, split: str = "train", transform: Any = None, download: bool = False) -> None:
        super().__init__(root, split != "test", download, split=split)


class Omniglot(Base):
    """Has no parts, cannot be downloaded, and two classes of one name."""

    classes = ("a", "a")

    def __init__(self, root: str, transform: Any = None) -> None:
        super().__init__(root, True)


class Flowers(SVHN):
    """Images of two sizes."""

    def __getitem__(self, sample: int) -> tuple[Any, Any]:
        image, target = super().__getitem__(sample)
        return image.resize((3 + sample, 4)), target


class Detection(Omniglot):
    def __getitem__(self, sample: int) -> tuple[Any, Any]:
        return super().__getitem__(sample)[0], {"boxes": []}


@pytest.fixture(autouse=True)
def _torchvision(monkeypatch: pytest.MonkeyPatch) -> None:
    CALLS.clear()
    package, module = ModuleType("torchvision"), ModuleType("torchvision.datasets")
    for made in (CIFAR10, EMNIST, SVHN, Omniglot, Flowers, Detection):
        setattr(module, made.__name__, made)
    package.datasets = module  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torchvision", package)
    monkeypatch.setitem(sys.modules, "torchvision.datasets", module)


def home(folder: Path, root: str = "data") -> Path:
    (folder / root).mkdir()
    (folder / root / "there").touch()
    return folder


def levels(task: Task) -> list[list[int]]:
    splits = (task.data.train, task.data.validation, task.open_test("a test of the data"))
    return [np.rint(255 * split.inputs[0][:, 0, 0, 0]).astype(int).tolist() for split in splits]


def load(name: str, folder: Path, **options: Any) -> Task:
    return load_task(f"torchvision:{name}", {"standardise": "none", **options}, folder)


def failure(name: str, folder: Path, **options: Any) -> str:
    with pytest.raises(TaskError) as caught:
        load(name, folder, **options)
    return str(caught.value).replace(str(folder), "HOME")


def test_the_published_test_part_is_the_sealed_one(tmp_path: Path) -> None:
    task = load("CIFAR10", home(tmp_path))
    assert (task.name, task.inputs, task.classes) == ("torchvision:CIFAR10", ((4, 3, 3),), ("cat", "dog"))
    train, validation, test = levels(task)
    assert sorted(train + validation) == [*range(20)]
    assert len(validation) == 4
    assert test == [*range(100, 110)]
    names = [task.classes[target] for target in task.data.train.targets]
    assert names == [CIFAR10.classes[level % 2] for level in train]


def test_nothing_is_downloaded_unless_asked(tmp_path: Path) -> None:
    assert failure("CIFAR10", tmp_path) == (
        "torchvision:CIFAR10: Dataset not found or corrupted. You can use download=True to download it\n"
        "Its data are looked for in HOME/data: `root: FOLDER` says where they are, `download: true` fetches them"
    )
    load("CIFAR10", tmp_path, download=True, root="elsewhere")
    assert [call["download"] for call in CALLS] == [False, True, True]
    assert CALLS[-1]["root"] == str(tmp_path / "elsewhere")


def test_parts_by_name(tmp_path: Path) -> None:
    task = load("SVHN", home(tmp_path))
    assert (task.classes, levels(task)[2]) == (("0", "1"), [*range(100, 110)])
    assert [call["split"] for call in CALLS] == ["train", "test"]
    load("SVHN", tmp_path, split={"train": "extra", "validation": "train", "test": "test"})
    assert [call["split"] for call in CALLS[2:]] == ["extra", "train", "test"]


def test_more_arguments(tmp_path: Path) -> None:
    load("EMNIST", home(tmp_path), arguments={"split": "letters"})
    assert [(call["split"], call["train"]) for call in CALLS] == [("letters", True), ("letters", False)]
    assert failure("EMNIST", tmp_path).startswith("torchvision:EMNIST: ")


def test_without_parts_all_are_divided(tmp_path: Path) -> None:
    task = load("Omniglot", home(tmp_path), test=0.3)
    assert sorted(chain(*levels(task))) == [*range(20)]
    assert len(task.data.test) == 6
    assert task.classes == ("0", "1"), "names that are not distinct are not used"


def test_images_of_several_sizes(tmp_path: Path) -> None:
    said = failure("Flowers", home(tmp_path))
    assert (
        "torchvision:Flowers, sample 1 of train: 4 × 4 pixels, and torchvision:Flowers, sample 0 of train has 4 × 3"
        in said
    )
    assert load("Flowers", tmp_path, size=[5, 5], color="gray").inputs == ((5, 5, 1),)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("CIFAR11", {}, "torchvision:CIFAR11: torchvision.datasets has no `CIFAR11`; did you mean `CIFAR10`?"),
        ("CIFAR10", {"root": 3}, "torchvision:CIFAR10: `root` is the folder with the data, got 3"),
        ("CIFAR10", {"download": "yes"}, "torchvision:CIFAR10: `download` is true or false, got 'yes'"),
        ("EMNIST", {"arguments": "letters"}, "torchvision:EMNIST: `arguments` maps names to values, such as {split: letters}, got 'letters'"),
        ("CIFAR10", {"split": {"train": "a"}}, "torchvision:CIFAR10: does not know its parts by name, so `split` does not apply"),
        ("SVHN", {"split": {"test": "a"}}, "torchvision:SVHN: `split` names its `train`, and perhaps `validation` and `test`, got {'test': 'a'}"),
        ("Omniglot", {"download": True}, "torchvision:Omniglot: torchvision cannot download it; put it where `root` says"),
        ("Detection", {}, "torchvision:Detection: its targets are no numbers, such as {'boxes': []}; use your own function: FILE.py:make"),
        ("CIFAR10", {"train": True}, "task `torchvision:CIFAR10` has no option `train`; it has root, download, split, arguments"),
    ],
)  # fmt: skip
def test_what_can_be_wrong(tmp_path: Path, name: str, options: dict[str, Any], message: str) -> None:
    assert message in failure(name, home(tmp_path), **options)


def test_without_torchvision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchvision.datasets", None)
    expected = "task `torchvision:CIFAR10` needs the package torchvision: pip install torchvision"
    assert failure("CIFAR10", tmp_path) == expected
