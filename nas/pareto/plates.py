"""All pictures of a study for a paper, and its table, in one go."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from nas.errors import ParetoError
from nas.pareto.curves import draw_band, draw_history, draw_trends
from nas.pareto.figures import draw_frontier
from nas.pareto.latex import latex_table
from nas.pareto.paper import FORMATS
from nas.pareto.trends import trends
from nas.pareto.uncertainty import frontier_band

if TYPE_CHECKING:
    from nas.pareto.confirmation import Confirmation
    from nas.pareto.front import Front
    from nas.pareto.published import PublishedPoint


def draw_all(
    front: Front, folder: str | Path, confirmation: Confirmation | None = None, published: Sequence[PublishedPoint] = ()
) -> list[Path]:
    """Write every picture that there is something to show in, in each format, and `frontier.tex`.

    Args:
        folder: made if it is not there.
        confirmation: gives the band, and means beside the frontier.
        published: drawn beside the frontier.
    Returns: the files written.
    Raises: ParetoError: the folder cannot be made or written to.
    """
    folder = Path(folder)
    plates: dict[str, Callable[[Path], Path]] = {"hypervolume": partial(draw_history, front)}
    if len(front.record.objectives) > 1:
        plates["frontier"] = partial(draw_frontier, front, published=published, confirmation=confirmation)
    if confirmation is not None and frontier_band(confirmation, front.record.objectives) is not None:
        plates["band"] = partial(draw_band, front, confirmation)
    if trends(front):
        plates["trends"] = partial(draw_trends, front)
    table = folder / "frontier.tex"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        table.write_text(latex_table(front, confirmation), encoding="utf-8")
    except OSError as error:
        raise ParetoError(f"cannot write {table}: {error.strerror}; check the folder and its permissions") from None
    return [table, *(draw(folder / f"{name}{suffix}") for name, draw in sorted(plates.items()) for suffix in FORMATS)]
