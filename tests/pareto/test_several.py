"""Several searches: what is an arm, what is paired, one reference for all, and what cannot be compared."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nas.errors import ParetoError
from nas.pareto import geometry
from nas.pareto.attainment import attained
from nas.pareto.control import ENOUGH
from nas.pareto.curves import draw_attainment
from nas.pareto.front import frontier
from nas.pareto.report.compared import write_comparison
from nas.pareto.restated import restated
from nas.pareto.several import Several, several
from nas.study.records import StudyRecord

GOALS = ["maximize accuracy", "minimize params"]
Study = Callable[..., StudyRecord]


def repeat(record: StudyRecord, seed: int, **settings: Any) -> StudyRecord:
    """The record as one with another seed and these settings."""
    return replace(record, seed=seed, experiment={**record.experiment, "seed": seed, **settings})


@pytest.fixture(scope="module")
def two_arms(families_of: Study) -> Several:
    """Three seeds of each of two samplers; the second had fewer candidates, all of them by chance."""
    first = [repeat(families_of(120, seed=seed), seed, trials=120) for seed in range(3)]
    second = []
    for seed in range(3):
        drawn = families_of(60, seed=seed + 10)
        trials = tuple(replace(trial, origin="random") for trial in drawn.trials)
        second.append(repeat(replace(drawn, trials=trials), seed, sampler={"name": "random"}, trials=120))
    return several([*first, *second], [f"runs/{i}" for i in range(6)])


def test_repeats_are_one_arm_named_by_what_differs(two_arms: Several) -> None:
    assert [(arm.name, arm.searches) for arm in two_arms.arms] == [
        ("sampler nsga2 population=40", (0, 1, 2)),
        ("sampler random", (3, 4, 5)),
    ]


def test_an_arm_is_the_same_wherever_its_space_lies(families_of: Study) -> None:
    records = [repeat(families_of(40, seed=seed), seed, space=f"folder-{seed}/families.yaml") for seed in range(2)]
    assert len(several(records, ["a", "b"]).arms) == 1
    other = replace(records[1], space_text="space: other", space_name="other")
    assert [arm.name for arm in several([records[0], other], ["a", "b"]).arms] == ["space families", "space other"]


def test_an_arm_is_called_by_a_file_and_not_by_its_folder(families_of: Study) -> None:
    records = [families_of(40, seed=seed) for seed in range(2)]
    own = {"name": "/home/somebody/my_sampler.py:Small", "tries": 3}
    other = replace(records[1], experiment={**records[1].experiment, "sampler": own})
    assert [arm.name for arm in several([records[0], other], ["a", "b"]).arms][
        1
    ] == "sampler my_sampler.py:Small tries=3"


def test_one_reference_lies_beyond_every_candidate(two_arms: Several) -> None:
    worst = two_arms.reference
    for front in two_arms.fronts:
        for trial in front.candidates:
            assert trial.values is not None
            assert trial.values[0] > worst[0]
            assert trial.values[1] < worst[1]
    assert two_arms.hypervolumes == tuple(front.hypervolume(worst) for front in two_arms.fronts)
    assert two_arms.joint >= max(two_arms.hypervolumes)


def test_arms_are_paired_by_seed(two_arms: Several) -> None:
    (one,) = two_arms.contests()
    differences = np.subtract(two_arms.hypervolumes[:3], two_arms.hypervolumes[3:])
    assert (one.test.n, one.test.mean) == (3, pytest.approx(differences.mean()))


def test_surfaces_are_attained_by_as_many_as_they_say(two_arms: Several) -> None:
    arm = two_arms.arms[0]
    runs = [two_arms.fronts[i].losses(two_arms.fronts[i].members) for i in arm.searches]
    for level, points in two_arms.surfaces(arm, [50, 100]).items():
        for point in points:
            losses = two_arms.fronts[0].oriented(point)
            assert attained(runs, losses + 1e-9) >= level / 100


def test_coverage_of_a_search_by_itself_is_whole(two_arms: Several) -> None:
    assert [row[i] for i, row in enumerate(two_arms.coverages())] == [1.0] * 6


def test_families_are_paired_by_search(two_arms: Several) -> None:
    found = {(one.first, one.second): one.test for one in two_arms.family_contests(two_arms.arms[0])}
    assert len(found) == 10
    reference = two_arms.fronts[0].oriented(two_arms.reference)
    differences = []
    for front in two_arms.fronts[:3]:
        volumes = [
            geometry.hypervolume(
                front.losses([t for t in front.candidates if front.family(t) == name]), reference=reference
            )
            for name in ("kan", "mixer")
        ]
        differences.append(volumes[0] - volumes[1])
    assert found["kan", "mixer"].mean == pytest.approx(np.mean(differences))


def test_a_family_that_a_search_did_not_try_is_no_loss_of_it(families_of: Study) -> None:
    """One search met kans only: it says nothing of mixers, and the families are still told by `family`."""
    records = [repeat(families_of(60, seed=seed), seed) for seed in range(3)]
    kans = tuple(trial for trial in records[0].trials if trial.genotype["family"] == "kan")
    found = several([replace(records[0], trials=kans), *records[1:]], ["a", "b", "c"])
    contests = {(one.first, one.second): one.test.n for one in found.family_contests(found.arms[0])}
    assert contests["kan", "mixer"] == 2


def test_a_random_search_is_the_control_of_the_others(two_arms: Several) -> None:
    found = two_arms.controls()
    assert found.keys() == {"runs/0", "runs/1", "runs/2"}
    (one,) = found["runs/0"]
    drawn = [t.metrics["accuracy"] for f in two_arms.fronts[3:] for t in f.record.trials if t.state == "complete"]
    assert (one.random.n, one.random.mean) == (len(drawn), pytest.approx(np.mean(drawn)))
    assert one.random.n >= ENOUGH
    assert f"{len(drawn)} random candidates of runs/3, runs/4, runs/5, " in str(one), "their searches are named"


def test_few_candidates_of_another_search_are_no_control(families_of: Study) -> None:
    first, drawn = families_of(40), repeat(families_of(40, seed=1), 1, sampler="random")
    done = [replace(trial, origin="random") for trial in drawn.trials if trial.state == "complete"]
    for n, labels in ((ENOUGH - 1, set()), (ENOUGH, {"a"})):
        other = replace(drawn, trials=tuple(done[:n]))
        assert several([first, other], ["a", "b"]).controls().keys() == labels


def test_a_control_of_its_own_counts_too(families_of: Study) -> None:
    first, other = families_of(40), repeat(families_of(40, seed=1), 1, budget={"epochs": 3})
    drawn = repeat(families_of(40, seed=2), 2, sampler="random")
    own = replace(drawn, trials=tuple(replace(trial, origin="random") for trial in drawn.trials))
    found = several([first, other], ["a", "b"], [own, None]).controls()
    assert found.keys() == {"a"}
    assert found["a"][0].random.n >= ENOUGH


def test_another_budget_is_no_control(families_of: Study) -> None:
    first = families_of(40)
    other = repeat(families_of(40, seed=1), 1, sampler="random", budget={"epochs": 3})
    assert several([first, other], ["a", "b"]).controls() == {}


def test_the_same_seed_twice_is_not_two_samples(families_of: Study) -> None:
    record = families_of(40)
    assert [arm.name for arm in several([record, record], ["a", "b"]).arms] == [
        "mnist1d-families #1",
        "mnist1d-families #2",
    ]


def test_objectives_in_another_order_are_the_same(study_of: Study) -> None:
    a, b = study_of([(0.5, 10)], GOALS), study_of([(20, 0.6)], GOALS[::-1])
    found = several([a, b], ["a", "b"])
    assert [front.members[0].values for front in found.fronts] == [(0.5, 10), (0.6, 20)]


def test_json_is_plain(two_arms: Several) -> None:
    data = json.loads(json.dumps(two_arms.to_json(), allow_nan=False))
    assert [one["seed"] for one in data["searches"]] == [0, 1, 2, 0, 1, 2]
    assert data["contests"][0]["least_p"] == 0.25
    assert set(data["arms"][0]["attainment"]) == {"25", "50", "75"}
    assert data["controls"]["runs/1"][0]["objective"] == "maximize accuracy"


def test_one_objective_and_four_have_no_surfaces_but_numbers(study_of: Study) -> None:
    for goals in (["maximize accuracy"], ["minimize a", "minimize b", "minimize c", "minimize d"]):
        found = several([study_of([[1] * len(goals)], goals)], ["a"])
        assert found.to_json()["arms"][0]["attainment"] == {}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"task": "digits"}, "different tasks cannot be compared: a is on `mnist1d`, b on `digits`"),
        (
            {"objectives": ()},
            r"different objectives cannot be compared: a is to `maximize accuracy` and `minimize params`, b to ; `--objective`",
        ),
        ({"trials": ()}, r"b: no candidate is complete yet: study `mnist1d-families` has no trials"),
    ],
)
def test_what_cannot_be_compared_is_refused(searched: StudyRecord, change: dict[str, Any], message: str) -> None:
    with pytest.raises(ParetoError, match=message):
        several([searched, replace(searched, **change)], ["a", "b"])


def test_nothing_and_twice_the_same_are_refused(searched: StudyRecord) -> None:
    with pytest.raises(ParetoError, match="needs at least one search"):
        several([], [])
    with pytest.raises(ParetoError, match="a was given twice; a comparison takes each search once"):
        several([searched, searched], ["a", "a"])


def test_the_figure_twice_the_same(two_arms: Several, tmp_path: Path) -> None:
    paths = [draw_attainment(two_arms, tmp_path / f"{i}.svg") for i in range(2)]
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert paths[0].stat().st_size > 2000


def test_attainment_of_three_objectives_is_not_drawn(study_of: Study, tmp_path: Path) -> None:
    found = several([study_of([(1, 2, 3)], ["minimize a", "minimize b", "minimize c"])], ["a"])
    with pytest.raises(ParetoError, match="drawn for two objectives, these searches have a, b, c; state two of them"):
        draw_attainment(found, tmp_path / "a.svg")
    assert "Attainment" not in write_comparison(found, tmp_path / "a.html").read_text()


class Page(HTMLParser):
    """The sections of a page, and whatever it would load or run."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.sections: list[str] = []
        self.foreign: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        facts = dict(attrs)
        if tag == "section":
            self.sections.append(facts["id"] or "")
        if tag in ("script", "link", "img", "iframe") or any(name.startswith("on") or name == "src" for name in facts):
            self.foreign.append(tag)


