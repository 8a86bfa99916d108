"""What the README and the docs show works: commands parse, jobs load, links lead somewhere."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from sentinelqa.cli import COMMANDS, cli
from sentinelqa.job import JobYaml
from sentinelqa.rubric.meaning import check_meaning
from sentinelqa.rubric.reading import read_yaml, validate
from sentinelqa.rubric.schema import RubricFile

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


def blocks(kind: str) -> list[tuple[str, str]]:
    return [
        (page.name, text)
        for page in PAGES
        for found, text in BLOCK.findall(page.read_text(encoding="utf-8"))
        if found == kind
    ]


def commands() -> list[str]:
    return sorted(
        {
            line.partition("#")[0].strip()
            for _, text in blocks("sh")
            for line in text.splitlines()
            if line.startswith("sentinelqa ")
        }
    )


@pytest.mark.parametrize("command", commands())
def test_documented_commands_parse(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Arguments and options exist; nothing is run."""
    monkeypatch.setattr(click.Path, "convert", lambda self, value, param, ctx: value)
    arguments = shlex.split(command)[1:]
    context: click.Context = cli.make_context("sentinelqa", arguments)
    command_object: click.Command = cli
    while isinstance(command_object, click.Group):
        rest = [*context._protected_args, *context.args]
        name, found, rest = command_object.resolve_command(context, rest)
        assert found is not None
        context = found.make_context(name, rest, parent=context)
        command_object = found


@pytest.mark.parametrize(
    ("page", "text"), [(p, t) for p, t in blocks("yaml") if "requests:" in t and "rubric:" in t]
)
def test_documented_jobs_are_valid(page: str, text: str) -> None:
    data, marks = read_yaml(text, what=page)

    validate(JobYaml, data, marks)


@pytest.mark.parametrize(
    ("page", "text"),
    [(p, t) for p, t in blocks("yaml") if t.lstrip("# ").startswith(("name:", "yaml-language"))
     and ("tiers:" in t or "extends:" in t)],
)  # fmt: skip
def test_documented_rubrics_are_valid(page: str, text: str) -> None:
    data, marks = read_yaml(text, what=page)

    file = validate(RubricFile, data, marks)

    assert [str(problem) for problem in check_meaning(file, marks)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_every_command_is_in_the_readme_or_the_docs() -> None:
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)

    assert not [name for name in COMMANDS if f"sentinelqa {name}" not in text]


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_command_has_help_for_itself_and_its_options(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None

    def check(one: click.Command) -> None:
        assert one.help, one.name
        for parameter in one.params:
            if isinstance(parameter, click.Option):
                assert parameter.help, f"{one.name} {parameter.name}"
        if isinstance(one, click.Group):
            for child in one.commands.values():
                check(child)

    check(command)
