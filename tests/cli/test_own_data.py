"""Data of one's own on the command line: named from where one stands, or from an experiment file's folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml

from nas.cli import main

TWO_AXES = "space: two\ninputs: {x: [height, width, channels]}\noutputs: [targets]\nmodel: return linear(flatten(x), targets)\n"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of images, a table and a data set, beside a space; the test runs one folder above."""
    image = pytest.importorskip("PIL.Image")
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    place = tmp_path / "mine"
    levels = np.random.default_rng(0).integers(0, 256, (24, 4, 3), dtype=np.uint8)
    for number, pixels in enumerate(levels):
        file = place / "photos" / ("cat", "dog")[number % 2] / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        image.fromarray(pixels).save(file)
    parquet.write_table(arrow.table({"a": range(40), "b": [k % 2 for k in range(40)]}), place / "table.parquet")
    (place / "two.yaml").write_text(TWO_AXES, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return place


def experiment(home: Path, task: str) -> str:
    text = f"space: mlp\ntask: {task}\ntrials: 1\nbudget: {{epochs: 1}}\nengine: inline\n"
    (home / "my.yaml").write_text(text, encoding="utf-8")
    return "mine/my.yaml"


def test_a_space_takes_the_shape_of_images(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "mine/two.yaml", "--task", "mine/photos"]) == 0
    assert "[height=4, width=3, channels=1]" in capsys.readouterr().out
    assert main(["check", "mine/two.yaml", "--task", "mine/photos"]) == 0


@pytest.mark.parametrize(
    ("task", "located"),
    [
        ("photos", "photos"),
        ("{name: photos, size: [2, 2], color: rgb}", "photos"),
        ("table.parquet:b", "table.parquet:b"),
    ],
)
def test_a_search(home: Path, task: str, located: str) -> None:
    assert main(["search", experiment(home, task), "-d", "run", "--quiet"]) == 0
    kept = yaml.safe_load(Path("run/experiment.yaml").read_text(encoding="utf-8"))["task"]
    assert (kept["name"] if isinstance(kept, dict) else kept) == str(home / located)
    assert main(["resume", "run", "--trials", "2", "--quiet"]) == 0


def test_a_search_on_a_saved_data_set(home: Path) -> None:
    datasets = pytest.importorskip("datasets")
    datasets.disable_progress_bars()
    datasets.Dataset.from_dict({"a": [*range(40)], "label": [k % 2 for k in range(40)]}).save_to_disk(str(home / "set"))
    datasets.enable_progress_bars()
    assert main(["search", experiment(home, "hf:set"), "-d", "run", "--quiet"]) == 0
    assert f"hf:{home}/set" in Path("run/experiment.yaml").read_text(encoding="utf-8")


def test_a_run_is_named_after_its_data(home: Path) -> None:
    arguments = ["search", "mlp", "--task", "mine/table.parquet:b", "--trials", "1", "--epochs", "1", "--quiet"]
    assert main(arguments) == 0
    assert Path("runs/mlp-on-table").is_dir()
