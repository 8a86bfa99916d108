"""The decision over whole columns: what :mod:`sentinelqa.decide` says of each row, at once.

It exists for what-if and calibration, which judge 100,000 stored candidates again; a property test
holds it against :func:`sentinelqa.decide.decide`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from sentinelqa.decide import ROUNDING
from sentinelqa.rubric.expressions import Slot, Undecidable, Variable, as_kind
from sentinelqa.rubric.model import Check, Rubric, Rule, Threshold
from sentinelqa.rubric.syntax import Const
from sentinelqa.types import Outcome

Bools = NDArray[np.bool_]
Codes = NDArray[np.int8]

CODES = (Outcome.PASS, Outcome.REVIEW, Outcome.ERROR, Outcome.FAIL)
"""An outcome's code is its place here; the outcome of a row is the largest code of its checks."""
PASS, REVIEW, ERROR, FAIL = range(4)

_LARGEST = 1e300


class Columns(Protocol):
    """Stored measurements, one row per candidate."""

    @property
    def rows(self) -> int: ...

    def value(self, dimension: str, metric: str) -> NDArray[Any]:
        """A score (``metric`` empty) or metric: floats with NaN, or objects with ``None``."""
        ...

    def measured(self, dimension: str) -> Bools:
        """Where the dimension was looked at, with or without a score."""
        ...

    def outage(self, dimension: str) -> Bools:
        """Where it was an outage."""
        ...

    def image(self, name: str) -> NDArray[np.float64]:
        """A fact of the image; NaN where it could not be read."""
        ...

    def request(self, name: str) -> Sequence[Any]:
        """A value of the request, per row; ``None`` where there is none."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Judgement:
    """Codes per row, of each check and of the whole, and the rank.

    Attributes:
        ranked: false where the rank is only its lowest value, because a dimension that only ranks
            was not measured.
    """

    outcome: Codes
    checks: tuple[Codes, ...]
    rank: NDArray[np.float64]
    ranked: Bools


def judge(rubric: Rubric, columns: Columns) -> Judgement:
    """Decide every row."""
    checks = tuple(_check(check, rubric, columns) for check in rubric.checks)
    outcome = np.zeros(columns.rows, np.int8)
    for codes in checks:
        np.maximum(outcome, codes, out=outcome)
    rank, ranked = _rank(rubric, columns, outcome)
    return Judgement(outcome, checks, rank, ranked)


def _check(check: Check, rubric: Rubric, columns: Columns) -> Codes:
    if isinstance(check, Threshold):
        codes = _threshold(check, rubric, columns)
    else:
        codes = _rule(check, rubric, columns)
    return np.zeros_like(codes) if check.severity == "warn" else codes


def _unscored_code(check: Check, rubric: Rubric) -> int:
    gentle = rubric.on_unscored == "review" or check.severity == "review"
    return REVIEW if gentle else FAIL


def _threshold(check: Threshold, rubric: Rubric, columns: Columns) -> Codes:
    value = np.round(np.asarray(columns.value(check.source, check.metric), np.float64), ROUNDING)
    missed = REVIEW if check.severity == "review" else FAIL
    codes = np.zeros(columns.rows, np.int8)
    if check.low is not None:
        codes[value < check.low] = missed
        if check.review_low is not None:
            codes[(value < check.low) & (value >= check.review_low)] = REVIEW
    if check.high is not None:
        codes[value > check.high] = missed
        if check.review_high is not None:
            codes[(value > check.high) & (value <= check.review_high)] = REVIEW
    without = np.isnan(value)
    codes[without] = _unscored_code(check, rubric)
    codes[without & columns.outage(check.source)] = ERROR
    codes[~columns.measured(check.source)] = ERROR
    return codes


def _rule(check: Rule, rubric: Rubric, columns: Columns) -> Codes:
    missing = np.zeros(columns.rows, bool)
    undecidable = np.zeros(columns.rows, bool)
    unscored = np.zeros(columns.rows, bool)
    outage = np.zeros(columns.rows, bool)
    values: list[Any] = []
    for variable in check.expression.variables:
        given = _given(variable, columns)
        if variable.path[0] == "image":
            missing |= np.isnan(given)
        elif variable.path[0] != "request":
            missing |= ~columns.measured(variable.path[0])
            absent = _absent(given)
            unscored |= absent
            outage |= absent & columns.outage(variable.path[0])
        converted, bad = _converted(given, variable)
        values.append(converted)
        undecidable |= bad
    with np.errstate(all="ignore"):
        holds, bad = _Evaluation(values, columns.rows).of(check.expression.tree)
    codes = np.where(holds, PASS, REVIEW if check.severity == "review" else FAIL).astype(np.int8)
    codes[undecidable | bad | unscored] = _unscored_code(check, rubric)
    codes[outage | missing] = ERROR
    return codes


def _given(variable: Variable, columns: Columns) -> NDArray[Any]:
    root, member = variable.path
    if root == "image":
        return columns.image(member)
    if root == "request":
        values = columns.request(member)
        objects = np.empty(columns.rows, object)
        objects[:] = list(values)
        return objects
    return columns.value(root, "" if member == "score" else member)


def _absent(values: NDArray[Any]) -> Bools:
    if values.dtype == object:
        return np.array([v is None or v != v for v in values], bool)
    return np.asarray(np.isnan(values), bool)


def _converted(values: NDArray[Any], variable: Variable) -> tuple[NDArray[Any], Bools]:
    """Values of the kind that the expression wants, and where that cannot be."""
    if variable.kind == "number" and values.dtype != object:
        bad = ~(np.abs(values) < _LARGEST)
        return np.where(bad, 0.0, np.round(values, ROUNDING)), bad
    if variable.kind == "bool" and values.dtype != object:
        bad = np.isnan(values)
        return values == 1, bad
    converted = np.empty(len(values), object)
    bad = np.zeros(len(values), bool)
    for index, value in enumerate(values):
        try:
            converted[index] = as_kind(value, variable.kind, variable.name)
        except Undecidable:
            bad[index] = True
            converted[index] = _FILLING[variable.kind]
    if variable.kind == "number":
        return converted.astype(np.float64), bad
    return (converted.astype(bool), bad) if variable.kind == "bool" else (converted, bad)


_FILLING: Mapping[str, Any] = {"number": 0.0, "bool": False, "text": "", "list": ()}

_ARITHMETIC: Mapping[str, Callable[..., Any]] = {
    "+": np.add,
    "-": np.subtract,
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
    "==": np.equal,
    "!=": np.not_equal,
    "abs": np.abs,
    "-x": np.negative,
}
_TEXT: Mapping[str, Callable[[str, str], bool]] = {
    "contains": lambda text, part: part in text,
    "startsWith": lambda text, part: text.startswith(part),
    "endsWith": lambda text, part: text.endswith(part),
}


class _Evaluation:
    """Evaluates a checked tree over columns. Each step gives values, and where there is no answer.

    As in CEL, ``&&`` and ``||`` have an answer where one side decides.
    """

    def __init__(self, values: Sequence[NDArray[Any]], rows: int) -> None:
        self._values = values
        self._rows = rows

    def of(self, tree: Any) -> tuple[NDArray[Any], Bools]:
        """Values of a tree, one per row."""
        good = np.zeros(self._rows, bool)
        if isinstance(tree, Slot):
            return self._values[tree.index], good
        if isinstance(tree, Const):
            kind = object if isinstance(tree.value, str) else type(tree.value)
            return np.full(self._rows, tree.value, kind), good
        if tree.function == "in":
            return self._membership(*tree.arguments)
        if tree.function == "size" and getattr(tree.arguments[0], "function", "") == "[]":
            return np.full(self._rows, float(len(tree.arguments[0].arguments))), good
        parts = [self.of(argument) for argument in tree.arguments]
        values = [value for value, _ in parts]
        bad = [mask for _, mask in parts]
        return self._apply(tree.function, values, bad)

    def _apply(
        self, function: str, values: list[NDArray[Any]], bad: list[Bools]
    ) -> tuple[NDArray[Any], Bools]:
        match function:
            case "&&" | "||":
                return _logic(function == "||", values, bad)
            case "?:":
                chosen = np.where(values[0], values[1], values[2])
                return chosen, bad[0] | np.where(values[0], bad[1], bad[2])
            case "!":
                return ~values[0].astype(bool), bad[0]
            case "*":
                product = values[0] * values[1]
                wrong = ~(np.abs(product) <= _LARGEST)
                return np.where(wrong, 0.0, product), bad[0] | bad[1] | wrong
            case "/":
                wrong = values[1] == 0
                ratio = values[0] / np.where(wrong, 1.0, values[1])
                wrong = wrong | ~(np.abs(ratio) <= _LARGEST)
                return np.where(wrong, 0.0, ratio), bad[0] | bad[1] | wrong
            case "min" | "max":
                reduce = np.minimum.reduce if function == "min" else np.maximum.reduce
                return reduce(values), np.logical_or.reduce(bad)
            case "size":
                return np.array([float(len(v)) for v in values[0]]), bad[0]
            case "contains" | "startsWith" | "endsWith":
                test = _TEXT[function]
                found = [test(a, b) for a, b in zip(values[0], values[1], strict=True)]
                return np.array(found, bool), bad[0] | bad[1]
            case _:
                answer = np.asarray(_ARITHMETIC[function](*values))
                return answer, np.logical_or.reduce(bad)

    def _membership(self, item: Any, holder: Any) -> tuple[NDArray[Any], Bools]:
        sought, bad = self.of(item)
        found = np.zeros(self._rows, bool)
        if isinstance(holder, Slot):
            lists = self._values[holder.index]
            return np.array([x in v for x, v in zip(sought, lists, strict=True)], bool), bad
        for part in holder.arguments:
            value, wrong = self.of(part)
            found |= np.asarray(sought == value, bool)
            bad = bad | wrong
        return found, bad


def _logic(either: bool, values: list[NDArray[Any]], bad: list[Bools]) -> tuple[Bools, Bools]:
    first, second = (value.astype(bool) for value in values)
    decides = (first == either) & ~bad[0] | (second == either) & ~bad[1]
    answer = np.where(decides, either, not either)
    return answer, ~decides & (bad[0] | bad[1])


def _rank(rubric: Rubric, columns: Columns, outcome: Codes) -> tuple[NDArray[np.float64], Bools]:
    weights = rubric.rank or dict.fromkeys(rubric.dimensions, 1.0)
    total = np.zeros(columns.rows)
    weighed = np.zeros(columns.rows)
    ranked = np.ones(columns.rows, bool)
    for name, weight in weights.items():
        score = np.asarray(columns.value(name, ""), np.float64)
        missing = ~columns.measured(name) & (outcome <= REVIEW)
        known = ~np.isnan(score) | missing
        total += np.where(np.isnan(score), 0.0, score) * weight
        weighed += known * weight
        if rubric.rank:
            ranked &= ~missing
    np.divide(total, weighed, out=total, where=weighed > 0)
    return np.asarray(np.round(total, 6), np.float64), ranked
