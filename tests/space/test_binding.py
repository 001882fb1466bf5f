"""How the shapes of a task become the sizes of a space's axes."""

from __future__ import annotations

import random

import pytest
from small_spaces import small

from nas.errors import SpaceError
from nas.space import Space
from nas.space.binding import fitted


@pytest.mark.parametrize(
    ("shape", "axes", "given"),
    [
        ((40,), 1, (40,)),
        ((40,), 3, (40, 1, 1)),
        ((28, 28), 3, (28, 28, 1)),
        ((28, 28, 3), 3, (28, 28, 3)),
        ((28, 28, 3), 1, (2352,)),
        ((), 1, (1,)),
        ((), 2, (1, 1)),
        ((3, 32, 32), 2, None),
    ],
)
def test_a_shape_on_so_many_axes(shape: tuple[int, ...], axes: int, given: tuple[int, ...] | None) -> None:
    assert fitted(shape, axes) == given


def forecast() -> Space:
    return small(
        "return linear(x, horizon, axis=steps)",
        inputs="{x: [steps, series]}",
        outputs="[horizon, series]",
        sizes="{}",
    )


@pytest.mark.parametrize(
    ("inputs", "outputs", "sizes"),
    [
        ([[40]], [[10]], (40, 10, 1)),
        ([[40, 7]], [[10, 7]], (40, 10, 7)),
        ([[40, 1]], [[10]], (40, 10, 1)),
    ],
)
def test_a_task_with_fewer_axes(inputs: list[list[int]], outputs: list[list[int]], sizes: tuple[int, ...]) -> None:
    """One series is a forecast like many, whether the task gives its axis or not."""
    steps, horizon, series = sizes
    bound = forecast().bind(inputs, outputs)
    assert bound.sizes == {"steps": steps, "horizon": horizon, "series": series}
    built = bound.sample(random.Random(0))
    assert built.graph.nodes[built.graph.outputs[0]].type.shape == bound.output_shape == (horizon, series)
    assert built.costs.params == steps * horizon + horizon


def test_a_task_with_other_axes() -> None:
    with pytest.raises(
        SpaceError, match=r"\[steps, series\], the task's has the sizes \[3, 4, 5\]; name 3 axes, or one"
    ):
        forecast().bind([[3, 4, 5]], [[10]])
    with pytest.raises(SpaceError, match="the sizes of its input, so `series` is 7; this task wants the sizes"):
        forecast().bind([[40, 7]], [[10]])
