"""Data that stay in their files: the same training as from memory, with little of it in memory."""

import pickle
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

from evaluators.cohorts.eligibility import why_alone
from evaluators.tasks import load_task, task_from_arrays
from evaluators.tasks.task import Task
from evaluators.training import train
from nas.codegen import source
from nas.errors import SpaceError, TaskError
from nas.experiment.codes import check_codes
from nas.space import Space, space_from_text
from nas.study.candidate import Job
from nas.study.latency import Protocol

RNG = np.random.default_rng(0)
X = RNG.integers(0, 256, (60, 4, 3)).astype(np.uint8)
Y = np.array(["cat", "dog", "eel"])[(X.mean((1, 2)) > 120).astype(int) + (X[:, 0, 0] > 200)]


def stored(folder: Path, **arrays: Any) -> Path:
    folder.mkdir(exist_ok=True)
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    return folder


def trained(task: Task, job: Job, protocol: Protocol | None = None) -> Any:
    steps = train(job, task, protocol=protocol)
    try:
        while True:
            next(steps)
    except StopIteration as end:
        return end.value


def space_of(model: str, n_classes: int = 3) -> Space:
    return space_from_text(
        "space: one\ninputs: {x: [rows, columns]}\noutputs: [classes]\n"
        f"sizes: {{rows: 4, columns: 3, classes: {n_classes}}}\naxes: [extra]\nmodel: |\n  return {model}\n"
    )


def job_for(task: Task) -> Job:
    graph = space_of("linear(relu(linear(flatten(x), 8)), classes)", task.outputs[0][0]).sample(Random(0)).graph
    return Job(0, {}, source(graph), {"batch_size": 8}, 1, {"epochs": 3}, graph=graph)


@pytest.mark.parametrize("standardise", ["whole", "columns", "none"])
def test_training_is_the_same_as_from_memory(tmp_path: Path, standardise: Any) -> None:
    numbers = {"cat": 0, "dog": 1, "eel": 2}
    y = np.array([numbers[word] for word in Y])
    folder = stored(tmp_path / "d", x_train=X[:40], y_train=y[:40], x_validation=X[40:50], y_validation=y[40:50],
                    x_test=X[50:], y_test=y[50:])  # fmt: skip
    streamed = load_task(str(folder), {"standardise": standardise, "kind": "classification"})
    parts = np.repeat(["train", "validation", "test"], [40, 10, 10])
    memory = task_from_arrays(X, y, kind="classification", split=parts, standardise=standardise)
    one, other = (trained(task, job_for(task)) for task in (streamed, memory))
    assert one.state == other.state == "complete"
    for ours, theirs in zip(one.curve, other.curve, strict=True):
        assert ours.metrics == pytest.approx(theirs.metrics, rel=1e-4)
    assert streamed.classes == memory.classes == ("0", "1", "2")


def test_its_latency_is_that_of_prepared_samples(tmp_path: Path) -> None:
    task = load_task(str(stored(tmp_path / "d", x=X, y=Y)))
    assert trained(task, job_for(task), Protocol(repeats=1, warmup=0)).metrics["latency"] > 0


def test_what_is_not_divided_is_divided_in_order(tmp_path: Path) -> None:
    folder = stored(tmp_path / "d", left=X, right=np.arange(60.0), z=np.linspace(0, 1, 60))
    task = load_task(str(folder), {"inputs": ["left", "right"], "target": "z", "test": 0.1, "validation": 0.2})
    assert task.kind == "regression"
    assert task.inputs == ((4, 3), (1,))
    data = task.data
    assert [len(data.train), len(data.validation), len(data.test)] == [43, 11, 6]
    assert (data.validation.inputs[1].opened() == np.arange(43.0, 54.0)).all()
    test = task.tensors(task.open_test("to see it"))
    assert test.targets[0, 0].item() == pytest.approx((54 / 59 - data.target_mean) / data.target_scale, abs=1e-6)  # type: ignore[operator]


def test_a_test_file_alone_leaves_validation_to_the_training_file(tmp_path: Path) -> None:
    folder = stored(tmp_path / "d", x_train=X[:50], y_train=Y[:50], x_test=X[50:], y_test=Y[50:])
    data = load_task(str(folder)).data
    assert [len(data.train), len(data.validation), len(data.test)] == [40, 10, 10]
    assert data.standardised[0].mean == pytest.approx(X[:40].mean())
    assert data.standardised[0].spread == pytest.approx(X[:40].std())


