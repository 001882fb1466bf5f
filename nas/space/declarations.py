"""The parts of a space file that hold no equations: names of axes, sizes, limits, shared blocks, known designs."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from nas.errors import Place, nearest
from nas.space.program import DecisionSpec
from nas.space.reading import Reading
from nas.space.yaml_tree import Tree

LIMITS = {"nodes": (2_000, 20_000), "depth": (24, 64)}  # name: default, the most it may be
WORD = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")
NAMES_ARE = "a name has the letters a to z, digits and `_`, a letter first"


def text(reading: Reading, key: str) -> str:
    """The text under a key, empty where there is none."""
    found = reading.tree.get(key)
    if found is None:
        return ""
    if found.kind != "scalar":
        reading.fault(found, f"`{key}` is a text; this is {found.describe()}")
    return "".join(c if c == "\n" or c.isprintable() else " " for c in found.text).strip()


def word(reading: Reading, key: str) -> str:
    """The name under a key, empty where there is none."""
    found = reading.tree.get(key)
    if found is None:
        return ""
    if found.kind != "scalar" or not re.fullmatch(r"[A-Za-z][A-Za-z0-9_.-]*", found.text):
        message = f"`{key}` is a name of letters, digits, `-` and `_`, a letter first; this is {found.describe()}"
        reading.fault(found, message)
    return str(found.text)


def one_solved(reading: Reading, decisions: dict[str, DecisionSpec]) -> None:
    """A fault for every solved decision but the first: with several there is no largest value of each."""
    solved = [spec for spec in decisions.values() if spec.solve]
    for spec in solved[1:]:
        first = solved[0]
        where = f"`{first.name}` (line {first.place.line})"
        reading.fault(spec.place, f"`{spec.name}` is solved, and so is {where}; a space solves for one value")


Axes = dict[str, Place]  # names of axes and where they stand first


def inputs(reading: Reading) -> dict[str, Axes]:
    """The inputs by name, each with its axes."""
    tree = reading.tree.get("inputs")
    found: dict[str, Axes] = {}
    if tree is None:
        return found
    if tree.kind != "mapping" or not tree.keys:
        message = f"`inputs` names the inputs and their axes, such as {{x: [features]}}; this is {tree.describe()}"
        reading.fault(tree, message)
        return found
    for name, (place, axes) in tree.keys.items():
        if not WORD.match(name):
            reading.fault(place, f"an input cannot be called `{name}`; {NAMES_ARE}")
        found[name] = _words(reading, axes, "an input has a list of axes, such as [features]")
        if axes.kind == "list" and not axes.items:
            reading.fault(axes, "an input has at least one axis, such as [features]")
    return found


def axis_names(reading: Reading, key: str) -> Axes:
    """The axes listed under `outputs` or `axes`."""
    tree = reading.tree.get(key)
    if tree is None:
        return {}
    if key == "outputs" and tree.kind == "list" and not tree.items:
        reading.fault(tree, "`outputs` has at least one axis, such as [targets]")
    return _words(reading, tree, f"`{key}` is a list of axes, such as [targets]")


def ensemble(reading: Reading, inner: Axes) -> str:
    """The axis of the members where the model is an ensemble that returns one prediction for each; empty otherwise."""
    tree = reading.tree.get("ensemble")
    if tree is None:
        return ""
    if tree.kind != "scalar" or not isinstance(tree.value, str):
        reading.fault(tree, f"`ensemble` is the axis of its members, such as members; this is {tree.describe()}")
        return ""
    if tree.value not in inner:
        reading.fault(tree, f"`ensemble` is one of the space's `axes`{nearest(tree.value, inner)}; got `{tree.value}`")
    return tree.value


def _words(reading: Reading, tree: Tree, message: str) -> Axes:
    words: Axes = {}
    if tree.kind != "list":
        reading.fault(tree, f"{message}; this is {tree.describe()}")
        return words
    for item in tree.items:
        if item.kind != "scalar" or not isinstance(item.value, str) or not WORD.match(item.text):
            reading.fault(item, f"this is no name of an axis, but {item.describe()}; {NAMES_ARE}")
        elif item.text in words:
            reading.fault(item, f"the axis `{item.text}` stands here twice")
        else:
            words[item.text] = item.place
    return words


def limits(reading: Reading) -> dict[str, int]:
    """The bounds on nodes and recursion."""
    tree = reading.tree.get("limits")
    found = {name: default for name, (default, _) in LIMITS.items()}
    if tree is None:
        return found
    if tree.kind != "mapping":
        reading.fault(tree, f"`limits` is a mapping such as {{nodes: 100, depth: 6}}; this is {tree.describe()}")
        return found
    reading.known_keys(tree, LIMITS, "`limits`")
    for name, (_, value) in tree.keys.items():
        if name not in LIMITS:
            continue
        most = LIMITS[name][1]
        number = value.value
        if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= most:
            reading.fault(value, f"`{name}` is an integer from 1 to {most:,}; this is {value.describe()}")
        else:
            found[name] = number
    return found


def sizes(reading: Reading, sized: Iterable[str], whole: bool) -> dict[str, int]:
    """Example sizes. `whole` says that inputs and outputs could be read, so that all their axes are known."""
    tree = reading.tree.get("sizes")
    if tree is None:
        return {}
    return _sizes(reading, tree, "`sizes` gives example sizes of the axes", sized, whole)


def _sizes(reading: Reading, tree: Tree, what: str, sized: Iterable[str], whole: bool) -> dict[str, int]:
    found: dict[str, int] = {}
    if tree.kind != "mapping":
        reading.fault(tree, f"{what}, such as {{features: 784}}; this is {tree.describe()}")
        return found
    for name, (place, value) in tree.keys.items():
        if name not in sized:
            if whole:
                reading.fault(place, f"`{name}` is not an axis of the inputs or outputs{nearest(name, sized)}")
        elif isinstance(value.value, bool) or not isinstance(value.value, int) or not 1 <= value.value <= 10**12:
            reading.fault(value, f"a size is a positive integer up to 1e12; this is {value.describe()}")
        else:
            found[name] = value.value
    return found


def share(reading: Reading, tree: Tree, blocks: Iterable[str]) -> frozenset[str]:
    """Blocks whose decisions are drawn once in this scope."""
    found = tree.get("share")
    if found is None:
        return frozenset()
    if found.kind != "list":
        reading.fault(found, f"`share` is a list of blocks, such as [cell]; this is {found.describe()}")
        return frozenset()
    for item in found.items:
        if item.text not in blocks:
            shown = f"no block `{item.text}`" if item.text else f"no block in {item.describe()}"
            reading.fault(item, f"`share` names blocks; there is {shown}{nearest(item.text, blocks)}")
    return frozenset(item.text for item in found.items)


@dataclass
class Seeds:
    """Known designs by name: partial genotypes, the sizes they were published with, and where each stands."""

    genotypes: dict[str, dict[str, Any]] = field(default_factory=dict)
    sizes: dict[str, dict[str, int]] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)


def seeds(
    reading: Reading, decisions: dict[str, DecisionSpec], declared: Iterable[str], sized: Iterable[str], whole: bool
) -> Seeds:
    """The space's known designs; `sized` and `whole` as in `sizes`."""
    tree = reading.tree.get("seeds")
    found = Seeds()
    if tree is None:
        return found
    if tree.kind != "mapping":
        reading.fault(tree, f"`seeds` maps names to known designs; this is {tree.describe()}")
        return found
    for name, (at, design) in tree.keys.items():
        if design.kind != "mapping":
            message = f"the seed `{name}` maps decisions to values, such as {{depth: 2}}; this is {design.describe()}"
            reading.fault(design, message)
            continue
        genotype = design.plain()
        for path, (place, value) in design.keys.items():
            if path == "sizes" and path not in declared:
                what = f"`sizes` of the seed `{name}` gives the sizes it was published with"
                found.sizes[name] = _sizes(reading, value, what, sized, whole)
                del genotype[path]
                continue
            if "." in path:
                continue  # a block's decision: known only when the design is built
            spec = decisions.get(path)
            if path not in declared:
                reading.fault(place, f"there is no decision `{path}`{nearest(path, declared)}")
            elif value.kind != "scalar" or (
                spec is not None and spec.constant is not None and not spec.constant.contains(value.value)
            ):
                domain = spec.constant if spec is not None and spec.constant is not None else "one value"
                reading.fault(value, f"`{path}` is {domain}; this is {value.describe()}")
        found.genotypes[name] = genotype
        found.places[name] = at
    return found
