"""Many candidates trained as one program, against training them one at a time: ours, and as others write it.

Fixed lists of candidates of four families, all of one width at a time, on one core: a DataLoader loop, scikit-learn's
MLPClassifier and Lightning's Trainer (where they are installed and can express the candidate), our own loop for one
candidate, and a cohort. The rivals take turns in one process; seconds are processor time; each ratio is the median over
the repeats. `peak` is the share of the speed of a large matrix product that the cohort's multiply-accumulates reach,
three for each of the forward pass. Run: `python benchmarks/training_throughput.py [--families mlp,kan] [--tasks mnist1d]`.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import logging
import math
import multiprocessing
import random
import statistics
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from evaluators.cohorts.crew import Crew
from evaluators.recipe import check_recipe
from evaluators.schedule import rate
from evaluators.tasks import Task, load_task
from evaluators.training import train
from nas.codegen import build, source
from nas.space import space_from_text
from nas.study.candidate import Job, Outcome

HEAD = "inputs: {x: [features]}\noutputs: [targets]\n"
SPACES = {
    "mlp": HEAD
    + """choose: {width: [16, 32, 64, 128, 256], depth: {int: [1, 4]}, act: [relu, gelu, silu]}
model: |
  z = x
  for i in range(depth):
      z = act(linear(z, width))
  return linear(z, targets)
""",
    "hourglass": HEAD
    + """choose: {width: [16, 32, 64, 128, 256], depth: {int: [1, 4]}, hidden: {int: [4, 64], step: 4, log: true}, act: [relu, gelu]}
model: |
  z = linear(x, width, bias=False)
  for i in range(depth):
      z = z + linear(act(linear(batch_norm(z, affine=False), hidden, bias=False)), width, bias=False)
  return linear(z, targets, bias=False)
""",
    "mixer": HEAD
    + """axes: [tokens, channels]
choose: {width: [16, 32, 64], depth: {int: [1, 3]}, tokens_hidden: {int: [8, 64], step: 8}, hidden: {int: [16, 128], step: 16}}
model: |
  z = linear(patchify(x, 4, into=[tokens, channels]), width)
  for i in range(depth):
      z = z + linear(gelu(linear(layer_norm(z), tokens_hidden, axis=tokens)), size(z, tokens), axis=tokens)
      z = z + linear(gelu(linear(layer_norm(z), hidden)), width)
  return linear(mean_pool(layer_norm(z), axis=tokens), targets)
""",
    "kan": HEAD
    + """choose: {width: [4, 16, 64], depth: {int: [1, 2]}, grid: [3, 5, 8]}
model: |
  z = x
  for i in range(depth):
      z = kan(z, width, grid=grid)
  return kan(z, targets, grid=grid)
