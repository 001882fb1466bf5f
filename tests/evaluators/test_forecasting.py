"""Windows of series: what they hold, that they stay in their part, and that the training steps alone set the units."""

from __future__ import annotations

import numpy as np
import pytest

from evaluators.tasks import load_task
from evaluators.tasks.forecasting import forecasting
from nas.errors import TaskError


def test_windows_are_consecutive_steps_of_one_part() -> None:
    steps = np.arange(100.0)
    data = forecasting(np.stack([steps, -3 * steps], 1), 6, 2, test=0.2, validation=0.25)
    known = steps[:60]
    parts = {"train": (0, 60), "validation": (60, 80), "test": (80, 100)}
    for part, (begin, end) in parts.items():
        split = data.test.open("which steps?") if part == "test" else getattr(data, part)
        assert len(split) == end - begin - 8 + 1
        assert split.inputs[0].shape[1:] == (6, 2)
        assert split.targets.shape[1:] == (2, 2)
        whole = np.concatenate([split.inputs[0], split.targets], 1)
        back = whole[:, :, 0] * known.std() + known.mean()
        np.testing.assert_allclose(back, begin + np.arange(len(split))[:, None] + np.arange(8), atol=1e-4)
        np.testing.assert_allclose(whole[:, :, 1], -whole[:, :, 0], atol=1e-5)


def test_later_steps_do_not_set_the_units() -> None:
    series = np.random.default_rng(0).normal(size=(200, 3))
    wild = series.copy()
    wild[130:] *= 100
    one, two = forecasting(series, 8, 4), forecasting(wild, 8, 4)
    assert np.array_equal(one.train.inputs[0], two.train.inputs[0])
    assert not np.array_equal(one.validation.inputs[0], two.validation.inputs[0])


def test_seasons_are_there_to_be_learnt() -> None:
    """Yesterday says more than the last hour or the mean; one linear map per series says more; all series most of all."""
    data = load_task("seasons").data
    (x,), y = data.train.inputs, data.train.targets
    (seen,), truth = data.validation.inputs, data.validation.targets

    def wrong(guess: np.ndarray) -> float:
        return float(((guess - truth) ** 2).mean())

    def fitted(inputs: np.ndarray, targets: np.ndarray, new: np.ndarray) -> np.ndarray:
        size = inputs.shape[1]
        return new @ np.linalg.solve(inputs.T @ inputs + 10 * np.eye(size), inputs.T @ targets)

    rows = [array.swapaxes(1, 2).reshape(-1, array.shape[1]) for array in (x, y, seen)]
    alone = fitted(*rows).reshape(len(seen), 7, 24).swapaxes(1, 2)
    flat = [array.reshape(len(array), -1) for array in (x, y, seen)]
    together = fitted(*flat).reshape(truth.shape)
    errors = [wrong(seen[:, -1:]), wrong(np.zeros_like(truth)), wrong(seen[:, -24:]), wrong(alone), wrong(together)]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.3
    assert len({len(data.train), len(data.validation), len(data.test)}) == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"test": 0.01}, r"seasons: the test part has 44 steps, and one window has 96 \+ 24; change `test` or `validation`"),
        ({"validation": 0.01}, "the validation part has 35 steps"),
        ({"test": 0.99}, "the validation part has 9 steps, and one window|the train part has"),
        ({"test": 1.5}, "`test` is a share between 0 and 1, such as 0.2, got 1.5"),
        ({"validation": 0}, "`validation` is a share between 0 and 1"),
        ({"split_seed": 1}, "task `seasons` is divided in the order of time; `split_seed` cannot be set"),
    ],
)  # fmt: skip
def test_errors(options: dict[str, float], message: str) -> None:
    with pytest.raises(TaskError, match=message):
        load_task("seasons", options).data  # noqa: B018
