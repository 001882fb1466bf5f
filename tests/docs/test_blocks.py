"""Every block of README and docs runs: spaces are checked, experiments read, Python executed, commands called."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from nas.cli import main
from nas.experiment.settings import experiment_from_text
from nas.space import space_from_text
from nas.space.check import check

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: Path, *languages: str) -> list[tuple[str, str]]:
    found = _BLOCK.findall(page.read_text(encoding="utf-8"))
    return [(language, text) for language, text in found if language in languages]


def ident(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=ident)
def test_yaml(page: Path) -> None:
    for _, text in blocks(page, "yaml"):
        if text.lstrip().startswith("experiment:"):
            experiment_from_text(text, "block.yaml")
        else:
            assert check(space_from_text(text, ident(page)), draws=40).accepted


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=ident)
def test_commands_and_python_in_order(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for number, (_, text) in enumerate(blocks(page, "yaml")):
        name = re.search(r"^(space|experiment): *([\w-]+)", text, re.MULTILINE)
        (tmp_path / (f"{name.group(2)}.yaml" if name else f"block{number}.yaml")).write_text(text, encoding="utf-8")
    scope: dict[str, object] = {"__name__": "__main__"}
    for language, text in blocks(page, "console", "python"):
        if language == "python":
            first = text.splitlines()[0]
            if first.startswith("# ") and first.endswith(".py"):  # a file of the user's
                (tmp_path / first[2:]).write_text(text, encoding="utf-8")
            else:
                exec(compile(text, ident(page), "exec"), scope)
            continue
        for line in text.splitlines():
            command = line.removeprefix("$ ").split("#")[0]
            if line.startswith("$ nas "):
                arguments = shlex.split(command.split(">")[0])[1:]
                assert main([argument.replace("\\", "") for argument in arguments]) == 0, line
            elif line.startswith("$ "):
                assert command.split()[0] in ("make", "pip", "git", "cd", "python"), f"an unchecked command: {line}"
