"""Golden files: what a person sees who mistypes a command, an experiment or data. `golden/NAME.txt` holds each exactly.

Every mistake is one message with its place and the way out, exit status 2 (1 where the work failed), and loses nothing.
`UPDATE_GOLDEN=1` writes the messages anew; read them as the person would who made the mistake.
"""

from __future__ import annotations

import hashlib
import os
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from nas.cli import main

GOLDEN = Path(__file__).parent / "golden"


@dataclass(frozen=True)
class Case:
    """A command and the files that it reads; `status` is what it leaves with."""

    command: str
    files: Mapping[str, str] = field(default_factory=dict)
    status: int = 2


def experiment(text: str, **more: str) -> Case:
    """A search whose experiment file is wrong."""
    return Case("search my.yaml", {"my.yaml": text, **more})


def narrow(line: str) -> Case:
    """A wrong line in an experiment that is right otherwise."""
    return experiment(f"space: narrow.yaml\ntask: my_task.py:make\n{line}\n")


def on_task(task: str, **files: str) -> Case:
    """An experiment with a wrong task or wrong data."""
    return experiment(f"space: narrow.yaml\ntask: {task}\ntrials: 2\n", **files)


def csv(text: str) -> Case:
    return on_task("{name: data.csv, target: y}", **{"data.csv": text})


TWO_AXES = "space: two\ninputs: {x: [height, width]}\noutputs: [targets]\nmodel: return linear(flatten(x), targets)\n"
ROWS = "\n".join(f"{i},{i % 3},{i % 2}" for i in range(30))

