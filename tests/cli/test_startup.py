"""Commands load only what they need: looking at spaces takes no torch, help takes nothing at all."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("torch", "optuna", "ray", "numpy", "networkx", "matplotlib", "moocore", "rich", "yaml")
SHOW = "import sys; print(*[name for name in sys.argv[1].split() if name in sys.modules])"


def loaded(code: str, *names: str) -> set[str]:
    """Which of `names` a fresh interpreter has loaded after `code`."""
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{SHOW}", " ".join(names)],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return set(done.stdout.splitlines()[-1].split()) if done.stdout.strip() else set()


def test_import_loads_nothing_heavy() -> None:
    assert loaded("import nas", *HEAVY) == set()


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["search", "--help"], ["front", "--help"]])
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    code = f"from nas.cli import main\ntry:\n    main({arguments!r})\nexcept SystemExit:\n    pass"
    assert loaded(code, *HEAVY) == set()


@pytest.mark.parametrize(
    "arguments",
    [
        ["check", "mlp", "--draws", "5"],
        ["show", "mlp"],
        ["show", "mlp", "--code"],
        ["sample", "mlp", "-n", "2"],
        ["ops"],
        ["spaces"],
        ["schema", "space"],
    ],
    ids=" ".join,
)
def test_looking_at_spaces_takes_no_torch(arguments: list[str]) -> None:
    code = f"from nas.cli import main\nassert main({arguments!r}) == 0"
    assert loaded(code, "torch", "optuna", "ray", "matplotlib", "moocore") == set()


@pytest.mark.parametrize("arguments", [["tasks"], ["samplers"], ["stopping"], ["schema", "experiment"]], ids=" ".join)
def test_listings_take_neither_torch_nor_ray(arguments: list[str]) -> None:
    code = f"from nas.cli import main\nassert main({arguments!r}) == 0"
    assert loaded(code, "torch", "ray", "matplotlib") == set()


def test_everything_public_is_there() -> None:
    code = "import nas\nfor name in nas.__all__: getattr(nas, name)\nassert 'search' in dir(nas)"
    assert "torch" not in loaded(code, "ray")


def test_a_search_with_a_journal_takes_no_database_and_no_statistics() -> None:
    """Both take as long to import as a hundred small candidates take to train."""
    assert (
        loaded("import nas.experiment, nas.study.samplers", "sqlalchemy", "scipy.stats", "matplotlib", "ray") == set()
    )
