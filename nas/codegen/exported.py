"""A trained model as two files, `model.py` and `model.pt`, that are right because they have been tried.

The files are tried in a fresh interpreter that has torch alone: it reads the weights, repeats the outputs bit for bit on
the CPU in fp32 with the same batch and the same number of threads, and counts the parameters.
"""

from __future__ import annotations

import ast
import json
import keyword
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nas.codegen import formats as other_formats
from nas.codegen import fresh
from nas.codegen.formats import writing
from nas.codegen.formats.format import Format, Written
from nas.codegen.lines import docstring
from nas.codegen.module import build
from nas.codegen.preprocessing import Preprocessing
from nas.errors import Fault, NasError, WorkFailed
from nas.graph.graph import Graph

BATCH = 4
_ENDING = '''{constants}

def load(path: str = "") -> {name}:
    """The model with the weights saved at `path`, by default beside this file, ready to predict."""
    model = {name}()
    path = path or __file__.removesuffix(".py") + ".pt"
    model.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    return model.eval(){functions}


if __name__ == "__main__":
    model = load()
    print(model)
    print(f"{{sum(p.numel() for p in model.parameters()):,}} parameters")
'''


@dataclass(frozen=True)
class Exported:
    """A model on disk. `verified` says that a fresh interpreter has repeated `outputs` from `inputs` with these files.

    `formats` are the other files of it that were asked for, each with how far it is from the model.
    """

    source_path: Path
    weights_path: Path
    params: int
    verified: bool
    inputs: tuple[Tensor, ...] = field(repr=False, compare=False)
    outputs: tuple[Tensor, ...] = field(repr=False, compare=False)
    formats: tuple[Written, ...] = ()


class FormatsRefused(WorkFailed):
    """Some formats cannot hold the model, one fault for each. `exported` is what was written all the same."""

    def __init__(self, exported: Exported, *faults: Fault | str) -> None:
        super().__init__(*faults)
        self.exported = exported

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.exported, *self.faults)


def export(
    source: str,
    weights: Mapping[str, Tensor] | None,
    path: str | Path,
    example_shapes: Sequence[Sequence[int]],
    facts: Mapping[str, Any] | None = None,
    *,
    params: int | None = None,
    seed: int = 0,
    batch: int = BATCH,
    name: str = "Model",
    check: bool = True,
    preprocessing: Preprocessing | None = None,
    formats: str | Iterable[str] = (),
    graph: Graph | None = None,
) -> Exported:
    """Write `path` (a `.py`) and its `.pt`; nothing is left there unless both are whole and, with `check`, verified.

    Other formats stand beside them, under the same name with an ending of their own. Each was compared with the model on
    random inputs of several batch sizes. They hold the model alone: `prepare` and `restore` of the `.py` stay outside, so
    whoever runs them standardises inputs, and takes outputs back to their units, as these functions do.

    Args:
        source: text from `nas.codegen.source`.
        weights: a state dict for it; None for weights freshly drawn with `seed`.
        example_shapes: shape of each input without the batch, for the outputs to compare.
        facts: what the file's docstring says about the model: space, genotype, metrics, costs.
        params: the number of parameters that is claimed for it; checked if given.
        batch: number of random samples that are compared.
        name: of the class.
        check: False leaves the trying to `verify`, which does many at once.
        preprocessing: what was done to the data, for the functions `prepare` and `restore` of the file.
        formats: of `onnx`, `torch-export` and `safetensors`; for the packages they need, install `hourglass-nas[onnx]`.
        graph: of the source, so that a format's refusal can name the operator.
    Raises:
        NasError: `path` is not a `.py`, cannot be imported, hides a module that others need, or cannot be written; there is no such format, or its packages are missing.
        WorkFailed: the weights do not fit, or the fresh interpreter found something else than this one.
        FormatsRefused: formats that cannot hold the model; all the rest was written.
    """
    asked = other_formats.wanted(formats)
    target = Path(path)
    if target.suffix != ".py":
        raise NasError(f"an export is a `.py` file with its weights beside it, got `{target}`")
    if not target.stem.isidentifier() or keyword.iskeyword(target.stem):
        raise NasError(f"nobody could import `{target.name}`: take a name of letters, digits and underscores")
    if target.stem in sys.stdlib_module_names or target.stem in ("torch", "numpy"):
        raise NasError(
            f"`{target.name}` would hide the module `{target.stem}` from whatever runs beside it; take another name"
        )
    model, inputs, outputs = _tried_here(source, weights, example_shapes, seed, batch, name)
    count = sum(p.numel() for p in model.parameters())
    text = exported_text(source, facts or {}, name, preprocessing)
    try:
        folder = Path(tempfile.mkdtemp(prefix=f".{target.stem}-", dir=target.parent))
    except OSError as error:
        raise NasError(f"`{target}` cannot be written: {error.strerror}; give another path") from None
    try:
        draft = Exported(
            folder / target.name,
            folder / f"{target.stem}.pt",
            count if params is None else params,
            False,
            inputs,
            outputs,
        )
        draft.source_path.write_text(text, encoding="utf-8")
        torch.save(model.state_dict(), draft.weights_path)
        if check:
            (draft,) = verify([draft])
        subject = writing.Subject(
            model, lambda: build(source, name), lambda n: writing.random_inputs(example_shapes, n), graph
        )
        written, refusals = _in_formats(asked, subject, draft.source_path)
        placed = replace(
            draft,
            source_path=target,
            weights_path=target.with_suffix(".pt"),
            formats=tuple(replace(one, path=target.with_name(one.path.name)) for one in written),
        )
        for one in placed.formats:
            os.replace(folder / one.path.name, one.path)
        os.replace(draft.weights_path, placed.weights_path)
        os.replace(draft.source_path, placed.source_path)
    except OSError as error:
        raise NasError(f"`{target}` cannot be written: {error.strerror}; give another path") from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if refusals:
        raise FormatsRefused(placed, *refusals)
    return placed


