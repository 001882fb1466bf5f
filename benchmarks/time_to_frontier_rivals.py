"""The searches that a competent user would write without us: one space by hand, a DataLoader loop, Optuna or Ray Tune.

    python benchmarks/time_to_frontier_rivals.py nsga2 --data DATA.npz --log LOG.jsonl --trials 60 --epochs 20 --seed 1

Started by `time_to_frontier.py`, which writes the data. Every completed candidate is one line of the log: the wall-clock at
which it was done, its settings, validation accuracy and parameters. Nothing of ours is imported.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

ACTIVATIONS = {"relu": nn.ReLU, "gelu": nn.GELU, "silu": nn.SiLU}
BATCH_SIZE, WEIGHT_DECAY = 128, 0.01
REDUCTION = 3  # of Hyperband and ASHA

Report = Callable[[int, float], bool]  # epoch, accuracy → whether to go on


def model_of(settings: dict[str, Any], features: int, classes: int) -> nn.Module:
    layers: list[nn.Module] = []
    width = features
    for _ in range(settings["depth"]):
        layers.append(nn.Linear(width, settings["width"]))
        if settings["norm"] == "batch_norm":
            layers.append(nn.BatchNorm1d(settings["width"]))
        layers += [ACTIVATIONS[settings["act"]](), nn.Dropout(settings["rate"])]
        width = settings["width"]
    return nn.Sequential(*layers, nn.Linear(width, classes))


def train(settings: dict[str, Any], data: dict[str, np.ndarray], epochs: int, seed: int, report: Report) -> float:
    """The loop that everybody writes; validation accuracy at the end, or where `report` ended it."""
    torch.manual_seed(seed)
    train_set = TensorDataset(torch.from_numpy(data["x_train"]), torch.from_numpy(data["y_train"]))
    loader = DataLoader(train_set, BATCH_SIZE, shuffle=True, drop_last=True)
    held = TensorDataset(torch.from_numpy(data["x_validation"]), torch.from_numpy(data["y_validation"]))
    validation = DataLoader(held, 512)
    model = model_of(settings, data["x_train"].shape[1], int(data["y_train"].max()) + 1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=settings["lr"], weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * len(loader))
    accuracy = 0.0
    for epoch in range(1, epochs + 1):
        model.train()
        for x, y in loader:
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x), y).backward()
            optimizer.step()
            schedule.step()
        model.eval()
        with torch.no_grad():
            accuracy = sum(int((model(x).argmax(1) == y).sum()) for x, y in validation) / len(held)
        if not report(epoch, accuracy):
            break
    return accuracy


def n_params(settings: dict[str, Any], data: dict[str, np.ndarray]) -> int:
    model = model_of(settings, data["x_train"].shape[1], int(data["y_train"].max()) + 1)
    return sum(weight.numel() for weight in model.parameters())


def note(log: Path, settings: dict[str, Any], accuracy: float, params: int) -> None:
    """One line, appended in one write, so that two processes may share the file."""
    line = {"at": time.time(), "settings": settings, "accuracy": accuracy, "params": params}
    with log.open("a") as file:
        file.write(json.dumps(line) + "\n")


# ---------------------------------------------------------------------- Optuna


def optuna_worker(options: argparse.Namespace, worker: int) -> None:
    """One of the processes that share a study through a journal."""
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    data = dict(np.load(options.data))
    single = options.method == "tpe-hyperband"
    seed = 100 * options.seed + worker
    sampler: Any
    if options.method == "nsga2":
        sampler = optuna.samplers.NSGAIISampler(seed=seed, population_size=20)
    else:
        sampler = optuna.samplers.TPESampler(seed=seed, multivariate=True, group=True, constant_liar=True)
    pruner = optuna.pruners.HyperbandPruner(2, options.epochs, REDUCTION) if single else optuna.pruners.NopPruner()
    study = optuna.create_study(
        storage=JournalStorage(JournalFileBackend(str(options.log) + ".journal")),
        study_name="search",
        directions=["maximize"] if single else ["maximize", "minimize"],
        sampler=sampler,
        pruner=pruner,
        load_if_exists=True,
    )

    def objective(trial: optuna.Trial) -> Any:
        settings = {
            "depth": trial.suggest_int("depth", 1, 4),
            "width": trial.suggest_int("width", 16, 256, log=True),
            "act": trial.suggest_categorical("act", list(ACTIVATIONS)),
            "norm": trial.suggest_categorical("norm", ["identity", "batch_norm"]),
            "rate": trial.suggest_categorical("rate", [0.0, 0.1, 0.3]),
            "lr": trial.suggest_float("lr", 1e-3, 2e-2, log=True),
        }

        def report(epoch: int, accuracy: float) -> bool:
            if not single:
                return True
            trial.report(accuracy, epoch)
            return not trial.should_prune()

        accuracy = train(settings, data, options.epochs, trial.number, report)
        if single and trial.should_prune():
            raise optuna.TrialPruned
        params = n_params(settings, data)
        note(options.log, settings, accuracy, params)
        return accuracy if single else (accuracy, float(params))

    finished = optuna.study.MaxTrialsCallback(options.trials, states=None)
    study.optimize(objective, callbacks=[finished])


def optuna_search(options: argparse.Namespace) -> None:
    """Two processes with one thread each: on two cores faster than one process with two threads, in the same run."""
    command = [sys.executable, __file__, *sys.argv[1:]]
    workers = [subprocess.Popen([*command, "--worker", str(i)]) for i in range(options.workers)]
    if any(worker.wait() for worker in workers):
        raise SystemExit("a worker failed")


# ---------------------------------------------------------------------- Ray Tune


def ray_search(options: argparse.Namespace) -> None:
    """Random search with ASHA on accuracy, as in Ray Tune's own guide."""
    os.environ["RAY_AIR_NEW_OUTPUT"] = "0"
    import ray
    from ray import tune
    from ray.tune.schedulers import ASHAScheduler

    ray.init(num_cpus=options.workers, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    data = ray.put(dict(np.load(options.data)))
    log, epochs = options.log.resolve(), options.epochs

    def trainable(config: dict[str, Any]) -> None:
        torch.set_num_threads(1)
        held = ray.get(data)
        settings = dict(config)
        seen = {"epoch": 0}

        def report(epoch: int, accuracy: float) -> bool:
            seen["epoch"] = epoch
            if epoch == epochs:
                note(log, settings, accuracy, n_params(settings, held))
            tune.report({"accuracy": accuracy, "epoch": epoch})
            return True

        train(settings, held, epochs, int(settings["lr"] * 1e9), report)

    tune.Tuner(
        trainable,
        param_space={
            "depth": tune.randint(1, 5),
            "width": tune.qlograndint(16, 256, 1),
            "act": tune.choice(list(ACTIVATIONS)),
            "norm": tune.choice(["identity", "batch_norm"]),
            "rate": tune.choice([0.0, 0.1, 0.3]),
            "lr": tune.loguniform(1e-3, 2e-2),
        },
        tune_config=tune.TuneConfig(
            time_budget_s=options.seconds,
            metric="accuracy",
            mode="max",
            num_samples=options.trials,
            scheduler=ASHAScheduler(
                time_attr="epoch", max_t=epochs, grace_period=max(epochs // 9, 1), reduction_factor=REDUCTION
            ),
        ),
        run_config=tune.RunConfig(verbose=0, storage_path=str(log.parent / (log.stem + "-ray"))),
    ).fit()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("method", choices=["tpe", "nsga2", "tpe-hyperband", "ray-asha"])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--worker", type=int)
    parser.add_argument("--seconds", type=float, help="after which Ray Tune ends")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.method == "ray-asha":
        ray_search(options)
    elif options.worker is None:
        optuna_search(options)
    else:
        optuna_worker(options, options.worker)


if __name__ == "__main__":
    main()
