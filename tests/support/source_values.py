"""What an expression in the source code can be, as text: followed through names, conditions, tables and callers."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path

OPEN = "…"
_MOST = 500
"""Alternatives of one expression; beyond them it is left open."""
_DEEPEST = 12

Function = ast.FunctionDef | ast.AsyncFunctionDef
Scope = Function | ast.Module


@dataclass(frozen=True)
class Value:
    text: str
    """`Cause.CORRUPT` for such a name; OPEN for what is not known."""
    module: str = ""
    """Where a caller passed it, if one did."""
    call: tuple[str, int] | None = None
    """The caller that passed it."""

    def is_together_with(self, other: Value) -> bool:
        """Whether one run can have both: what two callers pass is never together."""
        return self.call is None or other.call is None or self.call == other.call


@dataclass(frozen=True)
class Call:
    node: ast.Call
    module: str
    functions: tuple[Function, ...]
    """That the call stands in, the innermost last."""

    @property
    def line(self) -> int:
        return self.node.lineno

    @property
    def has_star(self) -> bool:
        return any(isinstance(argument, ast.Starred) for argument in self.node.args)

    def argument(self, place: int, name: str) -> ast.expr | None:
        named = next((keyword.value for keyword in self.node.keywords if keyword.arg == name), None)
        return named or (self.node.args[place] if place < len(self.node.args) else None)


@dataclass
class Sources:
    modules: dict[str, ast.Module]
    _calls: dict[str, list[Call]] = field(default_factory=lambda: defaultdict(list))

    @classmethod
    def read(cls, root: Path, directories: Iterable[str]) -> Sources:
        found = cls({})
        for path in sorted(file for name in directories for file in (root / name).rglob("*.py")):
            module = path.relative_to(root).as_posix()
            found.modules[module] = ast.parse(path.read_text(encoding="utf-8"))
            found._index(found.modules[module], module, ())
        return found

    def _index(self, node: ast.AST, module: str, functions: tuple[Function, ...]) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Call):
                self._calls[_last_name(child.func)].append(Call(child, module, functions))
            inner = (*functions, child) if isinstance(child, Function) else functions
            self._index(child, module, inner)

    def calls(self, name: str) -> list[Call]:
        return self._calls[name]

    def values(self, node: ast.expr | None, call: Call, depth: int = 0) -> list[Value]:
        """Every alternative; [] for an argument that is not there."""
        if node is None:
            return []
        found = list(dict.fromkeys(self._alternatives(node, call, depth)))
        return found if 0 < len(found) <= _MOST else [Value(OPEN)]

    def _alternatives(self, node: ast.expr, call: Call, depth: int) -> Iterator[Value]:
        if depth > _DEEPEST:
            yield Value(OPEN)
            return
        match node:
            case ast.Constant(value=str() as text):
                yield Value(text)
            case ast.Constant(value=int() as number):
                yield Value(f"{number:,}")
            case ast.Attribute(value=ast.Name(id="Cause" | "Stage" as name), attr=member):
                yield Value(f"{name}.{member}")
            case ast.JoinedStr():
                yield from self._joined(node.values, call, depth)
            case ast.BinOp(op=ast.Add()) if not any(_is_number(part) for part in (node.left, node.right)):
                yield from self._joined([node.left, node.right], call, depth)
            case ast.FormattedValue():
                yield from self._in_text(node, call, depth)
            case ast.IfExp():
                yield from self.values(node.body, call, depth + 1)
                yield from self.values(node.orelse, call, depth + 1)
            case ast.BoolOp(op=ast.Or()):
                for part in node.values:
                    yield from self.values(part, call, depth + 1)
            case ast.NamedExpr():
                yield from self.values(node.value, call, depth + 1)
            case ast.Subscript(value=ast.Name() as table):
                yield from self._entries(table, call, depth)
            case ast.Name():
                yield from self._of_name(node, call, depth)
            case _:
                yield Value(OPEN)

    def _in_text(self, node: ast.FormattedValue, call: Call, depth: int) -> Iterator[Value]:
        """Numbers and quotations are left open, unless they are constants of the module."""
        is_constant = isinstance(node.value, ast.Name) and node.value.id.isupper()
        is_value = node.format_spec is not None or node.conversion >= 0 or isinstance(node.value, ast.BinOp)
        values = [] if is_value and not is_constant else self.values(node.value, call, depth + 1)
        is_open = not values or any(v.text == OPEN or v.text.startswith(("Cause.", "Stage.")) for v in values)
        yield from [Value(OPEN)] if is_open else values

    def _joined(self, parts: list[ast.expr], call: Call, depth: int) -> Iterator[Value]:
        for combination in product(*(self.values(part, call, depth + 1) for part in parts)):
            callers = {value.call for value in combination if value.call}
            if len(callers) <= 1:
                text = "".join(value.text for value in combination)
                module = next((value.module for value in combination if value.module), "")
                yield Value(text, module, next(iter(callers), None))

    def _entries(self, table: ast.Name, call: Call, depth: int) -> Iterator[Value]:
        """The values of a dictionary that is a constant of the module."""
        constant = _constant(self.modules[call.module], table.id)
        if not isinstance(constant, ast.Dict):
            yield Value(OPEN)
            return
        for entry in constant.values:
            yield from self.values(entry, call, depth + 1)

    def _of_name(self, node: ast.Name, call: Call, depth: int) -> Iterator[Value]:
        for function in reversed(call.functions):
            assigned = _reaching(function.body, node, [])
            assigned += _from_tables(function, node.id, self.modules[call.module])
            if assigned:
                for expression in assigned:
                    yield from self.values(expression, call, depth + 1)
                return
            if node.id in _parameters(function):
                yield from self._passed(function, node.id, call, depth)
                return
        constant = _constant(self.modules[call.module], node.id)
        if constant is None:
            yield Value(OPEN)
        else:
            yield from self.values(constant, replace(call, functions=()), depth + 1)

    def _passed(self, function: Function, name: str, call: Call, depth: int) -> Iterator[Value]:
        """What callers pass for a parameter, and its default."""
        place = _parameters(function).index(name) - (_parameters(function)[:1] in (["self"], ["cls"]))
        default = _default(function, name)
        for caller in self._callers(function, call.module):
            argument = caller.argument(place, name) or default
            for value in self.values(argument, caller, depth + 1):
                is_known = value.call or value.text == OPEN
                yield value if is_known else Value(value.text, caller.module, (caller.module, caller.line))

    def _callers(self, function: Function, module: str) -> list[Call]:
        callers = self.calls(function.name)
        private = function.name.startswith("_")
        return [caller for caller in callers if not private or caller.module == module]

    def warnings(self) -> Iterator[Value]:
        """What is added to something called `warnings`, in every way in which the code does it."""
        for module, tree in self.modules.items():
            for node, functions in _with_functions(tree, ()):
                call = Call(ast.Call(ast.Name(""), [], []), module, functions)
                for expression in _warning_expressions(node, functions):
                    for value in self.values(expression, call):
                        if value.text.strip(OPEN):
                            yield Value(value.text, value.module or module)


def _warning_expressions(node: ast.AST, functions: tuple[Function, ...]) -> Iterator[ast.expr]:
    match node:
        case ast.Call(func=ast.Attribute(value=target, attr="append"), args=[message]):
            if _last_name(target).endswith("warnings") or _gives_warnings(functions):
                yield message
        case ast.Call():
            for keyword in node.keywords:
                if keyword.arg == "warnings":
                    yield from _elements(keyword.value)
        case ast.Assign(targets=[ast.Name(id="warning")]):
            yield from _elements(node.value)
        case ast.Return(value=ast.expr() as value) if _gives_warnings(functions):
            yield from _elements(value)


def _gives_warnings(functions: tuple[Function, ...]) -> bool:
    return bool(functions) and functions[-1].name.endswith(("warnings", "warning"))


def _elements(node: ast.expr) -> Iterator[ast.expr]:
    match node:
        case ast.List() | ast.Tuple():
            yield from (part for part in node.elts if not isinstance(part, ast.Starred))
        case ast.IfExp():
            yield from _elements(node.body)
            yield from _elements(node.orelse)
        case ast.ListComp():
            yield node.elt
        case ast.JoinedStr() | ast.Constant(value=str()) | ast.BinOp():
            yield node


def _with_functions(
    node: ast.AST, functions: tuple[Function, ...]
) -> Iterator[tuple[ast.AST, tuple[Function, ...]]]:
    for child in ast.iter_child_nodes(node):
        inner = (*functions, child) if isinstance(child, Function) else functions
        yield child, inner
        yield from _with_functions(child, inner)


def _last_name(node: ast.expr) -> str:
    match node:
        case ast.Name():
            return node.id
        case ast.Attribute():
            return node.attr
        case _:
            return ""


def _parameters(function: Function) -> list[str]:
    arguments = function.args
    return [argument.arg for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]


def _default(function: Function, name: str) -> ast.expr | None:
    arguments = [*function.args.posonlyargs, *function.args.args]
    defaults = dict(zip([a.arg for a in reversed(arguments)], reversed(function.args.defaults), strict=False))
    named = zip((a.arg for a in function.args.kwonlyargs), function.args.kw_defaults, strict=True)
    return defaults.get(name) or dict(named).get(name)


def _constant(module: ast.Module, name: str) -> ast.expr | None:
    for node in module.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=found)], value=value) if found == name:
                return value
            case ast.AnnAssign(target=ast.Name(id=found), value=ast.expr() as value) if found == name:
                return value
    return None


def _reaching(block: list[ast.stmt], use: ast.Name, before: list[ast.expr]) -> list[ast.expr]:
    """The expressions that a name can have where it is used, of those that the block assigns in front of that."""
    found = before
    for statement in block:
        if any(node is use for node in ast.walk(statement)):
            inner = next((b for b in _blocks(statement) if any(use in _nodes(s) for s in b)), None)
            return _reaching(inner, use, found) if inner is not None else found
        found = _after(statement, use, found)
    return found


def _after(statement: ast.stmt, use: ast.Name, before: list[ast.expr]) -> list[ast.expr]:
    """The same, after a statement that does not hold the use."""
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)], value=value) if name == use.id:
            return [value]
        case ast.Assign(targets=[ast.Tuple(elts=names) as target], value=value) if _names(target, use.id):
            values = value.elts if isinstance(value, ast.Tuple) else [ast.Constant(OPEN)] * len(names)
            own = [v for n, v in zip(names, values, strict=True) if _last_name(n) == use.id]
            return own or [ast.Constant(OPEN)]
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value) if name == use.id:
            return [value]
        case ast.AugAssign(target=ast.Name(id=name), op=ast.Add(), value=value) if name == use.id:
            return [ast.BinOp(earlier, ast.Add(), value) for earlier in before]
    branches = [branch for branch in _blocks(statement) if not _leaves(branch)]
    if isinstance(statement, ast.If) and not statement.orelse:
        branches.append([])
    found = [value for branch in branches for value in _block_end(branch, use, before)]
    return list(dict.fromkeys(found)) if branches else before


def _block_end(block: list[ast.stmt], use: ast.Name, before: list[ast.expr]) -> list[ast.expr]:
    for statement in block:
        before = _after(statement, use, before)
    return before


def _names(node: ast.expr, name: str) -> bool:
    return any(isinstance(part, ast.Name) and part.id == name for part in ast.walk(node))


def _is_number(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, int)


def _blocks(statement: ast.stmt) -> list[list[ast.stmt]]:
    if isinstance(statement, Function | ast.ClassDef):
        return []
    blocks = [getattr(statement, name, []) for name in ("body", "orelse", "finalbody")]
    blocks += [part.body for name in ("handlers", "cases") for part in getattr(statement, name, [])]
    return [block for block in blocks if block]


def _leaves(block: list[ast.stmt]) -> bool:
    return isinstance(block[-1], ast.Return | ast.Raise | ast.Continue)


def _nodes(statement: ast.stmt) -> set[ast.AST]:
    return set(ast.walk(statement))


def _from_tables(function: Function, name: str, module: ast.Module) -> list[ast.expr]:
    """What a loop over a table of the module, and := in a condition, give a name."""
    found: list[ast.expr] = []
    for node in ast.walk(function):
        match node:
            case ast.NamedExpr(target=ast.Name(id=assigned), value=value) if assigned == name:
                found.append(value)
            case ast.For(target=target, iter=ast.Name(id=table)) if _position(target, name) is not None:
                found += _column(_constant(module, table), _position(target, name))
    return found


def _position(target: ast.expr, name: str) -> int | None:
    parts = target.elts if isinstance(target, ast.Tuple) else [target]
    return next((at for at, part in enumerate(parts) if _last_name(part) == name), None)


def _column(table: ast.expr | None, at: int | None) -> Iterator[ast.expr]:
    if at is not None and isinstance(table, ast.Tuple | ast.List):
        yield from (row.elts[at] for row in table.elts if isinstance(row, ast.Tuple))
