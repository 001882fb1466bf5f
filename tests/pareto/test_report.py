"""The report as a file: complete, harmless, and saying what the study says."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from nas.errors import ParetoError
from nas.pareto.confirmation import Confirmation
from nas.pareto.front import frontier
from nas.pareto.published import LABEL, PublishedPoint
from nas.pareto.report import DETAILED, Artifact, write_report
from nas.pareto.report.data import detailed
from nas.pareto.report.page import as_script
from nas.study.records import StudyRecord, TrialRecord

HOSTILE = '</script><script>window.hacked = 1</script><img src=x onerror="window.hacked = 2">{{data}}'


def artifact(trial: TrialRecord) -> Artifact:
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" width="90" height="30"><text y="20">{trial.number}</text></svg>'
    return Artifact(svg, f"# candidate {trial.number}\nimport torch\n", f"z = linear(x, {trial.number})")


class Page(HTMLParser):
    """The elements of a page in order, and what stands in its scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        (self.scripts if self.elements and self.elements[-1][0] == "script" else self.words).append(data)

    def data(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.scripts[0])
        return found


@pytest.fixture(scope="module")
def page(
    tmp_path_factory: pytest.TempPathFactory,
    searched: StudyRecord,
    confirm: Callable[..., Confirmation],
    published: list[PublishedPoint],
) -> str:
    path = tmp_path_factory.mktemp("report") / "report.html"
    confirmation = confirm(searched, [trial.number for trial in frontier(searched).members[::2]])
    written = write_report(
        searched, path, artifacts=artifact, published=published, confirmation=confirmation, provenance={"torch": "2.13"}
    )
    assert written == path
    return path.read_text(encoding="utf-8")


def test_it_loads_nothing(page: str) -> None:
    parsed = Page(page)
    for tag, attributes in parsed.elements:
        assert tag not in ("link", "img", "iframe", "object", "embed", "base")
        assert not {"src", "srcset", "action", "background"} & attributes.keys()
        assert (attributes.get("href") or "#").startswith("#")
    assert not re.search(r"@import|url\(|\bfetch\(|XMLHttpRequest|WebSocket|\bimport\(", page)
    addresses = set(re.findall(r"https?://[\w./-]+", page))
    assert addresses <= {"http://www.w3.org/2000/svg"}


def test_its_policy_allows_its_own_script_alone(page: str) -> None:
    policy = next(a["content"] for tag, a in Page(page).elements if a.get("http-equiv") == "Content-Security-Policy")
    script = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    assert len(script) == 1
    digest = base64.b64encode(hashlib.sha256(script[0].encode()).digest()).decode()
    assert policy is not None
    assert policy.startswith(f"default-src 'none'; script-src 'sha256-{digest}';")


def test_the_same_study_gives_the_same_bytes(page: str, tmp_path: Path, searched: StudyRecord) -> None:
    paths = [write_report(searched, tmp_path / f"{i}.html", artifacts=artifact) for i in range(2)]
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_data_is_the_study(page: str, searched: StudyRecord) -> None:
    data, front = Page(page).data(), frontier(searched)
    assert data["trials"]["number"] == [trial.number for trial in searched.trials]
    assert data["members"] == [trial.number for trial in front.members]
    assert data["knee"] == front.knee().number
    assert data["history"][-1][1] == pytest.approx(front.hypervolume(), rel=1e-5)
    for i, trial in enumerate(searched.trials):
        flat = data["trials"]["genotype"][i]
        paths = [data["trials"]["paths"][place] for place in flat[::2]]
        assert dict(zip(paths, flat[1::2], strict=True)) == trial.genotype
        assert data["trials"]["states"][data["trials"]["state"][i]] == trial.state
    accuracy = next(one for one in data["quantities"] if one["name"] == "accuracy")
    assert accuracy["values"] == [trial.metrics["accuracy"] for trial in searched.trials]


def test_every_section_is_there_and_published_figures_are_labelled(page: str, searched: StudyRecord) -> None:
    parsed = Page(page)
    sections = [attributes["id"] for tag, attributes in parsed.elements if tag == "section"]
    assert sections == [
        "front",
        "confirmed",
        "families",
        "trends",
        "decisions",
        "progress",
        "chance",
        "outcomes",
        "published",
        "origin",
    ]
    assert page.count(f'<i class="tag">{LABEL}</i>') == 4
    rows = [attributes["data-row"] for tag, attributes in parsed.elements if tag == "tr" and "data-row" in attributes]
    members = [str(trial.number) for trial in frontier(searched).members]
    assert rows == members + members[::2]
    words = " ".join(parsed.words)
    for said in ("nsga2 (population 40)", "loss is nan at epoch 3", "41 rejected, 7 duplicate", "4 of 5", "2.13"):
        assert said in words
    assert "one of them or all together may come to more than the forest predicts" in words


