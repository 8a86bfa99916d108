"""The cards of all registered models, as Markdown for the manual."""

from __future__ import annotations

from sentinelqa.weights import catalogue
from sentinelqa.weights.schema import LicenceYaml, ModelYaml

BEGIN = "<!-- cards: begin; written by python -m sentinelqa.weights.pin -->"
END = "<!-- cards: end -->"

_COMMERCIAL = {
    "yes": "allowed",
    "no": "not allowed",
    "conditional": "on a condition",
    "unknown": "not known",
}


def cards() -> str:
    """One section per licence and per model, in the registry's order."""
    registry = catalogue.read_registry()
    lines = ["## Licences", "", "| id | licence | commercial use |", "|---|---|---|"]
    lines += [_licence_row(name, licence) for name, licence in registry.licences.items()]
    lines += ["", "## Models", ""]
    for name, model in registry.models.items():
        lines += [*_card(name, model, registry.licences[model.licence]), ""]
    return "\n".join(lines)


def insert(page: str) -> str:
    """The page with the cards between their two marks.

    Raises:
        ValueError: the page has no such marks.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page lacks the lines {BEGIN!r} and {END!r}")
    return f"{before}{BEGIN}\n\n{cards()}\n{END}{after}"


def _licence_row(name: str, licence: LicenceYaml) -> str:
    title = f"[{licence.name}]({licence.url})" if licence.url else licence.name
    use = _COMMERCIAL[licence.commercial]
    return f"| `{name}` | {title} | {use}{f': {licence.condition}' if licence.condition else ''} |"


def _card(name: str, model: ModelYaml, licence: LicenceYaml) -> list[str]:
    facts = [
        f"{model.task}, loaded by {model.loader}",
        f"from `{model.source.describe()}`, {_pinned(model)}",
        f"licence `{model.licence}`, commercial use {_COMMERCIAL[licence.commercial]}",
        f"licence stated at {model.licence_source}",
    ]
    if model.memory:
        facts.append(f"weights take about {model.memory} MiB")
    if model.source.kind != "shipped":
        facts += [f"`{f}`: {p.size} bytes, sha256 `{p.sha256}`" for f, p in model.files.items()]
    if model.note:
        facts.append(f"note: {model.note}")
    return [f"### `{name}`", "", f"{model.summary}.", "", *(f"- {fact}" for fact in facts)]


def _pinned(model: ModelYaml) -> str:
    if model.files:
        return "pinned by the hash of every file"
    return "pinned by commit" if model.pinned else "**unpinned**"
