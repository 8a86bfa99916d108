"""Expressions of custom rules: names and types are checked when the rubric is read, then CEL runs.

All numbers are decimals, so ``faces.count == 1`` and ``skin_tone.stops * 2`` mean what they say.
Functions: ``abs(x)``, ``min(x, y, ...)``, ``max(x, y, ...)``, ``size(text or list)``,
``text.contains(part)``, ``text.startsWith(part)``, ``text.endsWith(part)``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NoReturn

from sentinelqa.errors import did_you_mean
from sentinelqa.rubric.syntax import Call, Const, ExpressionError, Name, Node, parse

Kind = Literal["number", "bool", "text", "list", "any"]
Path = tuple[str, ...]

_KINDS: dict[str, Kind] = {"float": "number", "int": "number", "bool": "bool", "str": "text"}
_NUMBERS = ("+", "-", "*", "/", "-x", "abs", "min", "max")
_ORDERED = ("<", "<=", ">", ">=")
_TEXTS = ("contains", "startsWith", "endsWith")
_ARITY = {"-x": 1, "abs": 1, "!": 1, "size": 1}
FUNCTIONS = ("abs", "min", "max", "size", *_TEXTS)
LARGEST = 1e300


class Undecidable(Exception):  # noqa: N818 - not an error of the program: the rule has no answer
    """The expression has no answer for these values. The message says why, for people."""


@dataclass(frozen=True, slots=True)
class Scope:
    """The names that an expression may use.

    Attributes:
        roots: first part -> second part -> kind of the value.
        open_roots: first parts whose second part may be anything (``request``).
    """

    roots: Mapping[str, Mapping[str, Kind]]
    open_roots: frozenset[str] = frozenset()

    def kind(self, name: Name) -> Kind:
        """The kind of a name.

        Raises:
            ExpressionError: there is no such name.
        """
        root, *parts = name.path
        if root not in self.roots:
            known = did_you_mean(root, self.roots)
            raise ExpressionError(f"unknown name {root!r}", name.offset, known)
        members = self.roots[root]
        if len(parts) != 1:
            shown = ".".join(name.path)
            remedy = f"one of {', '.join(f'{root}.{m}' for m in sorted(members))}"
            raise ExpressionError(f"{shown!r} is not a value", name.offset, remedy)
        if parts[0] not in members and root not in self.open_roots:
            what = f"{root!r} has no value {parts[0]!r}"
            raise ExpressionError(what, name.offset, did_you_mean(parts[0], members))
        return members.get(parts[0], "any")


def kind_of(metric: str) -> Kind:
    """The kind of values that a :class:`~sentinelqa.dimensions.base.MetricSpec` declares."""
    return _KINDS[metric]


@dataclass(frozen=True, slots=True)
class Variable:
    """A name as an expression uses it, with the kind that its place asks for."""

    path: Path
    kind: Kind

    @property
    def name(self) -> str:
        return ".".join(self.path)


@dataclass(frozen=True, slots=True)
class Slot:
    """A variable's place in the checked tree, by its index."""

    index: int


Checked = Const | Slot | Call


@dataclass(frozen=True, slots=True)
class Expression:
    """A checked expression. Picklable; the CEL program is compiled once per process.

    Attributes:
        source: as written.
        variables: what it reads, in order of appearance.
        tree: for evaluation over whole columns; see :mod:`sentinelqa.rubric.columns`.
        program: CEL, with decimals for numbers and ``v0``, ``v1`` ... for variables.
    """

    source: str
    variables: tuple[Variable, ...]
    tree: Any
    program: str

    def evaluate(self, values: Sequence[Any]) -> bool:
        """Whether the expression holds.

        Args:
            values: one per variable, already of its kind (:func:`as_kind`).

        Raises:
            Undecidable: no answer, for instance a division by zero.
        """
        from sentinelqa.rubric.program import execute

        try:
            answer = execute(self.program, values)
        except (RuntimeError, TypeError, ValueError, ArithmeticError, KeyError) as error:
            raise Undecidable(f"{self.source!r} has no answer: {error}") from error
        if not isinstance(answer, bool):
            raise Undecidable(f"{self.source!r} is neither true nor false")
        return answer


def check(source: str, scope: Scope) -> Expression:
    """Parse and type-check an expression that must be true or false.

    Raises:
        ExpressionError: with the offset, and a did-you-mean for names.
    """
    from sentinelqa.rubric.program import compiled

    checker = _Checker(scope)
    tree = checker.bind(parse(source), "bool")
    program = _as_cel(tree)
    try:
        compiled(program)
    except ValueError as error:
        raise ExpressionError(f"CEL refuses it: {error}", 0) from error
    return Expression(source, tuple(checker.variables), tree, program)


def as_kind(value: Any, kind: Kind, name: str) -> Any:
    """A value as the kind that an expression wants; numbers are rounded to 1e-4.

    Raises:
        Undecidable: it is not of that kind.
    """
    if value is None:
        raise Undecidable(f"there is no {name}")
    if kind == "number" and not isinstance(value, bool):
        try:
            number = float(value)
        except (TypeError, ValueError):
            raise Undecidable(f"{name} is {value!r}, not a number") from None
        if not abs(number) < LARGEST:
            raise Undecidable(f"{name} is {value!r}, not a number to count with")
        return round(number, 4)
    if kind == "bool":
        words = {"true": True, "false": False}
        if isinstance(value, bool) or str(value).lower() in words:
            return words[str(value).lower()]
    elif kind == "text" and not isinstance(value, list | tuple | dict):
        return str(value)
    elif kind == "list" and isinstance(value, list | tuple):
        return [str(item) for item in value]
    wanted = {"number": "a number", "bool": "true or false", "list": "a list", "text": "text"}
    raise Undecidable(f"{name} is {value!r}, not {wanted[kind]}")


