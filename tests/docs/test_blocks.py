"""Every block of README and docs is run: files are checked, Python executed, commands called, what they print compared.

A block that cannot run here says so in a comment before it, `<!-- not run: it needs SLURM -->`, and is held to its syntax.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from page_blocks import LANGUAGES, PAGES, ROOT, Block, blocks, ident, printed_as

from nas.cli import _parser, main
from nas.experiment.schema import experiment_schema
from nas.experiment.settings import experiment_from_text
from nas.space import space_from_text
from nas.space.check import check
from nas.space.schema import space_schema
from nas.study.samplers import parse_sampler
from nas.study.stopping import parse_stopping

ALL = [block for page in PAGES for block in blocks(page)]
_TRAINS = re.compile(r"\bnas (?:search|resume|confirm|export)\b|\bnas\.(?:search|resume|confirm)\(")
_ELSEWHERE = ("make", "pip", "git", "cd", "source", "open", "ls", "cat")


def pages(trained: bool) -> list[Path]:
    """Pages with something to run, those where candidates are trained apart."""
    runnable = {page: [one for one in blocks(page) if not one.reason and one.language != "text"] for page in PAGES}
    return [page for page, run in runnable.items() if run and trained == any(_TRAINS.search(one.text) for one in run)]


def of(language: str, run: bool = True) -> list[Block]:
    return [block for block in ALL if block.language == language and (not block.reason) == run]


def test_there_is_something_to_test() -> None:
    assert len(of("yaml")) > 10
    assert len(of("console")) > 10
    assert len(of("python")) > 4


@pytest.mark.parametrize("page", PAGES, ids=ident)
def test_languages(page: Path) -> None:
    for block in blocks(page):
        assert block.language in LANGUAGES, f"{block.place}: a block is one of {LANGUAGES}"


@pytest.mark.parametrize("block", of("yaml"), ids=lambda block: block.place)
def test_yaml(block: Block) -> None:
    from jsonschema import validate

    plain = yaml.safe_load(block.text)
    if "experiment" in plain:
        validate(plain, experiment_schema())
        experiment = experiment_from_text(block.text, block.place)
        if "my_sampler" not in block.text:  # a class of the reader's, found where the page is followed
            parse_sampler(experiment.sampler)
        parse_stopping(experiment.stopping, experiment.budget)
    else:
        validate(plain, space_schema())
        if "operators" not in plain:  # its file lies beside it where the page is followed
            assert check(space_from_text(block.text, block.place), draws=40).accepted


@pytest.mark.parametrize("block", [block for block in ALL if block.reason], ids=lambda block: block.place)
def test_syntax_of_what_is_not_run(block: Block) -> None:
    if block.language == "python":
        compile(block.text, block.place, "exec")
    elif block.language == "yaml":
        assert isinstance(yaml.safe_load(block.text), dict)
    else:
        assert block.language in ("bash", "console")
        script = re.sub(r"^\$ ", "", block.text, flags=re.MULTILINE)
        done = subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
    for arguments in block.nas_calls():
        parser, _ = _parser(arguments[0])
        parser.parse_args(arguments)


@pytest.mark.parametrize("page", pages(trained=False), ids=ident)
def test_page(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    follow(page, tmp_path, monkeypatch, capsys)


@pytest.mark.slow
@pytest.mark.parametrize("page", pages(trained=True), ids=ident)
def test_page_that_trains(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    follow(page, tmp_path, monkeypatch, capsys)


def follow(page: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Do what the page says, in its order, in an empty folder."""
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(folder))
    scope: dict[str, Any] = {"__name__": "__main__"}
    for block in blocks(page):
        if block.reason:
            continue
        if block.file:
            (folder / block.file).write_text(block.text, encoding="utf-8")
        elif block.language == "python":
            exec(compile("\n" * (block.line - 1) + block.text, ident(page), "exec"), scope)
        elif block.language in ("console", "bash"):
            for command, expected in block.commands():
                capsys.readouterr()
                call(command, block)
                printed = capsys.readouterr().out
                assert printed_as(expected).search(printed), f"{block.place}: {command} printed\n{printed}"


def call(command: str, block: Block) -> None:
    words = shlex.split(command)
    words = words[words[0] == "PYTHONPATH=." :]  # where a page is followed, its folder is on the path
    if words[0] == "nas":
        target = words.index(">") if ">" in words else len(words)
        assert main(words[1:target]) == 0, f"{block.place}: {command}"
    elif words[0] == "python":
        done = subprocess.run([sys.executable, *words[1:]], capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{block.place}: {command}\n{done.stderr}"
        print(done.stdout)
    else:
        assert words[0] in _ELSEWHERE, f"{block.place}: an unchecked command: {command}"
        if words[0] == "make":
            assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE), command
        if words[0] == "pip":
            project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
            extras = re.findall(r"hourglass-nas\[([\w,]+)\]", command)
            assert set(",".join(extras).split(",")) - {""} <= set(project["optional-dependencies"]), command