def test_the_page_is_whole_and_harmless(two_arms: Several, tmp_path: Path) -> None:
    hostile = replace(two_arms, labels=("<script>alert(1)</script>", *two_arms.labels[1:]))
    page = Page(write_comparison(hostile, tmp_path / "a.html").read_text())
    assert page.sections == ["attainment", "arms", "searches", "coverage", "families", "chance"]
    assert page.foreign == []
    with pytest.raises(ParetoError, match=r"cannot write .*a\.html: No such file or directory"):
        write_comparison(two_arms, tmp_path / "nowhere" / "a.html")


def test_a_frontier_of_other_objectives(searched: StudyRecord) -> None:
    front = frontier(restated(searched, ["minimize macs", "maximize accuracy", "minimize seconds"]))
    values = [(t.costs["macs"], -t.metrics["accuracy"], t.seconds) for t in searched.trials if t.state == "complete"]
    best = sum(geometry.nondominated(values))
    assert len(front.members) == best > len(frontier(searched).members)
    assert front.members[0].values == (
        front.members[0].costs["macs"],
        front.members[0].metrics["accuracy"],
        front.members[0].seconds,
    )


def test_what_follows_from_the_record_is_an_objective_too(study_of: Study) -> None:
    record = study_of([(0.9, 500), (0.5, 10)], GOALS)
    trials = (replace(record.trials[0], joules={"cpu": 3.0, "gpu": 4.5}), record.trials[1])
    record = replace(record, trials=(replace(trials[0], costs={"params": 500, "buffers": 20}), trials[1]))
    front = frontier(restated(record, ["minimize weight_bytes", "minimize joules"]))
    assert [trial.values for trial in front.candidates] == [(2080, 7.5)], "the other was not measured"
    assert [trial.values for trial in frontier(restated(record, ["minimize weight_bytes"])).members] == [(40,)]


def test_constraints_stay(study_of: Study) -> None:
    record = study_of([(0.9, 500), (0.5, 10)], GOALS, ["params <= 100"])
    assert [t.number for t in frontier(restated(record, ["maximize accuracy"])).members] == [1]


def test_a_candidate_without_the_quantity_is_left_out(study_of: Study) -> None:
    record = study_of([(0.9, 500), (0.5, 10)], GOALS)
    trials = (replace(record.trials[0], metrics={"accuracy": 0.9, "loss": 2.0}), record.trials[1])
    assert [t.number for t in frontier(restated(replace(record, trials=trials), ["minimize loss"])).members] == [0]


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["minimize mac"], "`mac` is neither a cost nor a metric of the task; known are .*did you mean `macs`?"),
        (["params"], "an objective is written `maximize NAME` or `minimize NAME`"),
        (
            ["minimize params", "maximize params"],
            "objectives are different quantities, at least one, got minimize params",
        ),
        ([], "at least one, got none"),
    ],
)
def test_objectives_that_cannot_be_are_refused(searched: StudyRecord, texts: list[str], message: str) -> None:
    with pytest.raises(ParetoError, match=message):
        restated(searched, texts)
