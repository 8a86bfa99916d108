"""What pydantic finds wrong, in words that name file, line, key, what was expected, what came."""

from __future__ import annotations

import re
import types
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Protocol, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from sentinelqa.errors import UsageError, did_you_mean

MOST_SHOWN = 10

_EXPECTED = {
    "float_type": "expected a number",
    "float_parsing": "expected a number",
    "finite_number": "expected a finite number",
    "int_type": "expected a whole number",
    "int_parsing": "expected a whole number",
    "int_from_float": "expected a whole number",
    "string_type": "expected text",
    "bool_type": "expected true or false",
    "bool_parsing": "expected true or false",
    "list_type": "expected a list",
    "tuple_type": "expected a list",
    "dict_type": "expected a mapping",
    "model_type": "expected a mapping",
    "model_attributes_type": "expected a mapping",
}


class Places(Protocol):
    """What is known of where keys were written; see :class:`sentinelqa.rubric.reading.Marks`."""

    def nearest(self, key: tuple[str | int, ...]) -> tuple[str | int, ...]: ...

    def where(self, key: tuple[str | int, ...]) -> str: ...


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a document.

    Attributes:
        what: a sentence that names the key.
        where: ``file:line:column``.
        remedy: what to do about it; may be empty.
        advice: the document works, but perhaps not as meant.
    """

    what: str
    where: str
    remedy: str = ""
    advice: bool = False

    def __str__(self) -> str:
        kind = "advice" if self.advice else "error"
        remedy = f" ({self.remedy})" if self.remedy else ""
        return f"{self.where}: {kind}: {self.what}{remedy}"


def refusal(problems: Sequence[Problem], error: type[UsageError]) -> UsageError:
    """One error for everything that is wrong, the first problem first."""
    first, *others = problems
    shown = [f"also {p.where}: {p.what}{f' ({p.remedy})' if p.remedy else ''}" for p in others]
    if len(shown) >= MOST_SHOWN:
        shown = [*shown[: MOST_SHOWN - 1], f"and {len(shown) - MOST_SHOWN + 1} more"]
    return error("\n  ".join([first.what, *shown]), where=first.where, remedy=first.remedy)


def problems_of(model: type[BaseModel], failure: ValidationError, places: Places) -> list[Problem]:
    """The problems in a failed validation, in the order of the file as far as pydantic keeps it."""
    found = [_problem(model, item, places) for item in failure.errors(include_url=False)]
    one_each = {(problem.where, problem.what.partition(":")[0]): problem for problem in found[::-1]}
    return sorted(one_each.values(), key=found.index)


def dotted(key: Iterable[str | int]) -> str:
    """``tiers.custom[2].require``: a key path as people write it."""
    text = ""
    for part in key:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _problem(model: type[BaseModel], item: Mapping[str, Any], places: Places) -> Problem:
    loc = tuple(item["loc"])
    where = places.where(loc)
    if item["type"] == "extra_forbidden":
        known = _fields_at(model, loc[:-1])
        name = dotted((*places.nearest(loc[:-1]), loc[-1]))
        return Problem(f"unknown key {name!r}", where, did_you_mean(str(loc[-1]), known))
    if item["type"] == "missing":
        above = dotted(places.nearest(loc[:-1]))
        inside = f" in {above!r}" if above else ""
        return Problem(f"the key {loc[-1]!r} is missing{inside}", where)
    name = dotted(places.nearest(loc))
    said = str(item["msg"])
    if item["type"] == "value_error":
        said = said.removeprefix("Value error, ")
        return Problem(f"{name}: {said}" if name else said, where)
    said = _EXPECTED.get(item["type"]) or re.sub("^Input should be ", "expected ", said)
    said = re.sub(r"^String should", "text should", said)
    return Problem(f"{name}: {said}, got {_shown(item['input'])}", where)


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _fields_at(model: type[BaseModel], loc: Sequence[str | int]) -> set[str]:
    """The keys that are known at ``loc``, following the model's annotations."""
    kinds: list[Any] = [model]
    for part in loc:
        following: list[Any] = []
        for kind in kinds:
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                fields = {f.alias or n: f.annotation for n, f in kind.model_fields.items()}
                if part in fields:
                    following.extend(_flatten(fields[str(part)]))
            else:
                arguments = [a for a in get_args(kind) if a is not Ellipsis]
                following.extend(_flatten(arguments[-1]) if arguments else [])
        kinds = following or kinds
    return {
        field.alias or name
        for kind in kinds
        if isinstance(kind, type) and issubclass(kind, BaseModel)
        for name, field in kind.model_fields.items()
    }


def _flatten(annotation: Any) -> list[Any]:
    """The alternatives of an annotation, without ``Optional`` and ``Annotated``."""
    if get_origin(annotation) is Annotated:
        return _flatten(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return [kind for part in get_args(annotation) for kind in _flatten(part)]
    return [] if annotation is type(None) else [annotation]
