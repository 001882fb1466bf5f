"""The page of all families, made from their space files: what each asks, where it comes from, and its known designs."""

from __future__ import annotations

from random import Random

from nas.space import Space, load_space, shipped_spaces
from nas.space.loading import is_family

_OPENING = """# Families

Every published family that comes with the package, as one readable space file each. This page is made by
`nas spaces --markdown > docs/families.md`.

`nas show NAME --seed DESIGN` draws a design and prints its counts, `nas show NAME --seed DESIGN --code` its PyTorch source;
`nas search NAME --task …` searches around it, beginning with the designs that fit the task. Counts are exact, at the sizes
given; `tests/search_spaces/published_counts.csv` lists those that papers and other implementations state, which the tests
hold them to. `small` designs are for MNIST-1D, where all families [are compared](../results/families-mnist1d/README.md).
"""


def families_page() -> str:
    """Markdown: a section a family."""
    names = [name for name, path in shipped_spaces().items() if is_family(path)]
    return "\n".join([_OPENING, *(_section(load_space(name)) for name in sorted(names))])


def _section(space: Space) -> str:
    lines = [f"## {space.name}", "", space.doc, "", f"*{space.source}*", ""]
    lines += [f"[`search_spaces/families/{space.file}`](../search_spaces/families/{space.file})", ""]
    lines += ["| design | sizes | parameters | MACs |", "|---|---|---:|---:|"]
    for seed in space.seeds:
        sized = space.seed_space(seed)
        built = sized.replay(sized.seeds[seed], Random(0))
        free = set(built.genotype) - set(sized.seeds[seed])
        sizes = ", ".join(f"{axis} {size:,}" for axis, size in sized.sizes.items())
        counts = ("free", "free") if free else (f"{built.costs.params:,}", f"{built.costs.macs:,}")
        lines.append(f"| {seed} | {sizes} | {counts[0]} | {counts[1]} |")
    return "\n".join([*lines, ""])
