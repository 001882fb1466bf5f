"""A space file → a `Program`. Every fault of the file is found and reported at once."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from nas.errors import Fault, SpaceError, nearest
from nas.graph.operators import TABLE
from nas.space.builtins import BUILTINS
from nas.space.compiler import Compiler, Names, assigned
from nas.space.decisions import read_decision
from nas.space.liveness import drops_nothing
from nas.space.program import COSTS, GROWING_COSTS, BlockSpec, DecisionSpec, Expression, Program, RuleSpec
from nas.space.syntax import parse_body, parse_expression, text_of
from nas.space.termination import endless_blocks, mark_needs
from nas.space.yaml_tree import Tree, read_yaml

KEYS = (
    "space", "doc", "source", "inputs", "outputs", "axes", "sizes", "choose", "share", "require",
    "limits", "blocks", "model", "recipe", "seeds",
)  # fmt: skip
BLOCK_KEYS = ("doc", "choose", "share", "require", "body")
LIMITS = {"nodes": (2_000, 20_000), "depth": (24, 64)}  # name: default, the most it may be
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")


@dataclass
class SpaceFile:
    """A space as read: the program and what stands beside it."""

    program: Program
    doc: str
    source: str
    sizes: dict[str, int]
    seeds: dict[str, dict[str, Any]]
    text: str
    file: str


def read_space(text: str, file: str) -> SpaceFile:
    """Read a space.

    Args:
        text: the YAML.
        file: the name that error places carry.
    Raises: SpaceError: with every fault found.
    """
    tree = read_yaml(text, file, SpaceError)
    return _Reader(tree, text, file).space()


@dataclass
class _Scope:
    """The parts of a scope before its expressions are compiled."""

    tree: Tree
    decisions: dict[str, DecisionSpec] = field(default_factory=dict)
    read: set[str] = field(default_factory=set)  # decisions that its equations and domains mention
    rule_read: set[str] = field(default_factory=set)


class _Reader:
    def __init__(self, tree: Tree, text: str, file: str) -> None:
        self.tree = tree
        self.text = text
        self.file = file
        self.lines = tuple(text.splitlines())
        self.faults: list[Fault] = []
        self.signatures: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {}

    def fault(self, tree: Tree, message: str) -> None:
        self.faults.append(Fault(message, tree.place))

    def space(self) -> SpaceFile:
        tree = self.tree
        if tree.kind != "mapping":
            raise SpaceError(
                Fault(f"a space is a mapping with the keys {', '.join(KEYS)}; this is {tree.describe()}", tree.place)
            )
        self._known_keys(tree, KEYS, "a space")
        for key in ("space", "inputs", "outputs", "model"):
            if key not in tree.keys:
                self.faults.append(Fault(f"{self.file}: a space needs `{key}:`"))
        name = self._word("space") or "unnamed"
        inputs = self._inputs()
        outputs = tuple(self._axis_names("outputs"))
        inner = tuple(self._axis_names("axes"))
        sized = {axis for axes in inputs.values() for axis in axes} | set(outputs)
        blocks = self._signatures()
        top = _Scope(tree)
        base = Names(sized=frozenset(sized), unsized=frozenset(inner), blocks={n: p for n, (p, _) in blocks.items()})
        top_names = Names(**{**base.__dict__, "top": frozenset(self._decision_names(tree))})
        self._reserved(tree, inputs, sized, inner, top_names)
        top.decisions = self._decisions(tree, top_names, top.read, frozenset())
        model = self._block("", tree.get("model"), tuple(inputs), {}, top, top_names)
        compiled: dict[str, BlockSpec] = {}
        scopes: dict[str, _Scope] = {}
        for block, (params, defaults) in blocks.items():
            scopes[block] = self._block_scope(block)
            compiled[block] = self._block_from(block, params, defaults, scopes[block], top_names)
        model.rules = self._rules(tree, Names(**{**top_names.__dict__, "rule": True, "costs": True}), top.rule_read)
        model.share = self._share(tree, blocks)
        for block, scope in scopes.items():
            compiled[block].reads = scope.read | scope.rule_read
        recipe = self._recipe(top_names, top.read)
        limits = self._limits()
        program = Program(name, inputs, outputs, inner, model, compiled, recipe, limits["nodes"], limits["depth"])
        if not self.faults:  # an equation that cannot be read may be the one that reads the decision
            self._unread(program, top, scopes)
        sizes, seeds = self._sizes(sized), self._seeds(program)
        if not self.faults:
            for block in endless_blocks(program):
                place = compiled[block].place if block else tree.keys["model"][0]
                who = f"block `{block}`" if block else "the model"
                self.faults.append(
                    Fault(
                        f"{who} always calls itself again: recursion without end; give it a choice that can stop", place
                    )
                )
        if self.faults:
            raise SpaceError(*_in_order(self.faults))
        mark_needs(program)
        program.drops_nothing = drops_nothing(program)
        return SpaceFile(program, self._text("doc"), self._text("source"), sizes, seeds, self.text, self.file)

    # ------------------------------------------------------------------ small parts

    def _known_keys(self, tree: Tree, known: Iterable[str], what: str) -> None:
        for key, (place, _) in tree.keys.items():
            if key not in known:
                hint = nearest(key, known) or f"; it has {', '.join(known)}"
                self.faults.append(Fault(f"{what} has no key `{key}`{hint}", place))

    def _text(self, key: str) -> str:
        found = self.tree.get(key)
        if found is None:
            return ""
        if found.kind != "scalar":
            self.fault(found, f"`{key}` is a text, this is {found.describe()}")
        return str(found.text).strip()

    def _word(self, key: str) -> str:
        found = self.tree.get(key)
        if found is None:
            return ""
        if found.kind != "scalar" or not re.fullmatch(r"[A-Za-z][\w.-]*", found.text):
            self.fault(found, f"`{key}` is a name of letters, digits, `-` and `_`; this is {found.describe()}")
        return str(found.text)

    def _inputs(self) -> dict[str, tuple[str, ...]]:
        tree = self.tree.get("inputs")
        found: dict[str, tuple[str, ...]] = {}
        if tree is None:
            return found
        if tree.kind != "mapping" or not tree.keys:
            self.fault(tree, "`inputs` names the model's inputs and their axes, such as {x: [features]}")
            return found
        for name, (place, axes) in tree.keys.items():
            if not _WORD.match(name):
                self.faults.append(Fault(f"`{name}` is not a name", place))
            found[name] = tuple(self._words(axes, "an input has a list of axes, such as [features]"))
            if not found[name] and axes.kind == "list":
                self.fault(axes, "an input has at least one axis, such as [features]")
        return found

    def _axis_names(self, key: str) -> list[str]:
        tree = self.tree.get(key)
        if tree is None:
            return []
        names = self._words(tree, f"`{key}` is a list of axes, such as [targets]")
        if key == "outputs" and tree.kind == "list" and not names:
            self.fault(tree, "`outputs` has at least one axis, such as [targets]")
        return names

    def _words(self, tree: Tree, message: str) -> list[str]:
        if tree.kind != "list":
            self.fault(tree, f"{message}; this is {tree.describe()}")
            return []
        words = []
        for item in tree.items:
            if item.kind != "scalar" or not isinstance(item.value, str) or not _WORD.match(item.text):
                self.fault(item, f"an axis is a name, this is {item.describe()}")
            elif item.text in words:
                self.fault(item, f"the axis `{item.text}` stands here twice")
            else:
                words.append(item.text)
        return words

    def _limits(self) -> dict[str, int]:
        tree = self.tree.get("limits")
        limits = {name: default for name, (default, _) in LIMITS.items()}
        if tree is None:
            return limits
        if tree.kind != "mapping":
            self.fault(tree, f"`limits` is a mapping with {' and '.join(LIMITS)}; this is {tree.describe()}")
            return limits
        self._known_keys(tree, LIMITS, "`limits`")
        for name, (_, value) in tree.keys.items():
            if name not in LIMITS:
                continue
            most = LIMITS[name][1]
            number = value.value
            if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= most:
                self.fault(value, f"`{name}` is an integer from 1 to {most:,}; this is {value.describe()}")
            else:
                limits[name] = number
        return limits

    def _sizes(self, sized: set[str]) -> dict[str, int]:
        tree = self.tree.get("sizes")
        found: dict[str, int] = {}
        if tree is None:
            return found
        if tree.kind != "mapping":
            self.fault(
                tree, f"`sizes` gives example sizes of the axes, such as {{features: 784}}; this is {tree.describe()}"
            )
            return found
        for name, (place, value) in tree.keys.items():
            if name not in sized:
                self.faults.append(
                    Fault(f"`{name}` is not an axis of the inputs or outputs{nearest(name, sized)}", place)
                )
            elif isinstance(value.value, bool) or not isinstance(value.value, int) or value.value < 1:
                self.fault(value, f"a size is a positive integer; this is {value.describe()}")
            else:
                found[name] = value.value
        return found

    def _seeds(self, program: Program) -> dict[str, dict[str, Any]]:
        tree = self.tree.get("seeds")
        seeds: dict[str, dict[str, Any]] = {}
        if tree is None:
            return seeds
        if tree.kind != "mapping":
            self.fault(tree, f"`seeds` maps names to known designs; this is {tree.describe()}")
            return seeds
        for name, (_, design) in tree.keys.items():
            if design.kind != "mapping":
                self.fault(design, f"the seed `{name}` maps decisions to values; this is {design.describe()}")
                continue
            for path, (place, value) in design.keys.items():
                if "." in path:
                    continue  # a block's decision: known only when the design is built
                spec = program.decisions.get(path)
                if spec is None:
                    self.faults.append(Fault(f"there is no decision `{path}`{nearest(path, program.decisions)}", place))
                elif spec.constant is not None and not spec.constant.contains(value.plain()):
                    self.fault(value, f"`{path}` is {spec.constant}; this is {value.describe()}")
            seeds[name] = design.plain()
        return seeds

    # ------------------------------------------------------------------ scopes

    def _decision_names(self, tree: Tree) -> list[str]:
        choose = tree.get("choose")
        return list(choose.keys) if choose is not None and choose.kind == "mapping" else []

    def _decisions(self, tree: Tree, names: Names, read: set[str], taken: frozenset[str]) -> dict[str, DecisionSpec]:
        choose = tree.get("choose")
        found: dict[str, DecisionSpec] = {}
        if choose is None:
            return found
        if choose.kind != "mapping":
            self.fault(choose, f"`choose` maps decisions to their values; this is {choose.describe()}")
            return found
        mentions: dict[str, set[str]] = {}
        for name, (place, value) in choose.keys.items():
            if not _WORD.match(name):
                self.faults.append(Fault(f"`{name}` is not a name; use letters, digits and `_`", place))
                continue
            clash = self._meaning(name, names) or ("an argument of the block" if name in taken else None)
            if clash:
                self.faults.append(Fault(f"`{name}` is {clash} already; give the decision another name", place))
            mentions[name] = set()
            spec = read_decision(name, place, value, names, self.lines, self.faults, mentions[name])
            if spec is not None:
                spec.mentions = mentions[name]
                found[name] = spec
            read |= mentions[name]
        for name in _cyclic(mentions):
            self.faults.append(Fault(f"the values of `{name}` depend on `{name}` itself", choose.keys[name][0]))
        return found

    def _meaning(self, name: str, names: Names) -> str | None:
        """What a new name would hide."""
        meanings = (
            (COSTS, "the name of a cost"), (names.blocks, "a block"), (TABLE, "an operator"), (BUILTINS, "a function"),
            (names.sized | names.unsized, "an axis"),
        )  # fmt: skip
        return next((meaning for known, meaning in meanings if name in known), None)

    def _reserved(
        self, tree: Tree, inputs: dict[str, tuple[str, ...]], sized: set[str], inner: Iterable[str], names: Names
    ) -> None:
        """Inputs, axes and blocks must not hide one another."""
        for axis in {*sized, *inner}:
            meaning = self._meaning(axis, Names(blocks=names.blocks))
            if meaning:
                self.faults.append(Fault(f"the axis `{axis}` is {meaning} already; give it another name", tree.place))
        for axis in inner:
            if axis in sized:
                self.faults.append(Fault(f"`{axis}` is an axis of the inputs or outputs already", tree.keys["axes"][0]))
        for name in inputs:
            meaning = self._meaning(name, names) or ("a decision" if name in names.top else None)
            if meaning:
                place = tree.keys["inputs"][1].keys[name][0]
                self.faults.append(Fault(f"the input `{name}` is {meaning} already; give it another name", place))

    def _signatures(self) -> dict[str, tuple[tuple[str, ...], dict[str, Any]]]:
        """Names, arguments and defaults of the blocks: `residual(x, n=64)`."""
        tree = self.tree.get("blocks")
        if tree is None:
            return {}
        if tree.kind != "mapping":
            self.fault(tree, f"`blocks` maps `name(arguments)` to equations; this is {tree.describe()}")
            return {}
        for key, (place, _) in tree.keys.items():
            try:
                function = ast.parse(f"def {key}: pass").body[0]
                assert isinstance(function, ast.FunctionDef)
                arguments = function.args
                plain = not (arguments.vararg or arguments.kwarg or arguments.kwonlyargs or arguments.posonlyargs)
                annotated = any(argument.annotation for argument in arguments.args) or function.returns
                if not plain or annotated or "\n" in key or len(function.body) != 1:
                    raise ValueError
                params = tuple(argument.arg for argument in arguments.args)
                values = [ast.literal_eval(default) for default in arguments.defaults]
            except (SyntaxError, ValueError, AssertionError, RecursionError, MemoryError):
                self.faults.append(Fault(f"a block is written `name(x, n=64):`; this is `{key}`", place))
                continue
            if function.name in self.signatures:
                self.faults.append(Fault(f"there are two blocks `{function.name}`", place))
                continue
            meaning = self._meaning(function.name, Names())
            if meaning:
                self.faults.append(Fault(f"`{function.name}` is {meaning} already; give the block another name", place))
            self.signatures[function.name] = (
                params,
                dict(zip(params[len(params) - len(values) :], values, strict=True)),
            )
            self._block_keys = getattr(self, "_block_keys", {}) | {function.name: key}
        return self.signatures

    def _block_scope(self, name: str) -> _Scope:
        key = self._block_keys[name]
        blocks = self.tree.get("blocks")
        assert blocks is not None
        tree = blocks.keys[key][1]
        if tree.kind == "mapping":
            self._known_keys(tree, BLOCK_KEYS, "a block")
            return _Scope(tree)
        return _Scope(Tree("mapping", tree.place, keys={"body": (tree.place, tree)}))

    def _block_from(
        self, name: str, params: tuple[str, ...], defaults: dict[str, Any], scope: _Scope, top: Names
    ) -> BlockSpec:
        tree = scope.tree
        own = self._decision_names(tree)
        names = Names(**{**top.__dict__, "block": frozenset(own), "locals": frozenset(params)})
        for decision in own:
            if decision in top.top:
                choose = tree.get("choose")
                assert choose is not None
                self.faults.append(
                    Fault(
                        f"`{decision}` is a decision of the whole space already; give this one another name",
                        choose.keys[decision][0],
                    )
                )
        scope.decisions = self._decisions(tree, names, scope.read, frozenset(params))
        block = self._block(name, tree.get("body"), params, defaults, scope, names)
        block.rules = self._rules(tree, Names(**{**names.__dict__, "rule": True}), scope.rule_read)
        block.share = self._share(tree, self.signatures)
        return block

    def _block(
        self,
        name: str,
        body: Tree | None,
        params: tuple[str, ...],
        defaults: dict[str, Any],
        scope: _Scope,
        names: Names,
    ) -> BlockSpec:
        """Compile equations. The block's place is where its name stands."""
        blocks = self.tree.get("blocks")
        place = blocks.keys[self._block_keys[name]][0] if name and blocks is not None else scope.tree.place
        block = BlockSpec(name, place, params, defaults, scope.decisions)
        if body is None:
            if name:
                self.faults.append(Fault(f"block `{name}` needs its equations under `body:`", place))
            return block
        if body.kind != "scalar" or not isinstance(body.value, str):
            self.fault(body, f"equations are a text; write them after `|`; this is {body.describe()}")
            return block
        if body.style == ">":
            self.fault(body, "`>` joins lines, which equations need; write them after `|`")
            return block
        text = text_of(body, self.lines)
        statements = parse_body(text, self.faults)
        if statements is None:
            return block
        local = frozenset(params) | assigned(statements)
        for variable in sorted(local):
            meaning = self._meaning(variable, names)
            if meaning is None and (variable in names.top or variable in names.block):
                meaning = "a decision"
            if meaning and variable not in params:
                node = next(n for s in statements for n in ast.walk(s) if isinstance(n, ast.Name) and n.id == variable)
                self.faults.append(
                    Fault(f"`{variable}` is {meaning} already; give the variable another name", text.place(node))
                )
            elif meaning and name:
                self.faults.append(
                    Fault(f"`{variable}` is {meaning} already; give the block's argument another name", place)
                )
        compiler = Compiler(text, Names(**{**names.__dict__, "locals": local}), self.faults, scope.read)
        block.body = compiler.body(statements)
        block.tree = statements
        if not name:  # what is wrong with the result is wrong where it is returned
            returns = [node for statement in statements for node in ast.walk(statement) if isinstance(node, ast.Return)]
            block.place = text.place(returns[-1]) if returns else block.place
        return block

    def _share(self, tree: Tree, blocks: Iterable[str]) -> frozenset[str]:
        share = tree.get("share")
        if share is None:
            return frozenset()
        if share.kind != "list":
            self.fault(share, f"`share` is a list of blocks, such as [cell]; this is {share.describe()}")
            return frozenset()
        for item in share.items:
            if item.text not in blocks:
                self.fault(item, f"`share` names blocks; there is no block `{item.text}`{nearest(item.text, blocks)}")
        return frozenset(item.text for item in share.items)

    def _rules(self, tree: Tree, names: Names, read: set[str]) -> list[RuleSpec]:
        require = tree.get("require")
        rules: list[RuleSpec] = []
        if require is None:
            return rules
        if require.kind != "list":
            self.fault(
                require, f"`require` is a list of rules, such as [params <= 2_000_000]; this is {require.describe()}"
            )
            return rules
        for item in require.items:
            if item.kind != "scalar" or not isinstance(item.value, str):
                self.fault(item, f"a rule is a comparison, such as params <= 2_000_000; this is {item.describe()}")
                continue
            text = text_of(item, self.lines)
            node = parse_expression(text, self.faults)
            if node is None:
                continue
            mentioned = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
            if not isinstance(node, ast.Compare | ast.BoolOp | ast.IfExp | ast.UnaryOp | ast.Name):
                self.fault(item, "a rule says what must hold, such as hidden < skip")
                continue
            compiler = Compiler(text, names, self.faults, read)
            rule = RuleSpec(
                item.text.strip(), item.place, compiler.expression(node), costly=bool(mentioned & set(COSTS))
            )
            rule.early = _early(node, compiler)
            if (
                not mentioned & {*names.top, *names.block, *names.locals, *names.sized, *COSTS}
                and len(self.faults) == 0
            ):
                self.fault(item, "this rule reads no decision and no cost")
            rules.append(rule)
        return rules

    def _recipe(self, names: Names, read: set[str]) -> dict[str, Expression]:
        tree = self.tree.get("recipe")
        recipe: dict[str, Expression] = {}
        if tree is None:
            return recipe
        if tree.kind != "mapping":
            self.fault(tree, f"`recipe` maps training settings to values; this is {tree.describe()}")
            return recipe
        for key, (_, value) in tree.keys.items():
            compiled = self._setting(value, names, read)
            if compiled is not None:
                recipe[key] = compiled
        return recipe

    def _setting(self, value: Tree, names: Names, read: set[str]) -> Expression | None:
        """A training setting: a value, a word, or an expression over decisions."""
        plain = value.plain()
        if not isinstance(plain, str) or value.style in ("'", '"'):
            return lambda frame: plain
        quiet: list[Fault] = []
        text = text_of(value, self.lines)
        node = parse_expression(text, quiet)
        known = {*names.top, *names.sized}
        mentioned = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)} if node is not None else set()
        if node is None or (mentioned and not mentioned & known):
            return lambda frame: plain  # a word such as `cosine`
        return Compiler(text, names, self.faults, read).expression(node)

    def _unread(self, program: Program, top: _Scope, scopes: dict[str, _Scope]) -> None:
        """Faults for blocks that nothing calls and decisions that nothing can read."""
        reached = _reached(program)
        for name, block in program.blocks.items():
            if name not in reached:
                self.faults.append(Fault(f"nothing calls block `{name}`", block.place))
        everything = [top, *(scopes[name] for name in scopes if name in reached)]
        for scope in everything:
            readers = everything if scope is top else [scope]
            read = set().union(*(reader.read for reader in readers))
            rules = set().union(*(reader.rule_read for reader in readers))
            for name, spec in scope.decisions.items():
                spec.rule_only = name not in read
                if name not in read and name not in rules:
                    self.faults.append(
                        Fault(f"nothing reads the decision `{name}`; use it in the equations or remove it", spec.place)
                    )