def verify(exports: Sequence[Exported], timeout_s: float = 600.0) -> tuple[Exported, ...]:
    """Try all of them in one fresh interpreter. Returns: them, marked as verified.

    Raises: WorkFailed: some failed, with what differed for each of them.
    """
    with tempfile.TemporaryDirectory(prefix="nas-verify-") as folder:
        jobs = Path(folder) / "jobs.pt"
        answers = Path(folder) / "answers.json"
        torch.save(
            {
                "threads": torch.get_num_threads(),
                "jobs": [
                    {
                        "path": str(one.source_path.resolve()),
                        "params": one.params,
                        "inputs": list(one.inputs),
                        "outputs": list(one.outputs),
                    }
                    for one in exports
                ],
            },
            jobs,
        )
        command = [sys.executable, "-I", str(Path(fresh.__file__).resolve()), str(jobs), str(answers)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, cwd=folder, check=False)
        except subprocess.TimeoutExpired:
            raise WorkFailed(f"the fresh interpreter did not finish within {timeout_s:g} s") from None
        if done.returncode or not answers.exists():
            last = (done.stderr.strip() or "it said nothing").splitlines()[-1]
            raise WorkFailed(f"the fresh interpreter ended with status {done.returncode}: {last}")
        found = json.loads(answers.read_text(encoding="utf-8"))
    wrong = [f"`{one.source_path.name}` {answer}" for one, answer in zip(exports, found, strict=True) if answer]
    if wrong:
        raise WorkFailed(*wrong)
    return tuple(replace(one, verified=True) for one in exports)


def exported_text(
    source: str, facts: Mapping[str, Any], name: str = "Model", preprocessing: Preprocessing | None = None
) -> str:
    """The source with the facts in its docstring, and with `load` and a `__main__` that shows the model.

    With `preprocessing` the file says what it takes and gives, and has `prepare` and `restore` where they do something.
    """
    data = preprocessing or Preprocessing()
    facts = {**facts, **data.notes()} if preprocessing else facts
    tree = ast.parse(source)
    opening = tree.body[0]
    summary = ast.get_docstring(tree) or name
    rest = "\n".join(source.splitlines()[opening.end_lineno :]) if ast.get_docstring(tree) else source
    if "\nimport torch\n" not in rest:
        rest = _with_torch(rest)
    body = "\n".join(line for key, value in facts.items() for line in _fact(key, value))
    text = f"{summary}\n\n{body}" if body else summary
    ending = _ENDING.format(
        name=name,
        constants="".join(f"\n\n{part}\n" for part in (data.constants(),) if part),
        functions="".join(f"\n\n\n{part}" for part in (data.functions(),) if part),
    )
    return "\n".join(docstring(text, 0)) + "\n" + rest.rstrip("\n") + "\n" + ending


def _tried_here(
    source: str,
    weights: Mapping[str, Tensor] | None,
    shapes: Sequence[Sequence[int]],
    seed: int,
    batch: int,
    name: str,
) -> tuple[torch.nn.Module, tuple[Tensor, ...], tuple[Tensor, ...]]:
    """The model on the CPU, example inputs, and what it gives for them."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = build(source, name)
        inputs = tuple(torch.randn(batch, *shape) for shape in shapes)
    if weights is not None:
        try:
            model.load_state_dict({key: tensor.detach().cpu() for key, tensor in weights.items()})
        except RuntimeError as error:
            raise WorkFailed(f"the weights do not fit the model: {' '.join(str(error).split())}") from None
    model.eval()
    try:
        with torch.no_grad():
            result = model(*inputs)
    except (RuntimeError, TypeError) as error:
        shapes_text = ", ".join(str(tuple(x.shape)) for x in inputs)
        raise WorkFailed(f"the model does not run on inputs of shape {shapes_text}: {error}") from None
    return model, inputs, result if isinstance(result, tuple) else (result,)


def _in_formats(
    formats: Sequence[Format], subject: writing.Subject, beside: Path
) -> tuple[tuple[Written, ...], tuple[str, ...]]:
    """The files that were written beside `beside`, and what the formats say that refused."""
    written, refusals = [], []
    for one in formats:
        path = beside.with_suffix(other_formats.FORMATS[one.name])
        try:
            written.append(writing.write(one, subject, path))
        except writing.Refused as problem:
            refusals.append(f"`{path.name}` is not written: {problem}")
    return tuple(written), tuple(refusals)


def _with_torch(text: str) -> str:
    """The text with `import torch`, which `load` needs, where a formatter would put it."""
    rows = text.split("\n")
    first = next(i for i, row in enumerate(rows) if row.startswith(("import torch", "from torch")))
    rows.insert(first, "import torch")
    return "\n".join(rows)


def _fact(key: str, value: Any, indent: str = "") -> list[str]:
    if isinstance(value, Mapping):
        return [f"{indent}{key}:", *(line for k, v in value.items() for line in _fact(str(k), v, indent + "    "))]
    if isinstance(value, int) and not isinstance(value, bool):
        return [f"{indent}{key}: {value:,}"]
    return [f"{indent}{key}: {value:.6g}" if isinstance(value, float) else f"{indent}{key}: {value}"]