""",
}
TASKS = {"mnist1d": 40, "digits": 64, "mnist5k": 784}
RECIPE = {"lr": 2e-3, "batch_size": 128, "weight_decay": 0.01}

Seconds = dict[str, float]


def candidates(family: str, features: int, width: int, count: int, epochs: int) -> list[Job]:
    """The first `count` different candidates of one width that a fixed seed draws."""
    space = space_from_text(f"space: {family}\n{SPACES[family]}", f"{family}.yaml").bind([[features]], [[10]])
    rng, found = random.Random(0), dict[str, Any]()
    for _ in range(100 * count):
        design = space.replay({"width": width}, rng)
        if len(found) < count:
            found.setdefault(design.digest, design)
    return [
        Job(i, dict(one.genotype), source(one.graph), dict(RECIPE), i, {"epochs": epochs}, costs=one.costs.as_dict(),
            order=0, graph=one.graph)
        for i, one in enumerate(found.values())
    ]  # fmt: skip


def cohort(jobs: list[Job], task: Task) -> list[float]:
    """Final training losses of all, trained as one."""
    crew = Crew(task)
    crew.join(list(enumerate(jobs)))
    losses: dict[int, float] = {}
    while len(crew):
        losses.update(
            {place: said.metrics["train_loss"] for place, said in crew.advance() if isinstance(said, Outcome)}
        )
    return [losses[place] for place in range(len(jobs))]


def single(jobs: list[Job], task: Task) -> list[float]:
    """The same as cohorts of one, one after the other."""
    return [loss for job in jobs for loss in cohort([job], task)]


def resident(jobs: list[Job], task: Task) -> list[float]:
    """The same by our loop around a module, for those that no cohort takes."""
    losses = []
    for job in jobs:
        run = train(job, task)
        try:
            while True:
                next(run)
        except StopIteration as end:
            losses.append(end.value.metrics["train_loss"])
    return losses


def dataloader(jobs: list[Job], task: Task) -> list[float]:
    """The same by the loop that everybody writes first."""
    return [_plain(job, task) for job in jobs]


def _plain(job: Job, task: Task) -> float:
    torch.manual_seed(job.seed)
    recipe, data = check_recipe(job.recipe), task.resident()
    model = build(job.source)
    optimizer = torch.optim.AdamW(model.parameters(), lr=recipe.lr, weight_decay=recipe.weight_decay)
    loader = DataLoader(TensorDataset(data.train.inputs[0], data.train.targets), 128, shuffle=True, drop_last=True)
    validation = DataLoader(TensorDataset(data.validation.inputs[0], data.validation.targets), 128)
    step, steps, total = 0, len(loader) * job.budget["epochs"], 0.0
    for _ in range(int(job.budget["epochs"])):
        model.train()
        total = 0.0
        for x, y in loader:
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(x), y)
            loss.backward()
            for group in optimizer.param_groups:
                group["lr"] = rate(recipe, step, int(steps))
            optimizer.step()
            total += loss.item()
            step += 1
        model.eval()
        with torch.no_grad():
            sum((model(x).argmax(1) == y).sum().item() for x, y in validation)
    return total / len(loader)


def scikit(jobs: list[Job], task: Task) -> list[float]:
    """MLPs with ReLU or not, by MLPClassifier: its Adam, its batches, its own start."""
    from sklearn.neural_network import MLPClassifier

    data = task.resident()
    x, y = data.train.inputs[0].numpy(), data.train.targets.numpy()
    for job in jobs:
        width, depth = int(job.genotype["width"] or 0), int(job.genotype["depth"] or 0)
        model = MLPClassifier(
            (width,) * depth, batch_size=128, learning_rate_init=RECIPE["lr"], max_iter=int(job.budget["epochs"])
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit(x, y)
        model.score(data.validation.inputs[0].numpy(), data.validation.targets.numpy())
    return []


def lightning(jobs: list[Job], task: Task) -> list[float]:
    """Lightning's Trainer without its logger, its progress bar and its checkpoints."""
    import lightning.pytorch as pl

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    data = task.resident()

    class Learner(pl.LightningModule):
        def __init__(self, text: str) -> None:
            super().__init__()
            self.model = build(text)

        def training_step(self, batch: Any, _: int) -> Any:
            return nn.functional.cross_entropy(self.model(batch[0]), batch[1])

        def validation_step(self, batch: Any, _: int) -> None:
            self.log("accuracy", (self.model(batch[0]).argmax(1) == batch[1]).float().mean())

        def configure_optimizers(self) -> Any:
            return torch.optim.AdamW(self.parameters(), lr=RECIPE["lr"], weight_decay=RECIPE["weight_decay"])

    for job in jobs:
        loader = DataLoader(TensorDataset(data.train.inputs[0], data.train.targets), 128, shuffle=True, drop_last=True)
        validation = DataLoader(TensorDataset(data.validation.inputs[0], data.validation.targets), 128)
        trainer = pl.Trainer(
            max_epochs=int(job.budget["epochs"]), accelerator="cpu", logger=False, enable_progress_bar=False,
            enable_checkpointing=False, enable_model_summary=False,
        )  # fmt: skip
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            trainer.fit(Learner(job.source), loader, validation)
    return []


def rivals(family: str) -> dict[str, Callable[[list[Job], Task], list[float]]]:
    """Those that can take the family, and are installed."""
    found: dict[str, Callable[[list[Job], Task], list[float]]] = {
        "cohort": cohort,
        "single": single,
        "resident": resident,
        "dataloader": dataloader,
    }
    if family == "mlp" and importlib.util.find_spec("sklearn"):
        found["scikit-learn"] = scikit
    if importlib.util.find_spec("lightning"):
        found["lightning"] = lightning
    return found


def gemm_peak() -> float:
    """Multiply-accumulates a second of a large product on this core."""
    a = torch.randn(1024, 1024)
    best = math.inf
    for _ in range(10):
        begun = time.process_time()
        a @ a
        best = min(best, time.process_time() - begun)
    return 1024**3 / best