def test_hostile_text_stays_text(tmp_path: Path, searched: StudyRecord) -> None:
    trials = [
        replace(trial, message=HOSTILE, origin=HOSTILE, genotype={**trial.genotype, HOSTILE: HOSTILE})
        for trial in searched.trials
    ]
    record = replace(searched, name=HOSTILE, task=HOSTILE, space_text=HOSTILE, trials=tuple(trials))
    point = PublishedPoint(HOSTILE, {"accuracy": 0.5, "params": 9}, HOSTILE, HOSTILE)
    path = write_report(
        record,
        tmp_path / "report.html",
        artifacts=lambda trial: Artifact(HOSTILE, HOSTILE, HOSTILE),
        published=[point],
        provenance={HOSTILE: HOSTILE},
    )
    text = path.read_text(encoding="utf-8")
    parsed = Page(text)
    assert [tag for tag, _ in parsed.elements].count("script") == 2
    assert not any(name.startswith("on") for _, attributes in parsed.elements for name in attributes)
    assert "img" not in {tag for tag, _ in parsed.elements}
    assert parsed.data()["study"] == HOSTILE


def test_as_script_ends_nothing() -> None:
    text = as_script({"a": "</script><!-- & \u2028\u2029"})
    assert not set("<>&\u2028\u2029") & set(text)
    assert json.loads(text) == {"a": "</script><!-- & \u2028\u2029"}


def test_graphs_and_code_are_carried_by_those_that_people_open(
    searched: StudyRecord, confirm: Callable[..., Confirmation]
) -> None:
    front = frontier(searched)
    outsider = next(trial for trial in front.candidates if trial not in front.members)
    confirmation = confirm(searched, [outsider.number])
    for n in (0, 60, DETAILED, 10_000):
        chosen = [trial.number for trial in detailed(front, confirmation, n)]
        assert len(chosen) == len(set(chosen)) == max(len(front.members) + 1, min(n, len(front.candidates)))
        assert {trial.number for trial in front.members} | {outsider.number} <= set(chosen)


def test_details_come_from_the_caller(page: str) -> None:
    details = Page(page).data()["details"]
    assert len(details) == DETAILED
    assert details["268"]["source"] == "# candidate 268\nimport torch\n"


def test_a_study_of_failures_has_a_report(tmp_path: Path, searched: StudyRecord) -> None:
    failed = tuple(trial for trial in searched.trials if trial.state in ("crashed", "diverged"))
    path = write_report(replace(searched, trials=failed), tmp_path / "report.html")
    text = path.read_text(encoding="utf-8")
    assert f"None of the {len(failed)} candidates has been trained to the end" in text
    assert "loss is nan at epoch 3" in text
    assert write_report(replace(searched, trials=()), path) == path


@pytest.mark.parametrize(
    "goals", [["minimize loss", "minimize macs", "maximize a"], ["minimize params", "minimize macs"]]
)
def test_any_objectives(tmp_path: Path, study_of: Callable[..., StudyRecord], goals: list[str]) -> None:
    record = study_of([[i + 1, 5 - i, i % 3][: len(goals)] for i in range(5)], goals)
    data = Page(write_report(record, tmp_path / "a.html").read_text(encoding="utf-8")).data()
    assert [one["name"] for one in data["quantities"]][: len(goals)] == [goal.split()[1] for goal in goals]


@pytest.mark.slow
def test_thousands_of_candidates_are_a_few_megabytes(tmp_path: Path, families_of: Callable[..., StudyRecord]) -> None:
    path = write_report(families_of(5000), tmp_path / "report.html", artifacts=artifact)
    assert path.stat().st_size < 6e6


def test_a_folder_that_is_not_there_says_so(tmp_path: Path, searched: StudyRecord) -> None:
    with pytest.raises(ParetoError, match=r"cannot write .*report\.html: No such file or directory"):
        write_report(searched, tmp_path / "nowhere" / "report.html")


def luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("theme", [0, 1])
def test_text_has_the_contrast_of_wcag_aa(theme: int) -> None:
    css = resources.files("nas.pareto.report").joinpath("report.css").read_text(encoding="utf-8")
    shades = {name: pair.split(",") for name, pair in re.findall(r"--(\w+): light-dark\((#\w+, #\w+)\)", css)}
    for text in ("ink", "soft", "link", "bad"):
        for ground in ("paper", "raised", "wash"):
            pair = sorted(luminance(shades[name][theme].strip()) for name in (text, ground))
            assert (pair[1] + 0.05) / (pair[0] + 0.05) >= 4.5, (text, ground)


@pytest.mark.parametrize(
    "goals",
    [
        ["minimize params", "minimize macs"],
        ["maximize params", "maximize accuracy"],
        ["minimize a", "minimize b", "minimize c", "minimize d"],
    ],
)
@pytest.mark.parametrize("n", [1, 30])
def test_studies_of_any_goals_have_a_report(
    tmp_path: Path, study_of: Callable[..., StudyRecord], goals: list[str], n: int
) -> None:
    record = study_of([[(7 * i + 3 * k) % 11 + 1 for k in range(len(goals))] for i in range(n)], goals)
    page = Page(write_report(record, tmp_path / "report.html").read_text())
    assert page.data()["history"][-1][0] == n - 1