CASES: dict[str, Case] = {
    # ------------------------------------------------------------------ the command line
    "command_unknown": Case("serach mlp"),
    "command_option_unknown": Case("front run --jsn"),
    "command_argument_missing": Case("report"),
    "command_not_a_number": Case("search narrow.yaml --task my_task.py:make --trials many"),
    "command_not_a_number_of_seconds": Case("search narrow.yaml --task my_task.py:make --timeout-s 'ten minutes'"),
    "command_choice": Case("schema spaces"),
    "search_of_a_space_without_task": Case("search mlp"),
    "search_of_nothing": Case("search mpl"),
    "search_file_missing": Case("search experimnt.yaml"),
    "search_file_is_a_folder": Case("search run"),
    "search_trials_negative": Case("search narrow.yaml --task my_task.py:make --trials -3"),
    "search_epochs_zero": Case("search narrow.yaml --task my_task.py:make --epochs 0"),
    "search_hours_nan": Case("search narrow.yaml --task my_task.py:make --hours nan"),
    "search_gpu_hours_without_gpus": Case("search narrow.yaml --task my_task.py:make --device cpu --gpu-hours 3"),
    "search_target_zero": Case("search narrow.yaml --task my_task.py:make --target-hypervolume 0"),
    "search_reference_alone": Case("search narrow.yaml --task my_task.py:make --reference accuracy=0.5"),
    "search_reference_unreadable": Case(
        "search narrow.yaml --task my_task.py:make --target-hypervolume 1 --reference accuracy"
    ),
    "search_reference_lacks_one": Case(
        "search narrow.yaml --task my_task.py:make --target-hypervolume 1 --reference accuracy=0.5"
    ),
    "search_storage_no_url": Case("search narrow.yaml --task my_task.py:make --storage study.db"),
    "search_storage_no_driver": Case("search narrow.yaml --task my_task.py:make --storage mysql://me:secret@host/x"),
    "search_from_nothing": Case("search narrow.yaml --from rum"),
    "search_from_itself": Case("search narrow.yaml --from run -d run"),
    "search_timeout_negative": Case("search narrow.yaml --task my_task.py:make --timeout-s -1"),
    "experiment_target_misspelt": narrow("target_hypervolume: {volume: 1.2, referense: {params: 1e6}}"),
    "experiment_reference_unknown": narrow("target_hypervolume: {volume: 1.2, reference: {prams: 1e6, accuracy: 0}}"),
    "resume_hours_negative": Case("resume run --hours -1"),
    "search_workers_zero": Case("search narrow.yaml --task my_task.py:make --workers 0"),
    "search_workers_inline": Case("search narrow.yaml --task my_task.py:make --engine inline --workers 2"),
    "search_engine_unknown": Case("search narrow.yaml --task my_task.py:make --engine dask"),
    "search_sampler_unknown": Case("search narrow.yaml --task my_task.py:make --sampler tpee"),
    "search_objective_unknown": Case("search narrow.yaml --task my_task.py:make --objective 'maximize acuracy'"),
    "search_device_unknown": Case("search narrow.yaml --task my_task.py:make --device gpu"),
    "search_same_again": Case("search narrow.yaml --task my_task.py:make --trials 6 --epochs 4 -d run"),
    "search_over_another": Case("search narrow.yaml --task my_task.py:make --seed 4 -d run"),
    "search_directory_is_a_file": Case("search narrow.yaml --task my_task.py:make -d narrow.yaml"),
    "search_directory_unwritable": Case("search narrow.yaml --task my_task.py:make -d /proc/results"),
    "search_over_own_files": Case(
        "search experiment.yaml -d .", {"experiment.yaml": "space: narrow.yaml\ntask: my_task.py:make\n"}
    ),
    "search_fresh_with_a_mistake": Case("search narrow.yaml --task my_task.py:make --objective nope -d run --fresh"),
    "search_nothing_complete": Case(
        "search my.yaml",
        {"my.yaml": "space: narrow.yaml\ntask: {name: 'my_task.py:make', fail: no luck at all}\ntrials: 2\n"},
        status=1,
    ),
    "resume_nothing": Case("resume nowhere"),
    "resume_a_file": Case("resume narrow.yaml"),
    "resume_fewer_trials": Case("resume run --trials 2"),
    "resume_control_negative": Case("resume run --control -1"),
    "search_control_negative": Case("search narrow.yaml --task my_task.py:make --control -1"),
    "report_control_damaged": Case("report run", {"run/control.json": "{"}),
    "resume_task_gone": Case("resume run", {"my_task.py": ""}),
    "resume_settings_edited": Case("resume run", {"run/experiment.yaml": "space: narrow\ntask: digits\ntrals: 3\n"}),
    "resume_space_edited": Case(
        "resume run",
        {
            "run/space.yaml": "space: narrow\ninputs: {x: [features]}\n"
            "outputs: [targets]\nmodel: return linear(x, targets)\n"
        },
    ),
    "resume_damaged": Case("resume run", {"run/study.json": "{"}),
    "front_nothing": Case("front nowhere"),
    "front_of_failures": Case("front failed"),
    "front_suffix": Case("front run -o front.xlsx"),
    "front_unwritable": Case("front run -o /proc/front.csv"),
    "front_picture_unwritable": Case("front run -o /proc/front.svg"),
    "report_nothing": Case("report nowhere"),
    "report_suffix": Case("report run -o report.pdf"),
    "report_unwritable": Case("report run -o /proc/report.html"),
    "confirm_nothing": Case("confirm nowhere"),
    "confirm_no_seeds": Case("confirm run --seeds 0"),
    "confirm_near_negative": Case("confirm run --near -1"),
    "confirm_near_a_word": Case("confirm run --near two"),
    "confirm_of_failures": Case("confirm failed"),
    "confirm_engine_unknown": Case("confirm run --engine rai"),
    "export_nothing": Case("export nowhere --knee -o m.py"),
    "export_which": Case("export run -o m.py"),
    "export_two_at_once": Case("export run --knee --trial 1 -o m.py"),
    "export_trial_out_of_range": Case("export run --trial 6 -o m.py"),
    "scores_of_an_own_evaluator": Case("scores run"),
    "scores_nothing": Case("scores nowhere"),
    "scores_unknown": Case("scores run --score synflwo"),
    "export_best_unknown": Case("export run --best speed -o m.py"),
    "export_suffix": Case("export run --knee -o model.onnx"),
    "export_format_unknown": Case("export run --knee -o m.py --onxx"),
    "export_unwritable": Case("export run --knee -o /proc/m.py"),
    "check_missing": Case("check families.yml"),
    "check_sizes": Case("check mlp --sizes features=abc"),
    "check_sizes_form": Case("check mlp --sizes 784"),
    "check_sizes_unknown": Case("check mlp --sizes feature=784"),
    "check_task_axes": Case("check two.yaml --task digits", {"two.yaml": TWO_AXES}),
    "check_draws": Case("check mlp --draws 0"),
    "show_set_unknown": Case("show mlp --set dept=4"),
    "show_set_outside": Case("show mlp --set depth=40"),
    "show_set_form": Case("show mlp --set depth"),
    "show_set_broken": Case("show mlp --set 'depth=[1'"),
    "show_seed": Case("show mlp --seed baseline"),
    "show_seed_negative": Case("show mlp --seed -1"),
    "show_seed_none": Case("show narrow.yaml --seed mine"),
    "show_svg_unwritable": Case("show mlp --svg /proc/a.svg"),
    "sample_none": Case("sample mlp -n 0"),
    "ops_unknown": Case("ops liner"),
    # ------------------------------------------------------------------ experiment files
    "experiment_empty": experiment(""),
    "experiment_a_list": experiment("- space: mlp\n"),
    "experiment_broken_yaml": experiment("space: narrow.yaml\ntask: [my_task.py:make\n"),
    "experiment_not_text": Case("search my.yaml", {"my.yaml": "\udcff\udcfe"}),
    "experiment_several_faults": experiment("spce: narrow.yaml\ntask: 12\ntrials: many\nseed: -1\nhours: .inf\n"),
    "experiment_key_twice": experiment("space: mlp\ntask: digits\nspace: kan\n"),
    "experiment_is_a_space": Case("search narrow.yaml"),
    "space_missing": experiment("space: narow.yaml\ntask: my_task.py:make\n"),
    "space_wrong": experiment(
        "space: wrong.yaml\ntask: my_task.py:make\n",
        **{
            "wrong.yaml": "space: wrong\ninputs: {x: [features]}\noutputs: [targets]\nmodel: return liner(x, targets)\n"
        },
    ),
    "space_axes": experiment("space: two.yaml\ntask: digits\n", **{"two.yaml": TWO_AXES}),
    "space_recipe": experiment(
        "space: wrong.yaml\ntask: my_task.py:make\n",
        **{
            "wrong.yaml": "space: wrong\ninputs: {x: [features]}\noutputs: [targets]\n"
            "model: return linear(x, targets)\nrecipe: {lr: -1}\n"
        },
    ),
    "engine_unknown": narrow("engine: rey"),
    "engine_option": narrow("engine: {name: ray, wrokers: 2}"),
    "engine_workers": narrow("engine: {name: ray, workers: two}"),
    "sampler_option": narrow("sampler: {name: nsga2, populaton: 8}"),
    "sampler_flat_only": narrow("sampler: gp"),
    "sampler_without_rungs": narrow("sampler: bohb"),
    "sampler_one_objective": narrow("sampler: nsga3\nobjectives: [maximize accuracy]"),
    "sampler_of_ones_own": narrow("sampler: my_samplers:Mine"),
    "sampler_grid_infinite": experiment(
        "space: wide.yaml\ntask: my_task.py:make\nsampler: grid\n",
        **{
            "wide.yaml": "space: wide\ninputs: {x: [features]}\noutputs: [targets]\nchoose: {rate: {float: [0.0, 0.5]}}\n"
            "model: return linear(dropout(x, rate), targets)\n"
        },
    ),
    "objectives_a_text": narrow("objectives: maximize accuracy"),
    "objectives_word": narrow("objectives: [maximise accuracy, minimize params]"),
    "objectives_metric": narrow("objectives: [maximize accuracy, minimize latency]"),
    "objectives_contradict": narrow("objectives: [maximize accuracy, minimize accuracy]"),
    "constraints_form": narrow("constraints: [params < lots]"),
    "constraints_impossible": narrow("constraints: [params <= 100, params >= 1000]"),
    "stopping_rule": narrow("stopping: {rule: pareto-halfing, rungs: [2]}"),
    "stopping_beyond_budget": narrow("budget: {epochs: 5}\nstopping: {rule: pareto-halving, rungs: [2, 10]}"),
    "stopping_eta": narrow("stopping: {rule: pareto-halving, rungs: [2], eta: 1}"),
    "stopping_tie": narrow("stopping: {rule: pareto-halving, rungs: [2], tie: crowd}"),
    "stopping_setting": narrow("stopping: {rule: median, rungs: [2], peer: 3}"),
    "stopping_threshold": narrow("stopping: {rule: 'optuna:threshold', rungs: [2]}"),
    "stopping_one_objective": narrow("objectives: [minimize params]\nstopping: {rule: 'optuna:median', rungs: [2]}"),
    "budget_unit": narrow("budget: {epoch: 5}"),
    "budget_amount": narrow("budget: {epochs: 2.5}"),
    "checkpoint_negative": narrow("checkpoint_s: -5"),
    "recipe_unknown": narrow("recipe: {optimizer: adamw, learning_rate: 1e-3}"),
    "recipe_values": narrow("recipe:\n  lr: -1e-3\n  schedule: cosin\n  batch_size: many"),
    "latency_repeats": narrow("latency: {batch: 8, repeats: 0}"),
    "latency_of_own_evaluator": narrow("latency: {batch: 8}"),
    "scores_misspelt": experiment("space: mlp\ntask: digits\nscores: [snip, synflwo]\n"),
    "scores_are_no_objectives": experiment("space: mlp\ntask: digits\nobjectives: [maximize snip]\nscores: [snip]\n"),
    "scores_where_nothing_is_trained": narrow("scores: [snip]"),
    "latency_misspelt": experiment("space: mlp\ntask: digits\nobjectives: [maximize accuracy, minimize latncy]\n"),
    "confirm_seeds": narrow("confirm: {seeds: 0}"),
    "device": narrow("device: cuda:7"),
    "several_settings": narrow("engine: rey\nsampler: tpee\nrecipe: {lr: 0}\nstopping: never"),
    "published_missing": Case(
        "front run -o front.svg",
        {"run/experiment.yaml": "space: narrow\ntask: my_task.py:make\npublished: points.csv\n"},
    ),
    "published_not_a_number": Case(
        "report run",
        {
            "run/experiment.yaml": "space: narrow\ntask: ../my_task.py:make\npublished: points.csv\n",
            "run/points.csv": "label,source,accuracy\nMLP,A paper,high\n",
        },
    ),
    # ------------------------------------------------------------------ tasks and data
    "task_unknown": on_task("mnist1dd"),
    "task_option": on_task("{name: digits, validaton: 0.1}"),
    "task_without_function": on_task("my_task.py"),
    "task_function_missing": on_task("my_task.py:mak"),
    "task_function_raises": on_task("my_task.py:broken"),
    "task_file_raises": on_task("bad.py:make", **{"bad.py": "import nonsense_that_is_not_there\n"}),
    "task_file_syntax": on_task("bad.py:make", **{"bad.py": "def make(:\n"}),
    "task_file_missing": on_task("my_tsk.py:make"),
    "task_returns_nonsense": on_task("bad.py:make", **{"bad.py": "def make():\n    return 3\n"}),
    "data_missing": on_task("{name: dta.csv, target: y}", **{"data.csv": "a,y\n1,2\n"}),
    "data_suffix": on_task("data.xlsx", **{"data.xlsx": "PK"}),
    "data_parquet_broken": on_task("data.parquet:y", **{"data.parquet": "PAR1"}),
    "data_npz_broken": on_task("data.npz", **{"data.npz": "this is no zip file"}),
    "images_unreadable": on_task("photos", **{"photos/cat/1.png": "none", "photos/dog/1.png": "none"}),
    "images_no_classes": on_task("photos", **{"photos/1.png": "none"}),
    "images_option": on_task("{name: photos, color: grey}", **{"photos/cat/1.png": "none"}),
    "hf_option": on_task("{name: hf:shapes, label: kind}"),
    "torchvision_root": on_task("{name: torchvision:CIFAR10, root: 3}"),
    "csv_column": csv(f"a,b,z\n{ROWS}\n"),
    "csv_target": on_task("data.csv", **{"data.csv": f"a,b,y\n{ROWS}\n"}),
    "csv_target_of_a_search": Case("search narrow.yaml --task data.csv", {"data.csv": f"a,b,y\n{ROWS}\n"}),
    "csv_word_of_a_search": Case("search narrow.yaml --task data.csv:y", {"data.csv": f"a,b,y\n{ROWS}\n1,two,0\n"}),
    "csv_gaps_of_a_check": Case("check mlp --task data.csv:y", {"data.csv": "a,b,y\n1,,0\n2,,1\n"}),
    "csv_nan": csv(f"a,b,y\n{ROWS}\n1,NaN,0\n"),
    "csv_word": csv(f"a,b,y\n{ROWS}\n1,two,0\n"),
    "csv_ragged": csv(f"a,b,y\n{ROWS}\n1,2\n"),
    "csv_empty": csv(""),
}


