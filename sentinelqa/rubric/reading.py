"""Reads YAML that people wrote and that must do no harm: rubrics, jobs, requests.

Only a plain subset is accepted: one document of mappings, lists and scalars. Anchors, aliases,
merge keys, tags and duplicate keys are refused with their line, so nothing can grow beyond the
file's own size. Scalars follow the JSON schema of YAML 1.2: ``NO`` and ``12:30:45`` are text,
``0012`` is text, ``true`` and ``null`` are what they say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from sentinelqa.errors import UsageError
from sentinelqa.rubric.problems import Problem, problems_of, refusal

MAX_BYTES = 256_000
MAX_DEPTH = 20

Key = tuple[str | int, ...]
Model = TypeVar("Model", bound=BaseModel)

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_LONGEST_NUMBER = 40
_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?(?:0|[1-9][0-9]*)?(?:\.[0-9]+|(?<=[0-9])\.?)(?:[eE][-+]?[0-9]+)?")
_WORDS: dict[str, Any] = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("null", "Null", "NULL", "~", ""), None),
}


@dataclass(slots=True)
class Marks:
    """Where every key of a document was written.

    Attributes:
        name: the file, as the user named it.
        positions: key path -> (line, column), both from 1. The value's key where it has one.
        texts: key path of a scalar -> how it was written.
    """

    name: str
    positions: dict[Key, tuple[int, int]] = field(default_factory=dict)
    texts: dict[Key, str] = field(default_factory=dict)

    def nearest(self, key: Key) -> Key:
        """The longest part of ``key`` that the file has, leaving out what validation added."""
        found: Key = ()
        for part in key:
            if (*found, part) in self.positions:
                found = (*found, part)
        return found

    def line(self, key: Key) -> int:
        """The line where ``key``, or the nearest key above it, was written."""
        return self.positions.get(self.nearest(key), (1, 1))[0]

    def where(self, key: Key) -> str:
        """``file:line:column`` of ``key``, or of the nearest key above it."""
        line, column = self.positions.get(self.nearest(key), (1, 1))
        return f"{self.name}:{line}:{column}"


def read_yaml(
    source: str | Path, *, what: str, error: type[UsageError] = UsageError, name: str = ""
) -> tuple[Any, Marks]:
    """Read one YAML document.

    Args:
        source: a path, or the text itself when it is a ``str`` that holds a line break.
        what: what is being read, for messages: ``rubric``, ``job``.
        error: the class of error to raise.
        name: what to call text that comes from no file.

    Returns:
        the data (mappings, lists, ``str``, ``int``, ``float``, ``bool``, ``None``; keys are always
        text), and where everything was written.

    Raises:
        UsageError: of class ``error``, with file, line and column.
    """
    if isinstance(source, str) and "\n" in source:
        shown, raw = name or what, source.encode()
    else:
        shown = str(source)
        try:
            with Path(source).open("rb") as file:
                raw = file.read(MAX_BYTES + 1)
        except (OSError, ValueError) as problem:
            reason = getattr(problem, "strerror", None) or problem
            raise error(f"the {what} cannot be read: {reason}", where=shown) from problem
    if len(raw) > MAX_BYTES:
        raise error(f"the {what} is larger than {MAX_BYTES // 1000} kB", where=shown)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise error(f"the {what} is not UTF-8 text: {problem.reason}", where=shown) from problem
    marks = Marks(shown)
    try:
        return _Builder(marks, error).build(yaml.parse(text, Loader=_LOADER)), marks
    except yaml.MarkedYAMLError as problem:
        mark = problem.problem_mark or problem.context_mark
        where = f"{shown}:{mark.line + 1}:{mark.column + 1}" if mark else shown
        raise error(f"not valid YAML: {problem.problem}", where=where) from problem
    except yaml.YAMLError as problem:
        first = str(problem).splitlines()[0]
        raise error(f"not valid YAML: {first}", where=shown) from problem


def validate(
    model: type[Model], data: Any, marks: Marks, *, error: type[UsageError] = UsageError
) -> Model:
    """``data`` as an instance of a pydantic model.

    Where text is expected and a number was written (``version: 1.10``), the text as written is
    taken.

    Raises:
        UsageError: of class ``error``, naming file, line, key, what was expected and what came.
    """
    if not isinstance(data, dict):
        found = "nothing" if data is None else repr(data)[:60]
        raise error(f"expected a mapping of keys, got {found}", where=marks.where(()))
    try:
        return model.model_validate(data)
    except ValidationError as first:
        found_problems = first
        if _restore_texts(first, data, marks):
            try:
                return model.model_validate(data)
            except ValidationError as second:
                found_problems = second
        problems: list[Problem] = problems_of(model, found_problems, marks)
        raise refusal(problems, error) from found_problems


def _restore_texts(problem: ValidationError, data: Any, marks: Marks) -> bool:
    """Put back what was written wherever text was wanted; whether anything changed."""
    changed = False
    for item in problem.errors(include_url=False):
        key = marks.nearest(item["loc"])
        if item["type"] != "string_type" or key not in marks.texts or item["input"] is None:
            continue
        holder = data
        for part in key[:-1]:
            holder = holder[part]
        holder[key[-1]] = marks.texts[key]
        changed = True
    return changed


@dataclass(slots=True)
class _Open:
    """A mapping or list whose end has not come yet."""

    value: dict[str, Any] | list[Any]
    key: Key
    pending: str | None = None


class _Builder:
    """Builds plain data from a stream of events, without recursion."""

    def __init__(self, marks: Marks, error: type[UsageError]) -> None:
        self._marks = marks
        self._error = error
        self._stack: list[_Open] = []
        self._result: Any = None
        self._documents = 0

    def build(self, events: Iterator[Any]) -> Any:
        for event in events:
            self._refuse(event)
            if isinstance(event, yaml.ScalarEvent):
                self._scalar(event)
            elif isinstance(event, yaml.MappingStartEvent):
                self._start(event, {})
            elif isinstance(event, yaml.SequenceStartEvent):
                self._start(event, [])
            elif isinstance(event, yaml.CollectionEndEvent):
                self._stack.pop()
        return self._result

    def _refuse(self, event: Any) -> None:
        if isinstance(event, yaml.AliasEvent):
            raise self._at(event, "aliases (*name) are not accepted", "write the value out")
        if getattr(event, "anchor", None):
            raise self._at(event, "anchors (&name) are not accepted", "write the value out")
        if getattr(event, "tag", None):
            raise self._at(event, f"tags ({event.tag[:40]}) are not accepted", "write plain values")
        if isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                raise self._at(event, "a second document starts here", "keep one per file")

    def _start(self, event: Any, value: dict[str, Any] | list[Any]) -> None:
        if self._stack and isinstance(self._stack[-1].value, dict) and not self._has_key():
            raise self._at(event, "a mapping or list cannot be a key", "use a plain word")
        if len(self._stack) >= MAX_DEPTH:
            raise self._at(event, f"nested deeper than {MAX_DEPTH} levels", "flatten it")
        key = self._place(event, value)
        self._stack.append(_Open(value, key))

    def _scalar(self, event: Any) -> None:
        if self._stack and isinstance(self._stack[-1].value, dict) and not self._has_key():
            self._key(event)
            return
        plain = event.implicit[0]
        value = self._resolve(event) if plain else event.value
        self._marks.texts[self._place(event, value)] = event.value

    def _key(self, event: Any) -> None:
        top = self._stack[-1]
        name = event.value
        if name == "<<" and event.implicit[0]:
            raise self._at(event, "merge keys (<<) are not accepted", "write the keys out")
        if not name:
            raise self._at(event, "a key is empty", "give it a name")
        if name in top.value:
            line = self._marks.positions[(*top.key, name)][0]
            raise self._at(event, f"the key {name!r} is here twice", f"see line {line}")
        top.pending = name
        self._mark((*top.key, name), event)

    def _has_key(self) -> bool:
        return self._stack[-1].pending is not None

    def _place(self, event: Any, value: Any) -> Key:
        """Put a value where it belongs and say under which key."""
        if not self._stack:
            self._result = value
            self._mark((), event)
            return ()
        top = self._stack[-1]
        if isinstance(top.value, list):
            key: Key = (*top.key, len(top.value))
            top.value.append(value)
            self._mark(key, event)
            return key
        name = top.pending or ""
        top.value[name] = value
        top.pending = None
        return (*top.key, name)

    def _mark(self, key: Key, event: Any) -> None:
        self._marks.positions[key] = (event.start_mark.line + 1, event.start_mark.column + 1)

    def _resolve(self, event: Any) -> Any:
        text: str = event.value
        if text in _WORDS:
            return _WORDS[text]
        if len(text) > _LONGEST_NUMBER:
            return text
        if _INT.fullmatch(text):
            return int(text)
        if text[-1] in "0123456789." and _FLOAT.fullmatch(text):
            number = float(text)
            if number in (float("inf"), float("-inf")):
                raise self._at(event, f"the number {text} is too large", "")
            return number
        return text

    def _at(self, event: Any, what: str, remedy: str) -> UsageError:
        mark = event.start_mark
        where = f"{self._marks.name}:{mark.line + 1}:{mark.column + 1}"
        return self._error(what, where=where, remedy=remedy)
