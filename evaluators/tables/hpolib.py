"""HPOLib's tables: networks of two hidden layers on four regression tasks, each trained four times for 100 epochs."""

from __future__ import annotations

from functools import partial
from itertools import product

import numpy as np

from evaluators.tables.package import recorded
from evaluators.tables.table import Costs, Table
from nas.study.candidate import Value

SPACE = "hpolib"

# in the order of the package's keys; the names are those of the shipped space
DECISIONS: dict[str, tuple[Value, ...]] = {
    "activation_1": ("relu", "tanh"),
    "activation_2": ("relu", "tanh"),
    "log2_batch": (3, 4, 5, 6),
    "dropout_1": (0.0, 0.3, 0.6),
    "dropout_2": (0.0, 0.3, 0.6),
    "rate": (0, 1, 2, 3, 4, 5),
    "schedule": ("cosine", "constant"),
    "log2_units_1": (4, 5, 6, 7, 8, 9),
    "log2_units_2": (4, 5, 6, 7, 8, 9),
}
ORDERED = frozenset(path for path, values in DECISIONS.items() if not isinstance(values[0], str))


def hpolib(name: str, file: str, n_features: int) -> Table:
    """The table of one task; its quality is the decimal logarithm of the validation loss, a mean squared error.

    Raises: TaskError: the package with the tables is not installed.
    """
    keys = ("".join(map(str, places)) for places in product(*(range(len(values)) for values in DECISIONS.values())))
    columns = recorded(name, f"hpolib/{file}", keys, ("val_loss", "train_time"))
    return Table(
        name=name,
        space=SPACE,
        decisions=DECISIONS,
        ordered=ORDERED,
        metric="log10_mse",
        direction="minimize",
        quality=np.log10(columns["val_loss"]),
        seconds=columns["train_time"],
        price=partial(_price, n_features),
    )


def _price(n_features: int) -> Costs:
    """Only widths move a cost, and no two designs have both graph and recipe in common."""
    from nas.space import load_space

    space = load_space(SPACE).bind(((n_features,),), ((1,),))
    first = {path: values[0] for path, values in DECISIONS.items()}
    widths = tuple(DECISIONS)[-2:]
    found = [
        space.replay({**first, **dict(zip(widths, pair, strict=True))}).costs
        for pair in product(*(DECISIONS[width] for width in widths))
    ]
    n = int(np.prod([len(values) for values in DECISIONS.values()]))
    return Costs(
        params=np.tile([cost.params for cost in found], n // len(found)),
        macs=np.tile([cost.macs for cost in found], n // len(found)),
        group=np.arange(n),
    )
