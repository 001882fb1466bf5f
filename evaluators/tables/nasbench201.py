"""NAS-Bench-201: every cell of four nodes on three data sets of images, trained two or three times for 200 epochs."""

from __future__ import annotations

import hashlib
from functools import partial
from itertools import product

import numpy as np
from numpy.typing import NDArray

from evaluators.tables.package import recorded
from evaluators.tables.table import Costs, Table
from nas.study.candidate import Value

SPACE = "nasbench201"

OPERATIONS: tuple[Value, ...] = ("zero", "identity", "conv1x1", "conv3x3", "pool3x3")
EDGES = ("edge_10", "edge_20", "edge_21", "edge_30", "edge_31", "edge_32")
HEAD_WIDTH = 64  # channels that the classifier reads


def nasbench201(name: str, file: str, side: int, n_classes: int) -> Table:
    """The table of one data set; its quality is the validation accuracy from 0 to 1.

    Args:
        side: of the images, in pixels.
    Raises: TaskError: the package with the tables is not installed.
    """
    keys = ("".join(map(str, places)) for places in product(range(len(OPERATIONS)), repeat=len(EDGES)))
    columns = recorded(name, f"nasbench201/{file}", keys, ("val_acc", "train_time"))
    return Table(
        name=name,
        space=SPACE,
        decisions=dict.fromkeys(EDGES, OPERATIONS),
        ordered=frozenset(),
        metric="accuracy",
        direction="maximize",
        quality=columns["val_acc"] / 100,
        seconds=columns["train_time"],
        price=partial(_price, side, n_classes),
    )


def _price(side: int, n_classes: int) -> Costs:
    """From the graphs of all cells at 32 × 32 pixels and ten classes.

    All but the head is a convolution on maps whose sides are shares of the image's, so that their MACs are proportional
    to its area; the head alone knows the classes.
    """
    from evaluators.tasks.cache import cached
    from nas.space import load_space

    text = load_space(SPACE).text
    version = hashlib.sha256(text.encode()).hexdigest()[:12]
    built = cached(f"{SPACE}-costs-{version}", _built)
    convolutions = built["macs"] - HEAD_WIDTH * 10
    return Costs(
        params=built["params"] + (HEAD_WIDTH + 1) * (n_classes - 10),
        macs=convolutions * side**2 // 32**2 + HEAD_WIDTH * n_classes,
        group=built["group"],
    )


def _built() -> dict[str, NDArray[np.int64]]:
    """Costs and classes of equal digests; about a minute, for every cell is built."""
    from nas.space import load_space

    space = load_space(SPACE).with_sizes({"height": 32, "width": 32, "channels": 3, "targets": 10})
    numbers: dict[str, int] = {}
    rows = []
    for cell in product(OPERATIONS, repeat=len(EDGES)):
        built = space.replay(dict(zip(EDGES, cell, strict=True)))
        rows.append((built.costs.params, built.costs.macs, numbers.setdefault(built.digest, len(numbers))))
    params, macs, group = np.array(rows, dtype=np.int64).T
    return {"params": params, "macs": macs, "group": group}
