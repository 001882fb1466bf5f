"""Every family learns something real in a few epochs, and the page about them says what they are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from evaluators.evaluator import Evaluator
from nas.cli.families import families_page
from nas.codegen import source
from nas.space import load_space, shipped_spaces
from nas.space.loading import is_family
from nas.study.candidate import Job

FAMILIES = [name for name, path in shipped_spaces().items() if is_family(path)]
# task, metric, and what the predictor that knows only the shares of the classes gets
TASKS = {
    "dgmlp": ("mnist1d/graph", "accuracy", 0.1),
    "final-mlp": ("clicks", "auc", 0.5),
    "maxim": ("mnist5k/denoise", "psnr", 11.7),
}
USUAL = ("mnist1d", "accuracy", 0.1)
SHORT = {"maxim": {"steps": 60}}  # images to images


@pytest.mark.slow
@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_beats_the_trivial_predictor(name: str) -> None:
    task, metric, trivial = TASKS.get(name, USUAL)
    evaluator = Evaluator(task, device="cpu")
    space = load_space(name).bind(evaluator.subject.inputs, evaluator.subject.outputs)
    design = space.replay(space.seeds["mnist1d" if "mnist1d" in space.seeds else "small"], Random(0))
    recipe = {"lr": 4e-3, "batch_size": 32 if name in SHORT else 128, **design.recipe}
    budget = SHORT.get(name, {"epochs": 6})
    job = Job(0, dict(design.genotype), source(design.graph), recipe, 0, budget, members=design.members)
    evaluator = replace(evaluator, inputs=space.input_shapes, outputs=(space.output_shape,))
    running = evaluator.evaluate(job)
    while True:
        try:
            next(running)
        except StopIteration as end:
            outcome = end.value
            break
    assert outcome.state == "complete", outcome.message
    assert outcome.metrics[metric] > trivial + 0.1
    assert 8_000 <= design.costs.params <= 32_000


def test_the_page_of_families_is_up_to_date() -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "families.md"
    assert page.read_text(encoding="utf-8") == families_page(), "nas spaces --markdown > docs/families.md"
