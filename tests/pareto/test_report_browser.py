"""The report in a real browser: it runs from a file, without a network, by mouse and by keyboard."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from machine_speed import slowness

from nas.pareto.confirmation import Confirmation
from nas.pareto.front import frontier
from nas.pareto.published import PublishedPoint
from nas.pareto.report import Artifact, write_report
from nas.pareto.report.compared import write_comparison
from nas.pareto.several import several
from nas.study.records import StudyRecord, TrialRecord

playwright = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")]

SVG = """<svg xmlns="http://www.w3.org/2000/svg" width="200" height="80">
<style>rect{fill:#fff} @media (prefers-color-scheme: dark) { rect{fill:#000} }</style>
<rect width="90" height="40"/><text y="60">candidate %d</text></svg>"""


def source(number: int) -> str:
    return f'"""Candidate {number}: </script>."""\nfrom torch import nn\n\n\nclass Model(nn.Module):  # {number}\n    pass\n'


def artifact(trial: TrialRecord) -> Artifact:
    return Artifact(SVG % trial.number, source(trial.number), "z = linear(x, 8)")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def report(
    tmp_path_factory: pytest.TempPathFactory,
    searched: StudyRecord,
    confirm: Callable[..., Confirmation],
    published: list[PublishedPoint],
) -> Path:
    confirmation = confirm(searched, [trial.number for trial in frontier(searched).members[::2]])
    path = tmp_path_factory.mktemp("report") / "report.html"
    return write_report(searched, path, artifacts=artifact, published=published, confirmation=confirmation)


@pytest.fixture
def visit(browser: Any) -> Iterator[Callable[..., Any]]:
    """Opens a file in a page of its own; at the end nothing may have gone wrong in it or been asked of a network."""
    contexts, wrong = [], []

    def visit(path: Path, hash: str = "", width: int = 1440, height: int = 1000, **settings: Any) -> Any:
        context = browser.new_context(viewport={"width": width, "height": height}, **settings)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: wrong.append(message.text))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda request: None if request.url.startswith("file:") else wrong.append(request.url))
        page.goto(path.as_uri() + hash)
        page.wait_for_selector("#scatter path.stair")
        return page

    yield visit
    for context in contexts:
        context.close()
    assert wrong == []


def test_a_row_opens_its_candidate_and_escape_closes_it(visit: Any, report: Path, searched: StudyRecord) -> None:
    page, first = visit(report), frontier(searched).members[0]
    page.click(f"#front [data-open='{first.number}']")
    assert page.inner_text("#panel-title").startswith(f"Candidate {first.number}")
    assert page.url.endswith(f"#candidate-{first.number}")
    assert page.text_content("#panel .code") == source(first.number)
    assert page.locator("#panel .graph text").text_content() == f"candidate {first.number}"
    assert "Learning curve" in page.inner_text("#panel")
    page.keyboard.press("Escape")
    assert not page.is_visible("#panel")
    assert page.evaluate("document.activeElement.dataset.open") == str(first.number)


def test_a_dot_opens_its_candidate(visit: Any, report: Path, searched: StudyRecord) -> None:
    page = visit(report)
    box = page.locator("#scatter circle.member").nth(3).bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_selector(".tip:not([hidden])")
    told = page.inner_text(".tip b")
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert page.inner_text("#panel-title").startswith(told)


def test_the_frontier_can_be_walked_with_keys(visit: Any, report: Path, searched: StudyRecord) -> None:
    page, members = visit(report), frontier(searched).members
    page.focus("#scatter")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    smallest = sorted(members, key=lambda trial: trial.costs["params"])
    assert page.text_content("#spoken").startswith(f"Candidate {smallest[1].number}")
    page.keyboard.press("Enter")
    assert page.inner_text("#panel-title").startswith(f"Candidate {smallest[1].number}")
    page.click("[aria-label='Next on the frontier']")
    assert page.inner_text("#panel-title").startswith(f"Candidate {smallest[2].number}")


def test_the_address_opens_a_candidate_and_lineage_leads_on(visit: Any, report: Path, searched: StudyRecord) -> None:
    child = next(trial for trial in searched.trials if trial.origin.startswith("mutation of"))
    page = visit(report, f"#candidate-{child.number}")
    parent = child.origin.rpartition(" ")[2]
    page.click("#panel .pairs .link")
    assert page.inner_text("#panel-title").startswith(f"Candidate {parent}")


def test_any_candidate_can_be_asked_for(visit: Any, report: Path, searched: StudyRecord) -> None:
    failed = next(trial for trial in searched.trials if trial.state == "crashed")
    page = visit(report)
    page.fill("#number", str(failed.number))
    page.keyboard.press("Enter")
    assert failed.message in page.inner_text("#panel")
    assert f"nas export DIR --trial {failed.number}" in page.inner_text("#panel")
    page.fill("#number", "99999")
    page.keyboard.press("Enter")
    assert page.inner_text("#panel-title").startswith(f"Candidate {failed.number}")


def test_code_is_downloaded_and_copied_to_the_letter(
    visit: Any, report: Path, searched: StudyRecord, tmp_path: Path
) -> None:
    number = frontier(searched).knee().number
    page = visit(report, f"#candidate-{number}", permissions=["clipboard-read", "clipboard-write"])
    with page.expect_download() as download:
        page.click("text=Download")
    assert download.value.suggested_filename == f"mnist1d-families-{number}.py"
    download.value.save_as(tmp_path / "model.py")
    assert (tmp_path / "model.py").read_text() == source(number)
    page.click("#panel .head .link:has-text('Copy')")
    page.wait_for_selector("text=Copied")
    assert page.evaluate("navigator.clipboard.readText()") == source(number)


def background(page: Any) -> int:
    """The first channel of the page's background."""
    return int(page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0]"))


def test_dark_follows_the_system_and_the_switch(visit: Any, report: Path) -> None:
    drawn = "getComputedStyle(document.querySelector('.graph').shadowRoot.querySelector('rect')).fill"
    page = visit(report, "#candidate-268", color_scheme="dark")
    assert background(page) < 60
    assert page.evaluate(drawn) == "rgb(0, 0, 0)"
    page.click("#theme")
    assert background(page) == 255
    assert page.evaluate(drawn) == "rgb(255, 255, 255)"
    page.reload()
    assert background(page) == 255, "the choice is kept"
    assert background(visit(report, color_scheme="light")) == 255


def test_axes_scales_families_and_stopped_ones_can_be_chosen(visit: Any, report: Path, searched: StudyRecord) -> None:
    page = visit(report)
    names = "[...document.querySelectorAll('#scatter .name')].map((node) => node.textContent)"
    assert page.evaluate(names) == ["↑ accuracy, validation", "← fewer parameters"]
    page.select_option("#x", "macs")
    page.select_option("#y", "loss")
    assert page.evaluate(names) == ["loss, validation", "← fewer MACs"]
    assert page.locator("#scatter path.stair").count() == 0, "nobody said which way loss is better"
    page.select_option("#y", "accuracy")
    line = page.get_attribute("#scatter path.stair", "d")
    page.click("#logx")
    assert page.get_attribute("#logx", "aria-pressed") == "false"
    assert page.get_attribute("#scatter path.stair", "d") != line
    before = page.locator("#scatter circle.member").count()
    page.click("[data-family='3']")
    assert page.get_attribute("[data-family='3']", "aria-pressed") == "false"
    assert page.locator("#scatter circle.member[fill='var(--f3)']").count() == 0
    assert before > 0
    stopped = sum(trial.state == "stopped" for trial in searched.trials)
    assert page.inner_text("#stopped") == f"{stopped} stopped early"
    page.click("#stopped")
    assert page.get_attribute("#stopped", "aria-pressed") == "true"


def test_the_picture_shows_the_frontier_as_computed(visit: Any, report: Path, searched: StudyRecord) -> None:
    page = visit(report)
    assert page.locator("#scatter circle.member").count() == len(frontier(searched).members)
    assert page.locator("#scatter path.paper").count() == 4
    assert page.locator("#scatter rect.box").count() == len(frontier(searched).members[::2])


def test_the_axes_hold_what_was_retrained_and_its_bars(
    visit: Any, searched: StudyRecord, confirm: Callable[..., Confirmation], tmp_path: Path
) -> None:
    members = [trial.number for trial in frontier(searched).members]
    wide = confirm(searched, members, seeds=2, sigma=0.5)
    page = visit(write_report(searched, tmp_path / "wide.html", confirmation=wide))
    assert page.locator("#scatter .retrained rect.box").count() == len(members)
    assert page.locator("#scatter .retrained path.whisker").count() == len(members) - 1, "one has a single value"
    inside = """(() => { const within = document.querySelector('svg.retrained');
      const [top, height] = ['y', 'height'].map((name) => Number(within.getAttribute(name)));
      return [...document.querySelectorAll('.retrained > *')].every((node) => { const box = node.getBBox();
        return box.y >= top - 1 && box.y + box.height <= top + height + 1; }); })()"""
    assert page.evaluate(inside)
    assert page.evaluate("getComputedStyle(document.querySelector('svg.retrained')).overflow") == "hidden"
    assert page.inner_text("#beyond") == ""
    page.click("#logy")
    assert "of the bars reach 0 and end at the edge of the logarithmic axis" in page.inner_text("#beyond")
    page.select_option("#y", "loss")
    assert page.inner_text("#beyond") == f"{len(members)} of the {len(members)} retrained have no place on these axes."


@pytest.mark.parametrize("width", [360, 820, 1440])
@pytest.mark.parametrize("hash", ["", "#candidate-268"])
def test_nothing_runs_over_the_edge(visit: Any, report: Path, width: int, hash: str) -> None:
    page = visit(report, hash, width=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    if hash:
        assert page.evaluate("panel.scrollWidth <= panel.clientWidth")


def test_everything_that_acts_has_a_name(visit: Any, report: Path) -> None:
    page = visit(report, "#candidate-268")
    nameless = """[...document.querySelectorAll('button, input, select, a')].filter((node) =>
      !(node.getAttribute('aria-label') || node.textContent.trim() || (node.labels && node.labels.length)))"""
    assert page.evaluate(f"{nameless}.length") == 0


def test_paper_gets_the_text_without_the_controls(visit: Any, report: Path) -> None:
    page = visit(report, "#candidate-268", color_scheme="dark")
    page.emulate_media(media="print")
    assert not page.is_visible("#panel")
    assert not page.is_visible(".controls")
    assert page.is_visible("#front table")


def test_five_thousand_candidates_answer_at_once(
    visit: Any, families_of: Callable[..., StudyRecord], tmp_path: Path
) -> None:
    page = visit(write_report(families_of(5000), tmp_path / "report.html", artifacts=artifact))
    # The work of one answer, measured inside the page: 30 pointer moves, each with its frame.
    milliseconds = page.evaluate(
        """async () => {
          const box = document.getElementById('scatter'), frame = box.getBoundingClientRect();
          const start = performance.now();
          for (let i = 0; i < 30; i++) {
            const at = { clientX: frame.left + 100 + 20 * i, clientY: frame.top + 200, bubbles: true };
            box.dispatchEvent(new PointerEvent('pointermove', at));
            await new Promise(requestAnimationFrame);
          }
          return (performance.now() - start) / 30;
        }"""
    )
    assert milliseconds < 60 or milliseconds < 60 * slowness()
    redraw = page.evaluate(
        "(() => { const start = performance.now(); logx.click(); return performance.now() - start; })()"
    )
    assert redraw < 400


def test_a_hostile_drawing_runs_nothing(browser: Any, searched: StudyRecord, tmp_path: Path) -> None:
    svg = """<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9" onload="window.hacked = 1">
    <script>window.hacked = 2</script><a href="https://example.org/"><rect onclick="window.hacked = 3"/></a>
    <foreignObject><img xmlns="http://www.w3.org/1999/xhtml" src="x" onerror="window.hacked = 4"/></foreignObject></svg>"""
    path = write_report(searched, tmp_path / "report.html", artifacts=lambda trial: Artifact(svg, "", ""))
    page = browser.new_page()
    page.goto(path.as_uri() + "#candidate-268")
    page.wait_for_selector("#panel .graph")
    left = page.evaluate("document.querySelector('.graph').shadowRoot.querySelector('svg').outerHTML")
    assert not any(word in left for word in ("script", "onload", "onclick", "foreignObject", "example.org"))
    page.locator("#panel .graph rect").dispatch_event("click")
    assert page.evaluate("window.hacked") is None
    page.close()


def test_a_study_of_failures_opens(browser: Any, searched: StudyRecord, tmp_path: Path) -> None:
    failed = tuple(trial for trial in searched.trials if trial.state == "crashed")
    path = write_report(replace(searched, trials=failed), tmp_path / "report.html")
    page = browser.new_page()
    wrong: list[str] = []
    page.on("console", lambda message: wrong.append(message.text))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto(path.as_uri())
    page.click(f"#outcomes [data-open='{failed[0].number}']")
    assert page.inner_text("#panel-title").startswith(f"Candidate {failed[0].number}")
    assert not page.is_visible("#figure")
    page.close()
    assert wrong == []


CONCLUSIONS = ["confirmed", "families", "trends", "decisions", "chance"]


@pytest.mark.parametrize("width", [360, 1440])
def test_conclusions_are_read_without_a_script_and_scroll_in_their_boxes(
    browser: Any, report: Path, width: int
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900}, java_script_enabled=False)
    page = context.new_page()
    page.goto(report.as_uri())
    for name in CONCLUSIONS:
        assert page.is_visible(f"#{name} h2")
    pictures = page.locator("main .picture svg[role=img]")
    assert pictures.count() >= 3
    assert all(pictures.nth(i).get_attribute("aria-label") for i in range(pictures.count()))
    context.close()


def test_progress_is_shown_over_candidates_or_compute(visit: Any, report: Path, searched: StudyRecord) -> None:
    page = visit(report)
    read = "document.querySelector('#history svg text.name:last-of-type').textContent"
    page.locator("#history svg").scroll_into_view_if_needed()
    page.hover("#history svg", position={"x": 200, "y": 90})
    assert " at candidate " in page.evaluate(read)
    page.focus("#compute")
    page.keyboard.press("Enter")
    assert page.get_attribute("#compute", "aria-pressed") == "true"
    page.hover("#history svg", position={"x": 400, "y": 90})
    page.wait_for_function(f"{read}.includes(' at hour ')")
    hours = sum(trial.seconds for trial in searched.trials) / 3600
    shown = float(page.evaluate(read).rpartition(" ")[2])
    assert 0 < shown <= hours


def test_charts_follow_the_theme(visit: Any, report: Path) -> None:
    colour = "getComputedStyle(document.querySelector('#confirmed .step')).stroke"
    light, dark = (visit(report, color_scheme=scheme).evaluate(colour) for scheme in ("light", "dark"))
    assert light != dark


def test_a_comparison_opens_without_network_or_overflow(
    browser: Any, families_of: Callable[..., StudyRecord], tmp_path: Path
) -> None:
    records = [replace(families_of(80, seed=seed), seed=seed) for seed in range(3)]
    path = write_comparison(several(records, ["a", "b", "c"]), tmp_path / "compare.html")
    wrong: list[str] = []
    for width in (360, 1440):
        page = browser.new_page(viewport={"width": width, "height": 900})
        page.on("console", lambda message: wrong.append(message.text))
        page.on("request", lambda request: None if request.url.startswith("file:") else wrong.append(request.url))
        page.goto(path.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.locator("#attainment svg path").count() == 2
        page.close()
    assert wrong == []
