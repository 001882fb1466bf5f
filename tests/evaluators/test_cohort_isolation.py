"""Numbers that are not finite in one member of a cohort reach no other, whatever operators they share calls in."""

from __future__ import annotations

import pytest
import torch
from test_cohort_equality import BATCH, CLASSES, STEPS, batches, graphs, module_of

from evaluators.cohorts.cohort import Cohort, Member
from evaluators.recipe import Recipe
from evaluators.tasks.criteria import CrossEntropy

SHARED = """
space: shared
inputs: {{x: [features]}}
outputs: [targets]
choose:
  width: {{int: [4, 9]}}
model: |
  z = linear(x, width)
  z = z + {layer}
  z = z + {layer}
  return linear(z, targets)
"""
LAYERS = [
    "linear(batch_norm(z), width)",
    "linear(layer_norm(z), width)",
    "rms_norm(z)",
    "l2_norm(z)",
    "affine(z)",
    "glu(linear(z, 2 * width))",
    "softmax(z)",
    "dropout(gelu(z), 0.2)",
    "kan(z, width)",
    "rbf_kan(z, width)",
    "chebyshev_kan(z, width)",
    "fourier_kan(z, width)",
    "prelu(z)",
]


@pytest.mark.parametrize("equal", [False, True], ids=["ragged", "equal"])
@pytest.mark.parametrize("layer", LAYERS)
def test_a_broken_member_leaves_the_others_as_they_are(layer: str, equal: bool) -> None:
    text = SHARED.format(layer=layer)
    if equal:
        text = text.replace("{int: [4, 9]}", "[6]")
    made = graphs(text, 4, 3)
    given = batches()

    def trained(broken: bool) -> Cohort:
        members = [Member(graph, module_of(graph, i), Recipe(), i) for i, graph in enumerate(made)]
        cohort = Cohort(members, CrossEntropy(CLASSES), given[0][1], given[0][0])
        place = next(place for place, one in enumerate(cohort.members) if one.seed == 1)
        with torch.no_grad():
            for step in range(STEPS):
                if broken and step == 1:
                    for i, weight in enumerate(cohort.weights.tensors(place).values()):
                        if weight.is_floating_point():
                            weight.fill_((torch.nan, torch.inf)[i % 2])
                cohort.step({0: ([given[step][0]], given[step][1])}, [1e-2] * len(made))
        return cohort

    whole, hurt = trained(broken=False), trained(broken=True)
    losses = hurt.mean_losses(0, STEPS)
    predictions = hurt.predict(0, [given[0][0]], BATCH)
    for place, member in enumerate(whole.members):
        if member.seed == 1:
            assert losses[place] != losses[place]
            continue
        assert torch.isfinite(predictions[place]).all()
        for name, value in whole.weights.tensors(place).items():
            torch.testing.assert_close(hurt.weights.tensors(place)[name], value, rtol=0, atol=0)
