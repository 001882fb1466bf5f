"""What the fresh interpreter runs: `python -I fresh.py jobs.pt answers.json`, with torch and nothing of ours.

This file is executed by itself and imports nothing of this package, so that an exported model that did would fail here.
"""

from __future__ import annotations

import ast
import importlib.util
import json
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

OURS = frozenset({"nas", "evaluators", "search_spaces"})


class Refuse:
    """Stands before all other finders and refuses our packages."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name.partition(".")[0] in OURS:
            raise ImportError(f"an exported model must not import `{name}`")
        return None


def tried(job: dict[str, Any], number: int) -> str:
    """What is wrong with one export; empty if nothing is."""
    path = job["path"]
    foreign = sorted(imports(path) - {"torch"} - sys.stdlib_module_names)
    if foreign:
        return f"imports {', '.join(foreign)}; it may import torch alone"
    spec = importlib.util.spec_from_file_location(f"exported_{number}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    model = module.load()
    count = sum(p.numel() for p in model.parameters())
    if count != job["params"]:
        return f"has {count:,} parameters, {job['params']:,} were claimed"
    with torch.no_grad():
        result = model(*job["inputs"])
    outputs = result if isinstance(result, tuple) else (result,)
    if len(outputs) != len(job["outputs"]):
        return f"gives {len(outputs)} outputs instead of {len(job['outputs'])}"
    for i, (mine, expected) in enumerate(zip(outputs, job["outputs"], strict=True)):
        if mine.shape != expected.shape or mine.dtype != expected.dtype:
            return f"gives {tuple(mine.shape)} of {mine.dtype} as output {i}, not {tuple(expected.shape)} of {expected.dtype}"
        if not same_bits(mine, expected):
            return f"gives other numbers in output {i}: they differ by up to {(mine - expected).abs().max().item():g}"
    return ""


def imports(path: str) -> set[str]:
    """The top-level packages that a file imports."""
    with open(path, encoding="utf-8") as file:
        tree = ast.parse(file.read())
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or ".").partition(".")[0])
    return found


def same_bits(one: Tensor, other: Tensor) -> bool:
    """Equal bit for bit, so that NaN equals itself and 0 differs from −0."""
    return torch.equal(one.contiguous().flatten().view(torch.uint8), other.contiguous().flatten().view(torch.uint8))


def main(jobs_path: str, answers_path: str) -> None:
    sys.meta_path.insert(0, Refuse)
    work = torch.load(jobs_path, weights_only=True)
    torch.set_num_threads(work["threads"])
    answers = []
    for number, job in enumerate(work["jobs"]):
        try:
            answers.append(tried(job, number))
        except Exception as error:  # whatever it is, it is the answer for this one
            answers.append(f"fails with {type(error).__name__}: {error}")
    present = sorted(OURS & {name.partition(".")[0] for name in sys.modules})
    if present:
        raise SystemExit(f"{', '.join(present)} got imported")
    with open(answers_path, "w", encoding="utf-8") as file:
        json.dump(answers, file)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
