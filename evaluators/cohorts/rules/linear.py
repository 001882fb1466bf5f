"""Linear maps along the last axis: one product for members with a common input, one for each member otherwise."""

from __future__ import annotations

from functools import partial

import torch

from evaluators.cohorts.rules.base import Calls, Made, Site


def linear(site: Site) -> Made | None:
    """y = W x + b."""
    if site.attrs["per"] or site.attrs["axis"] != site.types[0][0].names[-1]:
        return None
    x, y = site.inputs[0], site.output
    weight, bias = site.weights["weight"], site.weights.get("bias")
    one_product = x.shared and y.side
    if one_product:
        stacked = weight.whole.view(-1, weight.shapes[0][1])
        lefts, rights, outs = [x.rows], [stacked.t()], [y.rows]
        biases = [None if bias is None else bias.whole]
    else:
        lefts, rights, outs = x.part_rows, [part.t() for part in weight.parts], y.part_rows
        biases = [None] * len(site) if bias is None else list(bias.parts)
    forward: Calls = [
        partial(torch.mm, left, right, out=out) if b is None else partial(torch.addmm, b, left, right, out=out)
        for left, right, out, b in zip(lefts, rights, outs, biases, strict=True)
    ]

    def backward() -> Calls:
        calls: Calls = []
        rows = [y.gradient.rows] if one_product else y.gradient.part_rows
        if weight.gradient is not None:
            grown = [weight.gradient.view(stacked.shape)] if one_product else weight.gradients
            for out, row, left in zip(grown, rows, lefts, strict=True):
                if weight.tied:
                    calls.append(partial(torch.addmm, out, row.t(), left, out=out))
                else:
                    calls.append(partial(torch.mm, row.t(), left, out=out))
        if bias is not None and bias.gradient is not None:
            whole = y.side and not bias.tied
            sums = (
                [(y.gradient.rows, bias.gradient)] if whole else zip(y.gradient.part_rows, bias.gradients, strict=True)
            )
            for row, out in sums:
                if bias.tied:
                    calls.append(partial(_add_sum, row, out))
                else:
                    calls.append(partial(torch.sum, row, 0, out=out))
        into = site.gradient()
        if into is not None:
            calls += into.before
            calls += [
                into.product(i, row, part)
                for i, (row, part) in enumerate(zip(y.gradient.part_rows, weight.parts, strict=True))
            ]
        return calls

    return forward, backward


def _add_sum(rows: torch.Tensor, out: torch.Tensor) -> None:
    out.add_(rows.sum(0))