def measure(family: str, name: str, width: int, count: int, epochs: int, repeats: int, peak: float) -> dict[str, Any]:
    """One width of a family on a task."""
    features = TASKS[name]
    task = load_task(name).reshaped([(features,)], [(10,)])
    jobs = candidates(family, features, width, count, epochs)
    task.resident()
    times: dict[str, list[float]] = {}
    losses: dict[str, list[float]] = {}
    for repeat in range(repeats + 1):
        for who, run in rivals(family).items():
            begun = time.process_time()
            losses[who] = run(jobs, task)
            if repeat:  # the first warms up
                times.setdefault(who, []).append(time.process_time() - begun)
    ratios = {
        who: [b / a for a, b in zip(times["cohort"], spent, strict=True)]
        for who, spent in times.items()
        if who != "cohort"
    }
    steps = epochs * (len(task.resident().train) // 128)
    macs = 3 * 128 * steps * sum(job.costs["macs"] for job in jobs)
    return {
        "family": family,
        "task": name,
        "width": width,
        "candidates": len(jobs),
        "seconds": {who: statistics.median(spent) for who, spent in times.items()},
        "ratios": {who: statistics.median(found) for who, found in ratios.items()},
        "spread": {who: (min(found), max(found)) for who, found in ratios.items()},
        "peak": macs / statistics.median(times["cohort"]) / peak,
        "limit": statistics.median(times["dataloader"]) * peak / macs,
        "loss_gap": max(abs(a - b) / b for a, b in zip(losses["cohort"], losses["resident"], strict=True)),
    }


# ---------------------------------------------------------------------- two workers


def two_workers(family: str, name: str, epochs: int, repeats: int) -> dict[str, Any]:
    """How many times as fast two processes train a list as one does, by the clock; candidates of all widths in turns."""
    context = multiprocessing.get_context("spawn")
    seconds: dict[int, list[float]] = {1: [], 2: []}
    for count in [1, 2] * repeats:
        barrier, answers = context.Barrier(count), context.Queue()
        workers = [
            context.Process(target=_worker, args=(family, name, epochs, part, count, barrier, answers))
            for part in range(count)
        ]
        for worker in workers:
            worker.start()
        seconds[count].append(max(answers.get() for _ in workers))
        for worker in workers:
            worker.join()
    ratios = [one / two for one, two in zip(seconds[1], seconds[2], strict=True)]
    return {"family": family, "task": name, "seconds": seconds, "two_workers": statistics.median(ratios), "all": ratios}


def _worker(family: str, name: str, epochs: int, part: int, count: int, barrier: Any, answers: Any) -> None:
    torch.set_num_threads(1)
    features = TASKS[name]
    task = load_task(name).reshaped([(features,)], [(10,)])
    jobs = [job for width in _widths(family) for job in candidates(family, features, width, 12, epochs)][part::count]
    cohort(jobs[:2], task)
    barrier.wait()
    begun = time.perf_counter()
    cohort(jobs, task)
    answers.put(time.perf_counter() - begun)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--families", default=",".join(SPACES))
    parser.add_argument("--tasks", default=",".join(TASKS))
    parser.add_argument("--count", type=int, default=12, help="candidates of each width")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path, help="write all numbers to this file, as JSON")
    parser.add_argument("--workers", action="store_true", help="two processes against one instead")
    options = parser.parse_args()
    torch.set_num_threads(1)
    families, tasks = options.families.split(","), options.tasks.split(",")
    if options.workers:
        results = [two_workers(family, task, options.epochs, options.repeats) for family in families for task in tasks]
        for row in results:
            least, most = min(row["all"]), max(row["all"])
            print(
                f"{row['family']:9} {row['task']:8} two workers: {row['two_workers']:.2f} ({least:.2f} to {most:.2f})"
            )
    else:
        peak, results = gemm_peak(), []
        for family in families:
            for task in tasks:
                rows = []
                for width in _widths(family):
                    rows.append(measure(family, task, width, options.count, options.epochs, options.repeats, peak))
                    print(_line(rows[-1]), flush=True)
                print(f"{family:9} {task:8} all: {_summary(rows)}", flush=True)
                results += rows
    if options.out is not None:
        options.out.write_text(json.dumps(results, indent=1) + "\n")


def _line(row: dict[str, Any]) -> str:
    ratios = ", ".join(
        f"{who} {ratio:.1f} ({row['spread'][who][0]:.1f} to {row['spread'][who][1]:.1f})"
        for who, ratio in row["ratios"].items()
    )
    return (
        f"{row['family']:9} {row['task']:8} width {row['width']:4}: {ratios} times the cohort's {row['seconds']['cohort']:.2f} s; "
        f"{row['peak']:.0%} of peak, limit {row['limit']:.1f}, losses within {row['loss_gap']:.1e}"
    )


def _widths(family: str) -> list[int]:
    text = SPACES[family].split("width: [")[1].split("]")[0]
    return [int(one) for one in text.split(",")]


def _summary(rows: list[dict[str, Any]]) -> str:
    """Geometric mean over the widths, and the ratio of all seconds."""
    said = []
    for who in rows[0]["ratios"]:
        mean = statistics.geometric_mean(row["ratios"][who] for row in rows)
        whole = sum(row["seconds"][who] for row in rows) / sum(row["seconds"]["cohort"] for row in rows)
        said.append(f"{who} {mean:.1f} (by cost {whole:.1f})")
    limit = statistics.geometric_mean(row["limit"] for row in rows)
    return f"{', '.join(said)}; limit {limit:.1f}"


if __name__ == "__main__":
    main()
