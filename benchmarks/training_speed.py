"""How fast one candidate trains, against the loop that everybody writes first: a DataLoader, a default optimiser, `.item()`.

Both train the same model on the same task from the same recipe, in turns, in one process with one thread on the CPU.
The number that counts is the ratio. Run: `python benchmarks/training_speed.py [--epochs 10] [--repeats 5] [--json]`.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from evaluators.recipe import check_recipe
from evaluators.schedule import rate
from evaluators.tasks import Task, load_task
from evaluators.training import train
from nas.codegen import build
from nas.study.candidate import Job

SOURCE = """
import torch
from torch import nn

class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.lift = nn.Linear({features}, {width})
        self.hidden = nn.Linear({width}, {width})
        self.head = nn.Linear({width}, 10)

    def forward(self, x):
        x = torch.relu(self.lift(x))
        return self.head(torch.relu(self.hidden(x)))
"""
CASES = (("mnist1d", 40, 32), ("mnist1d", 40, 128), ("mnist5k", 784, 128))


def ours(job: Job, task: Task) -> tuple[float, float]:
    """Seconds and final accuracy of the package's training."""
    started = time.perf_counter()
    run = train(job, task)
    try:
        while True:
            next(run)
    except StopIteration as end:
        return time.perf_counter() - started, end.value.metrics["accuracy"]


def plain(job: Job, task: Task) -> tuple[float, float]:
    """Seconds and final accuracy of the plain loop, evaluated as often."""
    started = time.perf_counter()
    torch.manual_seed(job.seed)
    recipe, data = check_recipe(job.recipe), task.resident()
    model = build(job.source)
    optimizer = torch.optim.AdamW(model.parameters(), lr=recipe.lr, weight_decay=recipe.weight_decay)
    loader = DataLoader(
        TensorDataset(data.train.inputs[0], data.train.targets), recipe.batch_size, shuffle=True, drop_last=True
    )
    test = DataLoader(TensorDataset(data.validation.inputs[0], data.validation.targets), recipe.batch_size)
    step, steps, accuracy = 0, len(loader) * job.budget["epochs"], 0.0
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
            right = sum((model(x).argmax(1) == y).sum().item() for x, y in test)
        accuracy = right / len(data.validation)
    return time.perf_counter() - started, accuracy


def measure(name: str, features: int, width: int, epochs: int, repeats: int) -> dict[str, Any]:
    task = load_task(name).reshaped([(features,)], [(10,)])
    task.resident()
    recipe = {"lr": 3e-3, "batch_size": 128}
    source = SOURCE.format(features=features, width=width)
    times: dict[str, list[float]] = {"ours": [], "plain": []}
    scores: dict[str, list[float]] = {"ours": [], "plain": []}
    for repeat in range(repeats + 1):
        job = Job(repeat, {}, source, recipe, repeat, {"epochs": epochs})
        for who, run in (("ours", ours), ("plain", plain)):
            seconds, accuracy = run(job, task)
            if repeat:  # the first warms up
                times[who].append(seconds)
                scores[who].append(accuracy)
    medians = {who: statistics.median(seconds) for who, seconds in times.items()}
    return {
        "task": name,
        "width": width,
        "epochs": epochs,
        "ours_s": medians["ours"],
        "plain_s": medians["plain"],
        "ratio": statistics.median(b / a for a, b in zip(times["ours"], times["plain"], strict=True)),
        "ours_accuracy": statistics.mean(scores["ours"]),
        "plain_accuracy": statistics.mean(scores["plain"]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    results = [measure(*case, options.epochs, options.repeats) for case in CASES]
    if options.json:
        print(json.dumps(results, indent=2))
        return
    for r in results:
        print(
            f"{r['task']:8} width {r['width']:4}: ours {r['ours_s']:.3f} s, plain DataLoader loop {r['plain_s']:.3f} s, "
            f"{r['ratio']:.1f} times as fast; accuracy {r['ours_accuracy']:.3f} and {r['plain_accuracy']:.3f}"
        )


if __name__ == "__main__":
    main()
