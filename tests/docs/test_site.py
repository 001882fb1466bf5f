"""The documentation site: it builds without a warning, has every page in its menu, and asks nothing of the network."""

from __future__ import annotations

import importlib.util
import logging
import re
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from page_blocks import ROOT

from nas.study.samplers import SAMPLERS
from nas.study.stopping import RULES

pytest.importorskip("material")
mkdocs = pytest.importorskip("mkdocs.config")

SETTINGS = ROOT / "mkdocs.yml"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site; a warning fails."""
    from mkdocs.commands.build import build

    said: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(record.getMessage())

    folder = tmp_path_factory.mktemp("site")
    listener = Listener(logging.WARNING)
    logging.getLogger("mkdocs").addHandler(listener)
    try:
        config: Any = mkdocs.load_config(str(SETTINGS), site_dir=str(folder))
        config.plugins.on_startup(command="build", dirty=False)
        build(config)
    finally:
        logging.getLogger("mkdocs").removeHandler(listener)
    assert said == []
    return folder


class Fetched(HTMLParser):
    """What a browser loads of its own accord."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        if tag in ("script", "img", "iframe", "source", "video", "audio", "embed"):
            self.addresses += [given.get("src") or "", given.get("srcset") or ""]
        if tag == "link" and given.get("rel") in ("stylesheet", "icon", "preconnect", "preload"):
            self.addresses.append(given.get("href") or "")


def test_nothing_comes_from_elsewhere(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 12
    for page in pages:
        found = Fetched()
        found.feed(page.read_text(encoding="utf-8"))
        assert any(found.addresses)
        assert [one for one in found.addresses if re.match(r"\w+:|//", one) and not one.startswith("data:")] == []
    for style in site.rglob("*.css"):
        assert not re.search(r"(?:@import|url\()\s*['\"]?(?:https?:)?//", style.read_text(encoding="utf-8"))


def test_links_to_records_lead_to_copies(site: Path) -> None:
    text = (site / "measurements.html").read_text(encoding="utf-8")
    assert 'href="results/learning-curves/index.html"' in text
    assert (site / "results" / "learning-curves" / "index.html").is_file()
    assert (site / "search_spaces" / "families" / "mixer.yaml").is_file()


def test_links_on_a_page() -> None:
    found = importlib.util.spec_from_file_location("repository_links", ROOT / "docs" / "site" / "repository_links.py")
    assert found is not None
    assert found.loader is not None
    hook = importlib.util.module_from_spec(found)
    found.loader.exec_module(hook)

    def moved(page: str, link: str) -> str:
        text: str = hook.on_page_markdown(f"[a]({link})", SimpleNamespace(file=SimpleNamespace(src_uri=page)))
        return text.removeprefix("[a](").removesuffix(")")

    assert moved("report.md", "../results/shapes/README.md#what") == "results/shapes/README.md#what"
    assert moved("results/shapes/README.md", "../curves/README.md") == "../curves/README.md"
    assert moved("results/shapes/README.md", "../../docs/report.md") == "../../report.md"
    assert moved("results/shapes/README.md", "frontier.svg") == "frontier.svg"
    for same in ("design.md#cohorts", "https://example.org/a.md", "#here"):
        assert moved("report.md", same) == same


def test_every_page_is_in_the_menu() -> None:
    listed = [path for entry in yaml.safe_load(SETTINGS.read_text(encoding="utf-8"))["nav"] for path in entry.values()]
    assert sorted(listed) == sorted(path.name for path in (ROOT / "docs").glob("*.md"))


def test_the_page_of_samplers_knows_them_all() -> None:
    """Each with its settings and their defaults."""
    text = (ROOT / "docs" / "samplers.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `([\w-]+)` \|.*\| (.*?) ?\|$", text, re.MULTILINE))
    settings = {
        name: ", ".join(f"`{key}: {setting.default}`" for key, setting in entry.settings.items())
        for name, entry in SAMPLERS.items()
    }
    assert rows == settings


def test_the_page_of_scaling_knows_our_rules() -> None:
    text = (ROOT / "docs" / "scaling.md").read_text(encoding="utf-8")
    ours = {name for name in RULES if ":" not in name}
    assert set(re.findall(r"^\| `([a-z-]+)` \| ", text, re.MULTILINE)) >= ours
