"""Folders of images: values, layout, order and parts; and one clear error for each thing that can be wrong."""

from __future__ import annotations

import sys
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from evaluators.tasks import Task, load_task
from evaluators.tasks.images import images_as_array
from nas.errors import TaskError

AS_THEY_ARE = {"standardise": "none"}


def image(path: Path, pixels: Any, mode: str | None = None, **options: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    made = Image.fromarray(np.asarray(pixels))
    (made if mode is None else made.convert(mode)).save(path, **options)


def flat(level: int, height: int = 4, width: int = 3) -> np.ndarray[Any, Any]:
    return np.full((height, width), level, np.uint8)


def photos(folder: Path, below: str = "", count: int = 6) -> Path:
    """Gray images, dark cats and bright dogs: the level of each is its own."""
    for number in range(count):
        image(folder / below / "cat" / f"{number}.png", flat(number))
        image(folder / below / "dog" / f"{number}.png", flat(100 + number))
    return folder


def levels(task: Task) -> list[list[int]]:
    splits = (task.data.train, task.data.validation, task.open_test("a test of the data"))
    return [np.rint(255 * split.inputs[0][:, 0, 0, 0]).astype(int).tolist() for split in splits]


def failure(folder: Path, **options: Any) -> str:
    with pytest.raises(TaskError) as caught:
        load_task(str(folder), options)
    return str(caught.value).replace(str(folder), "PHOTOS")


def test_values_and_layout_are_those_of_the_shipped_images(tmp_path: Path) -> None:
    task = load_task("photos", AS_THEY_ARE, photos(tmp_path / "photos").parent)
    assert (task.name, task.kind, task.classes) == ("photos", "classification", ("cat", "dog"))
    assert (task.inputs, task.outputs) == (((4, 3, 1),), ((2,),))
    found = levels(task)
    assert sorted(chain(*found)) == [*range(6), *range(100, 106)]
    for split, seen in zip((task.data.train, task.data.validation), found, strict=False):
        assert split.targets.tolist() == [level >= 100 for level in seen]
    standardised = load_task(str(tmp_path / "photos")).data.train.inputs[0]
    assert abs(standardised.mean()) < 1e-6
    assert abs(standardised.std() - 1) < 1e-6


def test_pixels_keep_their_places_and_channels(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (6, 5, 7, 3), dtype=np.uint8)
    for number, one in enumerate(pixels):
        image(tmp_path / "ab"[number % 2] / f"{number}.png", one)
    task = load_task(str(tmp_path), {**AS_THEY_ARE, "test": 0.3, "validation": 0.5})
    assert task.inputs == ((5, 7, 3),)
    splits = (task.data.train, task.data.validation, task.open_test("a test of the data"))
    found = {one.tobytes() for split in splits for one in split.inputs[0]}
    assert found == {(one / np.float32(255)).astype(np.float32).tobytes() for one in pixels}


def test_order_is_that_of_names_whatever_the_file_system_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = photos(tmp_path / "photos")
    before = levels(load_task(str(folder), AS_THEY_ARE))
    iterdir = Path.iterdir
    monkeypatch.setattr(Path, "iterdir", lambda path: iter(sorted(iterdir(path), reverse=True)))
    assert levels(load_task(str(folder), AS_THEY_ARE)) == before


@pytest.mark.parametrize("name", ["validation", "val"])
def test_parts_that_are_folders(tmp_path: Path, name: str) -> None:
    photos(tmp_path, "train", 6)
    photos(tmp_path, name, 2)
    photos(tmp_path, "test", 3)
    (tmp_path / "README.txt").write_text("where they are from")
    found = levels(load_task(str(tmp_path), AS_THEY_ARE))
    assert found == [[*range(6), *range(100, 106)], [0, 1, 100, 101], [0, 1, 2, 100, 101, 102]]


def test_a_part_that_is_missing_is_taken_from_the_training_images(tmp_path: Path) -> None:
    photos(tmp_path, "train", 6)
    photos(tmp_path, "test", 3)
    train, validation, test = levels(load_task(str(tmp_path), AS_THEY_ARE))
    assert test == [0, 1, 2, 100, 101, 102]
    assert sorted(train + validation) == [*range(6), *range(100, 106)]
    assert len(validation) == 2


def test_a_class_may_have_the_name_of_a_part(tmp_path: Path) -> None:
    for number in range(4):
        image(tmp_path / "train" / f"{number}.png", flat(number))
        image(tmp_path / "boat" / f"{number}.png", flat(number))
    assert load_task(str(tmp_path)).classes == ("boat", "train")


def test_hidden_files_are_nothing(tmp_path: Path) -> None:
    photos(tmp_path)
    (tmp_path / ".cache").mkdir()
    (tmp_path / "cat" / ".DS_Store").write_text("of a Mac")
    assert load_task(str(tmp_path)).classes == ("cat", "dog")


@pytest.mark.parametrize(("mode", "channels"), [("1", 1), ("L", 1), ("LA", 1), ("RGB", 3), ("RGBA", 3), ("P", 3)])
def test_modes(tmp_path: Path, mode: str, channels: int) -> None:
    for number in range(6):
        image(tmp_path / "ab"[number % 2] / f"{number}.png", flat(255), mode)
    task = load_task(str(tmp_path), AS_THEY_ARE)
    assert task.inputs == ((4, 3, channels),)
    assert (task.data.train.inputs[0] == 1).all()


def test_sixteen_bits_are_not_cut_off(tmp_path: Path) -> None:
    for number in range(6):
        image(tmp_path / "ab"[number % 2] / f"{number}.png", np.full((4, 3), 30_000, np.uint16))
    assert load_task(str(tmp_path), AS_THEY_ARE).data.train.inputs[0] == pytest.approx(30_000 / 65_535)
    colored = load_task(str(tmp_path), {**AS_THEY_ARE, "color": "rgb", "size": [2, 2]})
    assert colored.inputs == ((2, 2, 3),)
    assert colored.data.train.inputs[0] == pytest.approx(30_000 / 65_535)


def test_a_transparent_palette_is_read_by_its_colors(tmp_path: Path) -> None:
    for number in range(6):
        image(tmp_path / "ab"[number % 2] / f"{number}.png", flat(40), "P", transparency=bytes([0] * 256))
    assert load_task(str(tmp_path), {**AS_THEY_ARE, "color": "gray"}).data.train.inputs[0] == pytest.approx(40 / 255)


def test_photos_are_turned_as_the_camera_says(tmp_path: Path) -> None:
    turned = Image.Exif()
    turned[0x0112] = 6  # the camera was held upright
    for number in range(6):
        image(tmp_path / "ab"[number % 2] / f"{number}.png", flat(9, height=4, width=3), exif=turned)
    assert load_task(str(tmp_path)).inputs == ((3, 4, 1),)


def test_one_size_and_one_color_for_all(tmp_path: Path) -> None:
    for number in range(6):
        image(tmp_path / "ab"[number % 2] / f"{number}.png", flat(60, 4 + number, 5), "RGB" if number % 2 else "L")
    gray = load_task(str(tmp_path), {**AS_THEY_ARE, "size": [2, 3], "color": "gray"})
    assert gray.inputs == ((2, 3, 1),)
    assert gray.data.train.inputs[0] == pytest.approx(60 / 255)
    assert load_task(str(tmp_path), {"size": [6, 5], "color": "rgb"}).inputs == ((6, 5, 3),)


def test_images_that_differ(tmp_path: Path) -> None:
    photos(tmp_path)
    image(tmp_path / "cat" / "1.png", flat(1, 6, 5))
    assert failure(tmp_path) == (
        "PHOTOS/cat/1.png: 6 × 5 pixels, and PHOTOS/cat/0.png has 4 × 3; say which size all get, as [height, width]: "
        "`size: [4, 3]`"
    )
    image(tmp_path / "cat" / "1.png", flat(1), "RGB")
    assert failure(tmp_path) == (
        "PHOTOS/cat/1.png: in color, and PHOTOS/cat/0.png is gray; say what all become: `color: gray` or `color: rgb`"
    )


def test_images_that_cannot_be_read_are_listed(tmp_path: Path) -> None:
    photos(tmp_path)
    (tmp_path / "cat" / "notes.txt").write_text("no image")
    whole = (tmp_path / "dog" / "1.png").read_bytes()
    (tmp_path / "dog" / "1.png").write_bytes(whole[:-30])
    said = failure(tmp_path).split("\n\n")
    assert len(said) == 2
    assert said[0].startswith("PHOTOS/cat/notes.txt: not an image of a kind that Pillow reads")
    assert said[1].startswith("PHOTOS/dog/1.png: not a readable image (")
    for number in range(7):
        (tmp_path / "cat" / f"{number}.png").write_text("no image")
    assert failure(tmp_path).endswith("\n\nand 4 images more")


def test_numbers_without_a_range_are_no_image(tmp_path: Path) -> None:
    photos(tmp_path)
    image(tmp_path / "cat" / "1.tiff", np.full((4, 3), 0.5, np.float32))
    assert "cat/1.tiff: not a readable image (its numbers, of Pillow's mode F, have no range" in failure(tmp_path)


def test_folders_that_are_none(tmp_path: Path) -> None:
    assert failure(tmp_path).startswith("PHOTOS: no class folders; expected CLASS/IMAGE.png in it, such as cat/1.png")
    image(tmp_path / "1.png", flat(1))
    assert failure(tmp_path).startswith("PHOTOS: no class folders")
    photos(tmp_path)
    assert failure(tmp_path) == (
        "PHOTOS/1.png: an image beside the class folders; its class is the folder that it lies in"
    )
    (tmp_path / "1.png").unlink()
    (tmp_path / "bird").mkdir()
    assert failure(tmp_path) == "PHOTOS/bird: a class folder without images; delete it, or put images there"
    image(tmp_path / "bird" / "small" / "1.png", flat(1))
    assert failure(tmp_path) == (
        "PHOTOS/bird/small: a folder in the class folder `bird`; images lie right in their class folder"
    )


def test_parts_that_are_none(tmp_path: Path) -> None:
    photos(tmp_path, "train")
    image(tmp_path / "test" / "1.png", flat(1))
    assert failure(tmp_path) == (
        "PHOTOS: `train` holds class folders and `test` does not; either all folders in it are classes, or all are train, "
        "validation and test with class folders below"
    )
    (tmp_path / "test" / "1.png").unlink()
    photos(tmp_path, "test")
    photos(tmp_path, "val")
    photos(tmp_path, "validation")
    assert failure(tmp_path) == "PHOTOS: `val` and `validation` are both validation; keep one"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"color": "grey"}, "photos: `color` is gray or rgb, got 'grey'; did you mean `gray`?"),
        ({"size": 32}, "photos: `size` is [height, width] in pixels, such as [32, 32], got 32"),
        ({"size": [32]}, "such as [32, 32], got [32]"),
        ({"size": [32, 0]}, "such as [32, 32], got [32, 0]"),
        ({"colour": "gray"}, "has no option `colour`; did you mean `color`?; it has color, size, test, validation"),
    ],
)
def test_options(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    assert message in failure(photos(tmp_path / "photos"), **options)


def test_no_images_at_all() -> None:
    with pytest.raises(TaskError, match=r"^photos: holds no images$"):
        images_as_array([], color=None, size=None, name="photos")


def test_without_pillow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = photos(tmp_path / "photos")
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    assert failure(folder) == "task `photos` needs the package pillow: pip install pillow"
