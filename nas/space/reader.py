"""A space file → a `Program`. Every fault of the file is found and reported at once."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field, replace
from pathlib import Path

from nas.errors import Fault, Place, SpaceError
from nas.space.compiler import Compiler, Names, assigned, weight
from nas.space.decisions import read_decision
from nas.space.declarations import (
    NAMES_ARE,
    WORD,
    Seeds,
    axis_names,
    ensemble,
    inputs,
    limits,
    one_solved,
    seeds,
    share,
    sizes,
    text,
    word,
)
from nas.space.faults import Enough
from nas.space.liveness import drops_nothing
from nas.space.operator_files import run_operator_files
from nas.space.program import BlockSpec, DecisionSpec, Program
from nas.space.reach import cyclic, unread
from nas.space.reading import Reading
from nas.space.rules import recipe, rules
from nas.space.signatures import Signature, clashes, meaning_of, misread_names, reserve, signatures
from nas.space.syntax import parse_body, text_of
from nas.space.termination import endless_blocks, mark_needs
from nas.space.yaml_tree import Tree, read_yaml

KEYS = (
    "space", "doc", "source", "operators", "inputs", "outputs", "axes", "ensemble", "sizes", "choose", "share", "require",
    "limits", "blocks", "model", "recipe", "seeds",
)  # fmt: skip
BLOCK_KEYS = ("doc", "choose", "share", "require", "body")
NEEDED = ("space", "inputs", "outputs", "model")
MAX_DECISIONS = 1_000


@dataclass
class SpaceFile:
    """A space as read: the program and what stands beside it."""

    program: Program
    doc: str
    source: str
    sizes: dict[str, int]
    seeds: Seeds
    text: str
    file: str
    operator_files: dict[str, str]


def read_space(text: str, file: str, folder: Path | None = None) -> SpaceFile:
    """Read a space.

    Args:
        text: the YAML.
        file: the name that error places carry.
        folder: that the paths of operator files start from; the present one by default.
    Raises: SpaceError: with every fault found.
    """
    tree = read_yaml(text, file, SpaceError)
    if tree.kind != "mapping":
        message = f"a space is a mapping with the keys {', '.join(KEYS)}; this is {tree.describe()}"
        raise SpaceError(Fault(message, tree.place))
    if "experiment" in tree.keys and "model" not in tree.keys:
        named = tree.get("space")
        its = f"; its space is `{named.text}`" if named is not None and named.text else ""
        message = f"this is an experiment file: nas search {file}{its}"
        raise SpaceError(Fault(message, tree.keys["experiment"][0]))
    reading = Reading(tree, file, tuple(text.splitlines()))
    try:
        operator_files = run_operator_files(reading, folder or Path())
        # without its operators nothing that follows could be judged
        found = None if reading.faults else _Reader(reading, text, operator_files).space()
    except Enough:
        found = None
    except RecursionError:
        raise SpaceError(f"{file}: the equations nest too deep") from None
    if found is None or reading.faults:
        raise SpaceError(*reading.faults.in_order())
    return found


@dataclass
class _Scope:
    """What one block, or the model, reads."""

    decisions: dict[str, DecisionSpec] = field(default_factory=dict)
    read: set[str] = field(default_factory=set)  # decisions that its equations and domains mention
    rule_read: set[str] = field(default_factory=set)


class _Reader:
    def __init__(self, reading: Reading, text: str, operator_files: dict[str, str]) -> None:
        self.reading = reading
        self.text = text
        self.operator_files = operator_files

    def space(self) -> SpaceFile | None:
        """The space, None where faults stand in the way."""
        reading, tree = self.reading, self.reading.tree
        reading.known_keys(tree, KEYS, "a space")
        missing = [f"`{key}:`" for key in NEEDED if key not in tree.keys]
        if missing:
            listed = ", ".join(missing[:-1]) + " and " + missing[-1] if missing[1:] else missing[0]
            reading.faults.append(Fault(f"{reading.file}: a space needs {listed}, which this one does not have"))
        partial = bool(reading.faults)
        name, doc, source = word(reading, "space"), text(reading, "doc"), text(reading, "source")
        before = len(reading.faults)
        axes = inputs(reading)
        outputs = axis_names(reading, "outputs")
        whole = before == len(reading.faults) and not missing
        inner = axis_names(reading, "axes")
        members = ensemble(reading, inner)
        sized = dict.fromkeys([axis for found in axes.values() for axis in found] + list(outputs))
        headers = signatures(reading)
        names = Names(
            top=frozenset(_declared(tree)),
            sized=frozenset(sized),
            unsized=frozenset(inner),
            blocks={name: header.params for name, header in headers.items()},
            misread=misread_names(reading, headers),
            partial=partial,
        )
        reserve(reading, axes, outputs, inner, names)
        top = _Scope()
        top.decisions = self._decisions(tree, names, top.read)
        one_solved(reading, top.decisions)
        model = self._block(None, tree, tuple(axes), top, names)
        scopes = {"": top}
        blocks: dict[str, BlockSpec] = {}
        for block, header in headers.items():
            scopes[block] = _Scope()
            blocks[block] = self._block_of(header, scopes[block], names)
        model.rules = rules(reading, tree, replace(names, rule=True, costs=True), top.rule_read)
        settings = recipe(reading, names, top.read)
        most = limits(reading)
        given = {name: tuple(found) for name, found in axes.items()}
        program = Program(
            name, given, tuple(outputs), tuple(inner), model, blocks, settings, most["nodes"], most["depth"]
        )
        program.ensemble = members
        example = sizes(reading, sized, whole)
        designs = Seeds() if partial else seeds(reading, top.decisions, names.top, sized, whole)
        program.seed_places = designs.places
        if not reading.faults:  # an equation that cannot be read may be the one that reads the decision
            unread(reading, program, {name: (s.decisions, s.read, s.rule_read) for name, s in scopes.items()})
        if not reading.faults:
            self._endless(program)
        if reading.faults:
            return None
        mark_needs(program)
        program.drops_nothing = drops_nothing(program)
        return SpaceFile(program, doc, source, example, designs, self.text, reading.file, self.operator_files)

    def _endless(self, program: Program) -> None:
        for name in endless_blocks(program):
            place = program.blocks[name].place if name else self.reading.tree.keys["model"][0]
            who = f"block `{name}`" if name else "the model"
            message = f"{who} always calls itself again: recursion without end; give it a choice that can stop"
            self.reading.fault(place, message)

    # ------------------------------------------------------------------ decisions

    def _decisions(
        self, tree: Tree, names: Names, read: set[str], params: tuple[str, ...] = ()
    ) -> dict[str, DecisionSpec]:
        reading, choose = self.reading, tree.get("choose")
        found: dict[str, DecisionSpec] = {}
        if choose is None:
            return found
        if choose.kind != "mapping":
            reading.fault(choose, f"`choose` maps decisions to their values; this is {choose.describe()}")
            return found
        if len(choose.keys) > MAX_DECISIONS:
            reading.fault(choose, f"more than {MAX_DECISIONS:,} decisions in one place")
            return found
        mentions: dict[str, set[str]] = {}
        for name, (place, value) in choose.keys.items():
            if not WORD.match(name):
                reading.fault(place, f"a decision cannot be called `{name}`; {NAMES_ARE}")
                continue
            clash = meaning_of(name, names) or ("an argument of the block" if name in params else None)
            if clash:
                reading.fault(place, f"`{name}` is {clash} already; give the decision another name")
            mentions[name] = set()
            spec = read_decision(name, place, value, names, reading.lines, reading.faults, mentions[name])
            if spec is not None:
                spec.mentions = mentions[name]
                found[name] = spec
                if spec.elements:
                    names.choices[name] = tuple(element.value for element in spec.elements)
            read |= mentions[name]
        for name in cyclic(mentions):
            reading.fault(choose.keys[name][0], f"the values of `{name}` depend on `{name}` itself")
        return found

    # ------------------------------------------------------------------ blocks

    def _block_of(self, header: Signature, scope: _Scope, top: Names) -> BlockSpec:
        """A block from its header and what stands under it: equations alone, or a mapping that has them as `body`."""
        reading, tree = self.reading, header.tree
        if tree.kind == "mapping":
            reading.known_keys(tree, BLOCK_KEYS, "a block")
        else:
            tree = Tree("mapping", tree.place, keys={"body": (tree.place, tree)})
        own = _declared(tree)
        for decision, place in own.items():
            if decision in top.top:
                message = f"`{decision}` is a decision of the whole space already; give this one another name"
                reading.fault(place, message)
        names = replace(top, block=frozenset(own), locals=frozenset(header.params), inside=True)
        names.choices = dict(top.choices)
        scope.decisions = self._decisions(tree, names, scope.read, header.params)
        block = self._block(header, tree, header.params, scope, names)
        block.rules = rules(reading, tree, replace(names, rule=True), scope.rule_read)
        block.reads = scope.read | scope.rule_read
        return block

    def _block(
        self, header: Signature | None, tree: Tree, params: tuple[str, ...], scope: _Scope, names: Names
    ) -> BlockSpec:
        """Compile the equations of a block, or of the model (without a header)."""
        reading = self.reading
        place = header.place if header else tree.place
        block = BlockSpec(
            header.name if header else "", place, params, header.defaults if header else {}, scope.decisions
        )
        block.share = share(reading, tree, names.blocks)
        body = tree.get("body" if header else "model")
        if body is None:
            if header:
                reading.fault(place, f"block `{header.name}` needs its equations under `body:`")
            return block
        if not self._is_text(body):
            return block
        text = text_of(body, reading.lines)
        statements = parse_body(text, reading.faults)
        if statements is None:
            return block
        local = frozenset(params) | assigned(statements)
        stored = [node for statement in statements for node in ast.walk(statement) if isinstance(node, ast.Name)]
        variables: dict[str, Place] = dict.fromkeys(params, place) if header else {}
        for node in stored:
            if isinstance(node.ctx, ast.Store) and node.id not in params:
                variables.setdefault(node.id, text.place(node))
        clashes(reading, variables.items(), params, names.block, names)
        compiler = Compiler(text, replace(names, locals=local), reading.faults, scope.read)
        block.body = compiler.body(statements)
        block.tree = statements
        block.steps = weight(statements)
        if not header:  # what is wrong with the result is wrong where it is returned
            returns = [node for statement in statements for node in ast.walk(statement) if isinstance(node, ast.Return)]
            block.place = text.place(returns[-1]) if returns else block.place
        return block

    def _is_text(self, body: Tree) -> bool:
        """Whether this holds equations as they should be written."""
        reading = self.reading
        if body.kind != "scalar" or not isinstance(body.value, str):
            reading.fault(body, f"equations are a text, written after `|`; this is {body.describe()}")
        elif body.style == ">":
            reading.fault(body, "`>` joins lines, and equations need them; write `|`")
        elif body.style != "|" and body.rows > 1:
            reading.fault(body, "YAML joins these lines to one, and equations need them; write `|` after the key")
        elif not body.text.strip():
            reading.fault(body, "there are no equations here")
        else:
            return True
        return False


def _declared(tree: Tree) -> dict[str, Place]:
    """The decisions that a scope declares, and where."""
    choose = tree.get("choose")
    if choose is None or choose.kind != "mapping":
        return {}
    return {name: place for name, (place, _) in choose.keys.items()}
