"""The fenced blocks of README and docs, and the commands in them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]

LANGUAGES = ("python", "yaml", "console", "bash", "text", "")
_BLOCK = re.compile(r"^(?:<!-- not run: (.+) -->\n)?```(.*)\n((?:.*\n)*?)```$", re.MULTILINE)
_NAS = re.compile(r"\bnas (?:[a-z]+ )[^\n#\"]*")


@dataclass(frozen=True)
class Block:
    """One fenced block.

    Args:
        reason: why it is not run: `<!-- not run: REASON -->` on the line before; empty: it is.
        line: of the page, of its first line.
    """

    page: Path
    line: int
    language: str
    reason: str
    text: str

    @property
    def place(self) -> str:
        return f"{ident(self.page)}:{self.line}"

    @property
    def file(self) -> str:
        """The file that the block is to be saved as: `# NAME.py` in its first line, `space:` and `experiment:` of a YAML."""
        if self.language == "python":
            found = re.match(r"# (\S+\.py)$", self.text.split("\n", 1)[0])
            return found[1] if found else ""
        found = re.search(r"^(?:space|experiment): *([\w-]+)", self.text, re.MULTILINE)
        return f"{found[1]}.yaml" if found and self.language == "yaml" else ""

    def commands(self) -> Iterator[tuple[str, str]]:
        """Each command, without its comment, and what the page says it prints."""
        lines = self.text.replace("\\\n", " ").splitlines()
        if self.language == "bash":
            lines = [f"$ {line}" for line in lines if line.strip()]
        starts = [i for i, line in enumerate(lines) if line.startswith("$ ")]
        for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
            words = shlex.split(lines[start].removeprefix("$ "), comments=True)
            if words:
                yield shlex.join(words), "\n".join(lines[start + 1 : end]).rstrip()

    def nas_calls(self) -> list[list[str]]:
        """Arguments of every call of `nas` in a script that is not run."""
        return [shlex.split(found[0])[1:] for found in _NAS.finditer(self.text.replace("\\\n", " "))]


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    found = [
        Block(page, text.count("\n", 0, one.start(2)) + 2, one[2].strip(), one[1] or "", one[3])
        for one in _BLOCK.finditer(text)
    ]
    fences = re.findall(r"^\s*(?:```|~~~)", text, re.MULTILINE)
    assert len(fences) == 2 * len(found), f"{ident(page)}: a fence is indented, or is not closed"
    return found


def ident(page: Path) -> str:
    return str(page.relative_to(ROOT))


def printed_as(expected: str) -> re.Pattern[str]:
    """What a command prints, as a page shows it: `…` stands for anything, and spaces for any number of spaces."""
    lines = ["\\s+".join(map(_literal, line.split())) for line in expected.splitlines()]
    return re.compile("\\s+".join(line for line in lines if line))


def _literal(word: str) -> str:
    return "[\\s\\S]*?".join(map(re.escape, word.split("…")))