def _early(node: ast.expr, compiler: Compiler) -> tuple[str, Expression, bool] | None:
    """`cost <= limit`, where the limit reads no cost: a bound that a partial graph can already break."""
    if not isinstance(node, ast.Compare) or len(node.ops) != 1:
        return None
    small, large, op = node.left, node.comparators[0], node.ops[0]
    if isinstance(op, ast.Gt | ast.GtE):
        small, large = large, small
    elif not isinstance(op, ast.Lt | ast.LtE):
        return None
    if not isinstance(small, ast.Name) or small.id not in GROWING_COSTS:
        return None
    if any(isinstance(part, ast.Name) and part.id in COSTS for part in ast.walk(large)):
        return None
    return small.id, compiler.expression(large), isinstance(op, ast.Lt | ast.Gt)


def _cyclic(mentions: dict[str, set[str]]) -> list[str]:
    """Names that reach themselves."""

    def reaches(start: str) -> bool:
        seen: set[str] = set()
        front = list(mentions.get(start, ()))
        while front:
            name = front.pop()
            if name == start:
                return True
            if name not in seen:
                seen.add(name)
                front.extend(mentions.get(name, ()))
        return False

    return [name for name in mentions if reaches(name)]


def _reached(program: Program) -> set[str]:
    """Blocks that the model can come to call, directly, through a choice or as an argument."""
    reached: set[str] = set()
    front = [program.model]
    while front:
        block = front.pop()
        named = {node.id for statement in block.tree for node in ast.walk(statement) if isinstance(node, ast.Name)}
        decisions = {**program.decisions, **block.decisions}
        named |= {e.callee for name in named if name in decisions for e in decisions[name].elements if e.callee}
        for name in named & set(program.blocks):
            if name not in reached:
                reached.add(name)
                front.append(program.blocks[name])
    return reached


def _in_order(faults: list[Fault]) -> list[Fault]:
    """Faults by place, each once."""
    unique = list(dict.fromkeys(faults))
    return sorted(unique, key=lambda fault: (fault.place.line, fault.place.column) if fault.place else (0, 0))