class _Checker:
    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self.variables: list[Variable] = []

    def kind(self, node: Node) -> Kind:
        """The kind of a node's value, before its parts are checked."""
        if isinstance(node, Const):
            return _kind_of_constant(node)
        if isinstance(node, Name):
            return self._scope.kind(node)
        self._known(node)
        if node.function in _NUMBERS or node.function == "size":
            return "number"
        if node.function == "[]":
            return "list"
        if node.function == "?:":
            return self._common(node.arguments[1:])
        return "bool"

    def bind(self, node: Node, want: Kind) -> Checked:
        """The checked form of a node whose place asks for ``want``."""
        found = self.kind(node)
        if found not in (want, "any"):
            self._mismatch(node, found, want)
        if isinstance(node, Const):
            return node
        if isinstance(node, Name):
            return self._slot(Variable(node.path, want))
        return Call(node.function, self._arguments(node, want), node.offset)

    def _arguments(self, node: Call, want: Kind) -> tuple[Any, ...]:
        function, arguments = node.function, node.arguments
        if function in _NUMBERS:
            return self._all(arguments, "number")
        if function in ("&&", "||", "!"):
            return self._all(arguments, "bool")
        if function in _TEXTS:
            return self._all(arguments, "text")
        if function == "?:":
            return (self.bind(arguments[0], "bool"), *self._all(arguments[1:], want))
        if function in _ORDERED:
            return self._all(arguments, "number")
        if function in ("==", "!="):
            kind = self._common(arguments)
            if kind == "list":
                raise ExpressionError("lists cannot be compared", node.offset, "use 'in'")
            return self._all(arguments, "text" if kind == "any" else kind)
        if function == "in":
            return self._membership(arguments)
        if function == "size":
            kind = self.kind(arguments[0])
            return self._all(arguments, "list" if kind == "list" else "text")
        return self._all(arguments, self._common(arguments) if arguments else "text")

    def _membership(self, arguments: Sequence[Node]) -> tuple[Any, ...]:
        item, holder = arguments
        if isinstance(holder, Call) and holder.function == "[]":
            kind = self._common((item, *holder.arguments))
            kind = "text" if kind == "any" else kind
            parts = self._all(holder.arguments, kind)
            return (self.bind(item, kind), Call("[]", parts, holder.offset))
        return (self.bind(item, "text"), self.bind(holder, "list"))

    def _all(self, arguments: Sequence[Node], kind: Kind) -> tuple[Any, ...]:
        return tuple(self.bind(argument, kind) for argument in arguments)

    def _common(self, nodes: Sequence[Node]) -> Kind:
        """The kind of the first node that has one."""
        return next((k for n in nodes if (k := self.kind(n)) != "any"), "any")

    def _slot(self, variable: Variable) -> Slot:
        if variable not in self.variables:
            self.variables.append(variable)
        return Slot(self.variables.index(variable))

    def _known(self, node: Call) -> None:
        if node.function.isidentifier() and node.function not in (*FUNCTIONS, "in"):
            what = f"unknown function {node.function!r}"
            raise ExpressionError(what, node.offset, did_you_mean(node.function, FUNCTIONS))
        least = 0 if node.function == "[]" else 3 if node.function == "?:" else 2
        least = _ARITY.get(node.function, least)
        got = len(node.arguments)
        open_ended = node.function in ("min", "max", "[]")
        if got < least or (got > least and not open_ended):
            wants = f"at least {least}" if open_ended else str(least)
            what = f"{node.function} takes {wants} values, got {got}"
            raise ExpressionError(what, node.offset)

    def _mismatch(self, node: Node, found: Kind, want: Kind) -> NoReturn:
        shown = {"number": "a number", "bool": "true or false", "text": "text", "list": "a list"}
        what = ".".join(node.path) if isinstance(node, Name) else "this"
        remedy = ""
        if want == "bool" and found == "number":
            remedy = f"compare it, for example {what} >= 0.5" if what != "this" else "compare it"
        raise ExpressionError(
            f"{what} is {shown[found]}, where {shown[want]} is needed", node.offset, remedy
        )


def _kind_of_constant(node: Const) -> Kind:
    if isinstance(node.value, bool):
        return "bool"
    return "text" if isinstance(node.value, str) else "number"


def _as_cel(tree: Any) -> str:
    """CEL for a checked tree. Products and quotients go through functions that refuse infinity."""
    if isinstance(tree, Slot):
        return f"v{tree.index}"
    if isinstance(tree, Const):
        if isinstance(tree.value, bool):
            return "true" if tree.value else "false"
        if isinstance(tree.value, str):
            return '"' + tree.value.replace("\\", "\\\\").replace('"', '\\"') + '"'
        return repr(tree.value)
    parts = [_as_cel(argument) for argument in tree.arguments]
    match tree.function:
        case "?:":
            return f"({parts[0]} ? {parts[1]} : {parts[2]})"
        case "[]":
            return f"[{', '.join(parts)}]"
        case "!":
            return f"(!{parts[0]})"
        case "-x":
            return f"(0.0 - {parts[0]})"
        case "size":
            return f"double(size({parts[0]}))"
        case "contains" | "startsWith" | "endsWith":
            return f"{parts[0]}.{tree.function}({parts[1]})"
        case "abs" | "min" | "max" | "*" | "/":
            return f"{_HELPERS.get(tree.function, tree.function)}({', '.join(parts)})"
        case operator:
            return f"({parts[0]} {operator} {parts[1]})"


_HELPERS = {"*": "product", "/": "ratio"}
