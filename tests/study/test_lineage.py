"""A study with an edited space begins with what still holds, and says of the rest why it does not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from driving import create, facts, run
from toys import Decide, ToySpace

from nas.errors import StudyError
from nas.space import Rejected
from nas.space.domains import Categorical, Integer
from nas.study.candidate import Outcome
from nas.study.lineage import read_lineage
from nas.study.records import read_study
from nas.study.storage import Record, open_storage
from nas.study.study import Study


def wide(text: str = "", most: int = 9, acts: tuple[str, ...] = ("relu", "gelu"), rule: int = 99) -> ToySpace:
    """`a` and `b` are chosen; editions of the space differ in their domains and in a rule on the sum."""

    def program(decide: Decide) -> tuple[int, Any]:
        a, b = decide("a", Integer(0, most)), decide("b", Integer(0, 9))
        act = decide("act", Categorical(acts))
        if a + b > rule:
            raise Rejected(f"a + b <= {rule}")
        return 10 + a + 10 * b, [a, b, act + text]

    space = ToySpace(program, "wide", flat=True)
    space.text = f"space: wide\nedition: {text}{most}{acts}{rule}\n"
    return space


@pytest.fixture
def old(tmp_path: Path) -> Path:
    with create(tmp_path / "old", wide(), trials=20, sampler="random", budget={"epochs": 10}) as study:
        run(study)
    return tmp_path / "old"


def after(old: Path, space: ToySpace, **settings: Any) -> Study:
    standard = {"trials": 30, "sampler": "tpe", "budget": {"epochs": 10}, "lineage": old}
    return create(old.parent / "new", space, **{**standard, **settings})


def test_what_still_holds_is_known_and_not_trained_again(old: Path) -> None:
    before = read_study(old).trials
    with after(old, wide(rule=9)) as study:
        lineage = read_lineage(study.directory)
        assert lineage is not None
        kept = [one for one in before if one.genotype["a"] + one.genotype["b"] <= 9]
        assert [old for old, _ in lineage.carried] == [one.number for one in kept]
        assert 2 <= len(kept) <= 18
        for one, carried in zip(kept, study.record().trials, strict=True):
            assert carried.origin == f"carried over from old {one.number}"
            for name in ("genotype", "digest", "seed", "state", "values", "curve", "metrics", "seconds"):
                assert getattr(carried, name) == getattr(one, name)
        first = study.ask()
        assert first is not None
        assert first.number == len(kept), "they count as candidates"
        study.tell(first, Outcome("complete", {"accuracy": 0.5}))
        run(study)
        trials = study.record().trials
    assert len(trials) == 30
    assert len({one.digest for one in trials}) == 30
    assert facts(read_study(old.parent / "new")) == facts(study.record())
    left = dict(lineage.left)
    assert set(left.values()) == {"the rule `a + b <= 9` rejects it"}
    assert lineage.summary().splitlines() == [
        f"carried over from old: {len(kept)} of 20 candidates",
        f"  {20 - len(kept)} left behind: the rule `a + b <= 9` rejects it",
    ]


def reasons(study: Study) -> set[str]:
    study.close()
    found = read_lineage(study.directory)
    assert found is not None
    assert len(found.carried) == len(study.record().trials)
    assert len(found.carried) + len(found.left) == 20
    return {reason for _, reason in found.left}


@pytest.mark.parametrize(
    ("space", "settings", "words"),
    [
        (wide(text="!"), {}, "its decisions build another network now"),
        (wide(acts=("relu",)), {}, "the genotype says 'gelu'"),
        (wide(most=4), {}, "`a` is "),
        (wide(), {"budget": {"epochs": 20}}, "budget: epochs was 10, here it is 20"),
        (wide(), {"task": "other"}, "the task was law, here it is other"),
        (wide(), {"task_options": {"noise": 1}}, "the task's options: noise was not given, here it is 1"),
        (wide(), {"recipe": {"lr": 0.1}}, "recipe: lr was not given, here it is 0.1"),
        (wide(), {"constraints": ["params <= 50"]}, "it violates the constraint `params <= 50`"),
        (
            wide(),
            {"metrics": ["accuracy", "loss"], "objectives": ["minimize loss"]},
            "it was not measured by `loss`, which the goal needs",
        ),
    ],
)
def test_reasons(old: Path, space: ToySpace, settings: dict[str, Any], words: str) -> None:
    found = reasons(after(old, space, **settings))
    assert found
    assert all(words in reason for reason in found if "diverged" not in reason), found


def test_a_name_of_ones_own_may_mean_another_operator_now(old: Path) -> None:
    space = wide()
    space.operator_files = {"my_ops.py": "class SoftClip: ..."}
    study = after(old, space)
    assert not study.record().trials
    assert reasons(study) == {"`my_ops.py` defines other operators now"}


def test_only_outcomes_that_say_something_are_carried_over(tmp_path: Path) -> None:
    ends = ("complete", "stopped", "diverged", "out_of_memory", "timeout", "crashed", "lost")
    stopping = {"rule": "pareto-halving", "rungs": [5], "eta": 3}
    with create(
        tmp_path / "old", wide(), trials=8, budget={"epochs": 10}, stopping=stopping, sampler="random"
    ) as study:
        for state in ends:
            candidate = study.ask()
            assert candidate is not None
            study.tell(candidate, Outcome(state, {"accuracy": 0.5}, message="so"))
        study.ask()
    with after(tmp_path / "old", wide(), stopping=stopping) as new:
        found = read_lineage(new.directory)
        assert found is not None
        assert found.carried == ((0, 0), (1, 1), (2, 2))
        assert dict(found.left) == {
            3: "it ended as out of memory, which it may not do again",
            4: "it ended as timeout, which it may not do again",
            5: "it ended as crashed, which it may not do again",
            6: "it ended as lost, which it may not do again",
            7: "it is still running",
        }
    with create(tmp_path / "third", wide(), budget={"epochs": 10}, lineage=tmp_path / "old") as third:
        found = read_lineage(third.directory)
        assert found is not None
        assert dict(found.left)[1] == "it was stopped early by another rule"


def test_each_is_one_write(old: Path) -> None:
    study = after(old, wide())
    study.close()
    trials = open_storage(study.directory / "journal.log").get_all_trials(0)
    assert all(one.state.is_finished() for one in trials)
    journal = (study.directory / "journal.log").read_text().splitlines()
    assert len(journal) == 2 + 20, "the study, its metric names, and one line each"


def test_killed_while_it_carried_over(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with after(old, wide()) as study:
        whole = facts(study.record())
    real, written = Record.ask, []

    def dies(self: Record, *given: Any) -> None:
        if len(written) == 7:
            raise KeyboardInterrupt
        written.append(real(self, *given))

    (old.parent / "new").rename(old.parent / "whole")
    with monkeypatch.context() as patch:
        patch.setattr(Record, "ask", dies)
        patch.setattr("nas.study.directory.undo", lambda *_: None)  # as when the process is gone
        with pytest.raises(KeyboardInterrupt):
            after(old, wide())
    assert len(read_study(old.parent / "new").trials) == 7
    Study.open(old.parent / "new", wide()).close()
    assert facts(read_study(old.parent / "new")) == whole
    assert read_lineage(old.parent / "new") == read_lineage(old.parent / "whole")


def test_there_must_be_an_earlier_study(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="none holds no study"):
        create(tmp_path / "new", wide(), lineage=tmp_path / "none")
    assert not (tmp_path / "new").exists()


def test_an_edited_space_is_pointed_here(old: Path) -> None:
    with pytest.raises(
        StudyError, match=r"an edited space is a new study, .*: nas search SPACE --from .*old\. They part"
    ):
        Study.open(old, wide(rule=9))


def test_many_reasons_are_cut_short(old: Path) -> None:
    with after(old, wide(acts=("relu",), most=2)) as study:
        found = read_lineage(study.directory)
    assert found is not None
    assert f"  {len(found.left)}" in found.summary(most=0)
    assert found.summary(most=0).endswith("left behind for other reasons, see lineage.json")


def test_the_way_to_the_earlier_study_holds_where_both_are_moved(old: Path) -> None:
    with after(old, wide()) as study:
        new = study.directory
    way = json.loads((new / "lineage.json").read_text())["directory"]
    assert way == f"../{old.name}"
    moved = old.parent.parent / "moved"
    old.parent.rename(moved)
    found = read_lineage(moved / new.name)
    assert found is not None
    assert found.directory == str(moved / old.name)
