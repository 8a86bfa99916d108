"""The grammar of expressions: the part of CEL that rules need, as a tree with positions.

No macros, no maps, no indexing, no types, no Python: comparisons, ``&& || !``, ``? :``, ``in``,
arithmetic, and the functions that :mod:`sentinelqa.rubric.expressions` lists. Length, size and
depth are bounded before anything is evaluated.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NoReturn

MAX_LENGTH = 500
MAX_NODES = 200
MAX_DEPTH = 20

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?![A-Za-z_0-9]))
      | (?P<text>"(?:[^"\\\x00-\x1f]|\\["'\\])*"|'(?:[^'\\\x00-\x1f]|\\["'\\])*')
      | (?P<word>[A-Za-z_][A-Za-z_0-9]*)
      | (?P<op>&&|\|\||==|!=|<=|>=|[-+*/<>!?:(),.\[\]])
      | (?P<end>\Z)
    )""",
    re.VERBOSE,
)
_RELATIONS = ("==", "!=", "<=", ">=", "<", ">", "in")
_SLIPS = {"and": "&&", "or": "||", "not": "!", "True": "true", "False": "false"}


class ExpressionError(ValueError):
    """An expression that cannot be used. ``offset`` counts characters from its start."""

    def __init__(self, what: str, offset: int, remedy: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.offset = offset
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Const:
    """A number, text or truth value."""

    value: float | str | bool
    offset: int


@dataclass(frozen=True, slots=True)
class Name:
    """A dotted name, such as ``sharpness.score``."""

    path: tuple[str, ...]
    offset: int


@dataclass(frozen=True, slots=True)
class Call:
    """An operator or a function with its arguments. ``?:`` is the conditional, ``[]`` a list."""

    function: str
    arguments: tuple[Node, ...]
    offset: int


Node = Const | Name | Call


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    offset: int


def parse(source: str) -> Node:
    """The tree of an expression.

    Raises:
        ExpressionError: not this language, or larger than its bounds.
    """
    if len(source) > MAX_LENGTH:
        raise ExpressionError(f"the expression is longer than {MAX_LENGTH} characters", 0)
    return _Parser(_tokens(source)).whole()


def _tokens(source: str) -> list[_Token]:
    tokens = []
    at = 0
    while True:
        match = _TOKEN.match(source, at)
        if match is None:
            _unreadable(source, at)
        kind = str(match.lastgroup)
        tokens.append(_Token(kind, match[kind], match.start(kind)))
        if kind == "end":
            return tokens
        at = match.end()


def _unreadable(source: str, at: int) -> NoReturn:
    at += len(source[at:]) - len(source[at:].lstrip())
    found = source[at]
    if found == "=":
        raise ExpressionError("a single '=' does not compare", at, "write ==")
    if found in "&|":
        raise ExpressionError(f"a single {found!r} is not known", at, f"write {found * 2}")
    if found in "\"'":
        raise ExpressionError("the text is not closed, or holds an escape that is not known", at)
    raise ExpressionError(f"unexpected {found!r}", at)


class _Parser:
    """Recursive descent; every level that can nest counts its depth."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._at = 0
        self._nodes = 0
        self._depth = 0

    def whole(self) -> Node:
        node = self._conditional()
        if self._next.kind != "end":
            self._unexpected()
        return node

    @property
    def _next(self) -> _Token:
        return self._tokens[self._at]

    def _take(self, *texts: str) -> _Token | None:
        token = self._next
        if token.kind in ("op", "word") and token.text in texts:
            self._at += 1
            return token
        return None

    def _expect(self, text: str) -> None:
        if self._take(text) is None:
            found = self._next.text or "the end"
            raise ExpressionError(f"expected {text!r}, found {found!r}", self._next.offset)

    def _unexpected(self) -> NoReturn:
        token = self._next
        if token.text in _SLIPS:
            remedy = f"write {_SLIPS[token.text]}"
            raise ExpressionError(f"unexpected {token.text!r}", token.offset, remedy)
        raise ExpressionError(f"unexpected {token.text or 'end'!r}", token.offset)

    def _call(self, function: str, arguments: tuple[Node, ...], offset: int) -> Call:
        self._count(offset)
        return Call(function, arguments, offset)

    def _count(self, offset: int) -> None:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise ExpressionError(f"the expression has more than {MAX_NODES} parts", offset)

    def _conditional(self) -> Node:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise ExpressionError(f"nested deeper than {MAX_DEPTH} levels", self._next.offset)
        node = self._either()
        if (token := self._take("?")) is not None:
            yes = self._either()
            self._expect(":")
            no = self._conditional()
            node = self._call("?:", (node, yes, no), token.offset)
        self._depth -= 1
        return node

    def _either(self) -> Node:
        node = self._both()
        while (token := self._take("||")) is not None:
            node = self._call("||", (node, self._both()), token.offset)
        return node

    def _both(self) -> Node:
        node = self._relation()
        while (token := self._take("&&")) is not None:
            node = self._call("&&", (node, self._relation()), token.offset)
        return node

    def _relation(self) -> Node:
        node = self._sum()
        if (token := self._take(*_RELATIONS)) is not None:
            node = self._call(token.text, (node, self._sum()), token.offset)
            if self._next.text in _RELATIONS and self._next.kind != "text":
                raise ExpressionError(
                    "comparisons cannot be chained", self._next.offset, "write a < b && b < c"
                )
        return node

    def _sum(self) -> Node:
        node = self._product()
        while (token := self._take("+", "-")) is not None:
            node = self._call(token.text, (node, self._product()), token.offset)
        return node

    def _product(self) -> Node:
        node = self._unary()
        while (token := self._take("*", "/")) is not None:
            node = self._call(token.text, (node, self._unary()), token.offset)
        return node

    def _unary(self) -> Node:
        signs: list[_Token] = []
        while (token := self._take("!", "-")) is not None:
            signs.append(token)
            if len(signs) > MAX_DEPTH:
                raise ExpressionError(f"more than {MAX_DEPTH} signs in a row", token.offset)
        node = self._member()
        for token in reversed(signs):
            function = "!" if token.text == "!" else "-x"
            node = self._call(function, (node,), token.offset)
        return node

    def _member(self) -> Node:
        node = self._primary()
        while (dot := self._take(".")) is not None:
            word = self._word()
            if self._take("("):
                node = self._call(word.text, (node, *self._arguments(")")), word.offset)
            elif isinstance(node, Name):
                node = Name((*node.path, word.text), node.offset)
            else:
                raise ExpressionError("only names have parts", dot.offset)
        return node

    def _word(self) -> _Token:
        token = self._next
        if token.kind != "word":
            raise ExpressionError("expected a name after '.'", token.offset)
        self._at += 1
        return token

    def _primary(self) -> Node:
        token = self._next
        self._at += token.kind != "end"
        if token.kind == "number":
            self._count(token.offset)
            return self._number(token)
        if token.kind == "text":
            self._count(token.offset)
            return Const(re.sub(r"\\(.)", r"\1", token.text[1:-1]), token.offset)
        if token.kind == "word" and token.text not in _SLIPS:
            return self._named(token)
        if token.text == "(" and token.kind == "op":
            node = self._conditional()
            self._expect(")")
            return node
        if token.text == "[" and token.kind == "op":
            return self._call("[]", self._arguments("]"), token.offset)
        self._at -= token.kind != "end"
        return self._unexpected()

    def _named(self, token: _Token) -> Node:
        self._count(token.offset)
        if token.text in ("true", "false"):
            return Const(token.text == "true", token.offset)
        if token.text in ("null", "in"):
            raise ExpressionError(f"{token.text!r} cannot be used here", token.offset)
        if self._take("("):
            return self._call(token.text, self._arguments(")"), token.offset)
        return Name((token.text,), token.offset)

    def _number(self, token: _Token) -> Const:
        value = float(token.text)
        if abs(value) > 1e12:
            raise ExpressionError(f"the number {token.text[:20]} is too large", token.offset)
        return Const(value, token.offset)

    def _arguments(self, close: str) -> tuple[Node, ...]:
        arguments: list[Node] = []
        if self._take(close):
            return ()
        while True:
            arguments.append(self._conditional())
            if self._take(close):
                return tuple(arguments)
            self._expect(",")