@pytest.mark.parametrize("name", CASES)
def test_a_mistake_has_its_message(name: str, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    case = CASES[name]
    for file, text in case.files.items():
        (home / file).parent.mkdir(parents=True, exist_ok=True)
        (home / file).write_text(text, encoding="utf-8", errors="surrogateescape")
    before = contents(home)
    arguments = shlex.split(case.command)
    if case.command.startswith(("search", "resume", "confirm")):
        arguments.append("--quiet")
    status = main(arguments)
    shown = capsys.readouterr()
    said = shown.err.replace(str(home), "HOME")
    said = re.sub(r"(?<=HOME)([^\n]*\n +)\^+", r"\1^", said)  # what is underlined may be as long as HOME is
    files = "".join(f"--- {file}\n{text}\n" for file, text in case.files.items() if file == "my.yaml" and "\n" in text)
    text = f"{files}$ nas {case.command}\n{said}exit status {status}\n"
    golden = GOLDEN / f"{name}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")
    assert status == case.status
    assert said.strip()
    assert shown.out == ""
    assert "Traceback" not in said
    assert not re.search(r"\b(KeyError|ValueError|TypeError|OSError|Errno)\b", said)
    after = contents(home)
    assert {path: after.get(path) for path in before} == before, "a mistake loses nothing"
    if case.status == 2:
        assert set(after) == set(before), "and leaves nothing behind"


def contents(folder: Path) -> dict[str, str]:
    """Every file but locks and Python's own, by a digest of what is in it."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "lock" and "__pycache__" not in path.parts
    }


def test_every_message_belongs_to_a_mistake() -> None:
    assert sorted(path.stem for path in GOLDEN.glob("*.txt")) == sorted(CASES)
    assert len(CASES) >= 60