def test_moments_of_pieces_are_those_of_the_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evaluators.tasks.stored.CHUNK_BYTES", 8 * 12 * 7)
    folder = stored(tmp_path / "d", x=X, y=Y)
    for mode, axis in (("whole", None), ("columns", 0)):
        found = load_task(str(folder), {"standardise": mode}).data.standardised[0]
        train = X[:38].astype(float)  # 0.8 of what is not test
        assert found.mean == pytest.approx(train.mean(axis))
        assert found.spread == pytest.approx(train.std(axis))


def test_it_travels_light_and_trains_alone(tmp_path: Path) -> None:
    folder = stored(tmp_path / "d", x=np.zeros((3_000, 40), np.uint8), y=np.arange(3_000) % 3)
    task = load_task(str(folder), {"standardise": "none"})
    assert len(pickle.dumps(task.data)) < 50_000 < 3_000 * 40
    assert why_alone(job_for(task), task, "cpu") == "its data are read from files while it trains"


@pytest.mark.slow
def test_memory_does_not_hold_the_data(tmp_path: Path) -> None:
    """256 MiB of bytes, which would be 1 GiB of numbers."""
    folder = tmp_path / "d"
    folder.mkdir()
    np.lib.format.open_memmap(folder / "x.npy", mode="w+", dtype=np.uint8, shape=(4096, 65_536)).flush()  # type: ignore[no-untyped-call]
    np.save(folder / "y.npy", np.arange(4096) % 2)
    program = (
        "import sys, torch\nfrom evaluators.batches import Batches\nfrom evaluators.tasks import load_task\n"
        "def own():\n    lines = open('/proc/self/status').read().splitlines()\n"
        "    return next(int(line.split()[1]) for line in lines if line.startswith('RssAnon')) / 1024\n"
        "task = load_task(sys.argv[1])\nbefore = own()\npart = task.resident().train\n"
        "batches = Batches(part, 32, None, 0, 'cpu').stream()\n"
        "for _ in range(64):\n    inputs, target = next(batches)\n"
        "assert inputs[0].dtype == torch.float32 and inputs[0].shape == (32, 65_536)\nprint(own() - before)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(folder)], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 700


@pytest.mark.parametrize(
    ("arrays", "options", "said"),
    [
        ({"x": X}, {}, "expected `y.npy` or `y_train.npy` here; the folder holds x.npy"),
        ({"y": Y}, {}, "x.npy: there is no such file, and the target has one like it"),
        ({"x": X[:9], "y": Y}, {}, "as many each, got x.npy 9, y.npy 60"),
        ({"x": Y, "y": Y}, {}, "expected numbers, one sample a row, got <U3 of shape [60]"),
        ({"x": X, "y": Y}, {"kind": "guess"}, "`kind` is one of classification, regression, got 'guess'"),
        ({"x": X, "y": Y}, {"groups": "g"}, "groups"),
    ],
)
def test_mistakes(tmp_path: Path, arrays: dict[str, Any], options: dict[str, Any], said: str) -> None:
    with pytest.raises(TaskError) as error:
        load_task(str(stored(tmp_path / "d", **arrays)), options)
    assert said in str(error.value)


def test_mistakes_that_show_when_data_are_read(tmp_path: Path) -> None:
    x = X.astype(float)
    x[5, 1, 1] = np.nan
    folder = stored(tmp_path / "d", x=x, y=Y)
    with pytest.raises(TaskError, match="sample 5 has a value that is not finite"):
        _ = load_task(str(folder)).data
    (folder / "x.npy").write_bytes(b"no array")
    with pytest.raises(TaskError, match=r"not a readable .npy file"):
        load_task(str(folder))
    task = load_task(str(stored(folder, x=X, y=Y)), {"standardise": "none"})
    np.save(folder / "x.npy", X[:20])
    with pytest.raises(TaskError, match="has changed while it was used"):
        task.resident()


def test_codes_are_not_streamed(tmp_path: Path) -> None:
    task = load_task(str(stored(tmp_path / "d", x=X, y=Y)), {"standardise": "none"})
    space = space_of("linear(flatten(embedding(x, 4, 5, into=extra)), classes)")
    with pytest.raises(SpaceError, match="data that are read from files while training hold no codes"):
        check_codes(space, task)
