"""Writes the pages beside it from the code: ``python docs/reference/make.py``."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

from sentinelqa.cli import COMMANDS, cli
from sentinelqa.rubric.drafts import schema

HERE = Path(__file__).parent

_CLI = """\
# Commands

Written from the commands themselves by `python docs/reference/make.py`; `sentinelqa COMMAND --help`
says the same.

| exit code | meaning |
|---|---|
| 0 | everything wanted was delivered, or every image passed |
| 1 | complete, but some fell short; for `report RUN RUN2` and `fsck`, see there |
| 2 | something that you can mend: arguments, job, rubric, a missing extra |
| 3 | something failed that should not have; the message names a log to attach |
| 130 | interrupted; the same command goes on |"""

_RUBRIC = """\
# The keys of a rubric

Written from the schema by `python docs/reference/make.py`. What the keys are for, with examples, is
on the page [Rubrics](../rubrics/README.md). `sentinelqa rubric schema` prints the same as JSON
Schema, which editors complete and check with. Keys that are not listed here are refused."""

_TITLES = {
    "RubricFile": "A rubric",
    "Tiers": "`tiers`",
    "Threshold": "A threshold",
    "Rule": "A rule",
    "TextRule": "`text` of a rule",
    "ColourRule": "`colour` of a rule",
    "RuleExamples": "`examples` of a rule",
    "Diversity": "`diversity`",
    "Example": "An example",
    "Calibration": "`calibration`",
    "Fitted": "A fitted threshold",
}
"""The tables of the page in their order, by the name of the model."""


def commands_page() -> str:
    """Every command with its arguments and options."""
    return "\n\n".join([_CLI, *(part for name in COMMANDS for part in _of_name(name))]) + "\n"


def _of_name(name: str) -> Iterator[str]:
    context = click.Context(cli, info_name="sentinelqa")
    command = cli.get_command(context, name)
    assert command is not None
    yield from _command(command, click.Context(command, parent=context, info_name=name), "##")


def _command(command: click.Command, context: click.Context, level: str) -> Iterator[str]:
    usage = " ".join(command.collect_usage_pieces(context))
    yield f"{level} {context.command_path}"
    yield f"```text\n{context.command_path} {usage}\n```"
    yield _flowing(command.help or "")
    rows = [_option(one) for one in command.params if isinstance(one, click.Option)]
    if rows:
        yield "\n".join(["| option | what | unless given |", "|---|---|---|", *rows])
    if isinstance(command, click.Group):
        for name, child in command.commands.items():
            below = click.Context(child, parent=context, info_name=name)
            yield from _command(child, below, "###")


def _flowing(text: str) -> str:
    """Each paragraph on one line, as terminals reflow it; a listing keeps its lines."""
    paragraphs = []
    for paragraph in re.split(r"\n\s*\n", text.strip()):
        if paragraph.startswith("\b"):
            paragraphs.append(f"```text\n{paragraph.strip().lstrip(chr(8)).strip()}\n```")
        else:
            paragraphs.append(" ".join(paragraph.split()))
    return "\n\n".join(paragraphs)


def _option(option: click.Option) -> str:
    names = ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
    given = "" if option.is_flag else f" `{option.make_metavar(click.Context(cli))}`"
    shown = (
        ""
        if option.is_flag or not isinstance(option.default, str | int | float)
        else option.default
    )
    default = f"`{shown}`" if shown != "" else ""
    return _row(names + given, option.help or "", "required" if option.required else default)


def rubric_page() -> str:
    """Every key of the language."""
    whole = schema()
    tables = {"RubricFile": whole, **whole["$defs"]}
    unknown = sorted(set(tables) - set(_TITLES))
    if unknown:
        raise SystemExit(f"name these in docs/reference/make.py: {', '.join(unknown)}")
    return "\n\n".join([_RUBRIC, *(_table(name, tables[name]) for name in _TITLES)]) + "\n"


def _table(name: str, model: dict[str, Any]) -> str:
    needed = model.get("required", ())
    rows = [
        _row(f"`{key}`", _type(spec), spec["description"], _default(key, spec, needed))
        for key, spec in model["properties"].items()
    ]
    said = " ".join(model["description"].replace("``", "`").split())
    head = ["| key | what it takes | meaning | unless given |", "|---|---|---|---|"]
    return "\n".join([f"## {_TITLES[name]}", "", said, "", *head, *rows])


def _default(key: str, spec: dict[str, Any], needed: list[str]) -> str:
    if key in needed:
        return "required"
    default = spec.get("default")
    return (
        f"`{json.dumps(default)}`"
        if isinstance(default, str | int | float) and default != ""
        else ""
    )


def _type(spec: dict[str, Any]) -> str:
    if "$ref" in spec:
        return _TITLES[spec["$ref"].rpartition("/")[2]].lower()
    if "anyOf" in spec:
        kinds = [_type(one) for one in spec["anyOf"] if one.get("type") != "null"]
        return " or ".join(dict.fromkeys(kinds))
    for key in ("enum", "const"):
        if key in spec:
            values = spec[key] if key == "enum" else [spec[key]]
            return " or ".join(f"`{value}`" for value in values)
    return _TYPES[spec["type"]](spec)


def _number(spec: dict[str, Any]) -> str:
    low, high = spec.get("minimum"), spec.get("maximum")
    whole = "whole number" if spec["type"] == "integer" else "number"
    if low is not None and high is not None:
        return f"{whole} from {low:g} to {high:g}"
    if low is not None:
        return f"{whole} from {low:g}"
    above, most = spec.get("exclusiveMinimum"), high
    return f"{whole} above {above:g}, at most {most:g}" if above is not None else whole


def _mapping(spec: dict[str, Any]) -> str:
    values = spec.get("additionalProperties") or next(iter(spec["patternProperties"].values()))
    return f"name: {_type(values)}"


_TYPES: dict[str, Callable[[dict[str, Any]], str]] = {
    "string": lambda _: "text",
    "boolean": lambda _: "`true` or `false`",
    "number": _number,
    "integer": _number,
    "array": lambda spec: f"list of: {_type(spec['items'])}",
    "object": _mapping,
}


def _row(*cells: str) -> str:
    texts = (" ".join(cell.replace("->", "→").replace("|", "\\|").split()) for cell in cells)
    return f"| {' | '.join(texts)} |"


PAGES: dict[str, Callable[[], str]] = {"commands.md": commands_page, "rubric.md": rubric_page}


if __name__ == "__main__":
    for file, page in PAGES.items():
        (HERE / file).write_text(page(), encoding="utf-8")
