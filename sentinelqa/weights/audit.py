"""The audit of licences: what each model allows, and who says so."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sentinelqa.errors import DependencyError, ModelError
from sentinelqa.weights import catalogue
from sentinelqa.weights.locating import locate
from sentinelqa.weights.schema import Commercial, ModelYaml


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One registered model, as listings and the report show it.

    Attributes:
        here: whether files of the right names and sizes are on this machine; they are hashed when
            they are used, or by ``sentinelqa models verify``.
        size: bytes on this machine, else those that were pinned; 0 when not known.
        memory: MiB needed to run it; 0 when not known.
        licence_source: where the licence is stated for these weights.
    """

    id: str
    task: str
    loader: str
    summary: str
    source: str
    pinned: bool
    here: bool
    size: int
    memory: int
    licence: str
    licence_name: str
    commercial: Commercial
    condition: str
    licence_source: str
    note: str


def audit(names: Iterable[str] | None = None) -> list[Row]:
    """Rows for the named models, or for all that are registered, in the registry's order.

    Raises:
        ModelError: a name is not registered.
    """
    chosen = list(catalogue.read_registry().models) if names is None else list(names)
    return [_row(name, catalogue.find(name)) for name in dict.fromkeys(chosen)]


def _row(name: str, model: ModelYaml) -> Row:
    licence = catalogue.licence_of(model)
    on_disk = _size_here(name, model)
    return Row(
        id=name,
        task=model.task,
        loader=model.loader,
        summary=model.summary,
        source=model.source.describe(),
        pinned=model.pinned,
        here=on_disk > 0,
        size=on_disk or model.size,
        memory=model.memory,
        licence=model.licence,
        licence_name=licence.name,
        commercial=licence.commercial,
        condition=licence.condition,
        licence_source=model.licence_source,
        note=model.note,
    )


def _size_here(name: str, model: ModelYaml) -> int:
    """Bytes of the model's files on this machine; 0 unless all are there in their pinned size."""
    try:
        located = locate(name, model)
        sizes = {n: (located.root / n).stat().st_size for n in located.files}
    except (ModelError, DependencyError, OSError):
        return 0
    whole = all(sizes.get(n) == pin.size for n, pin in located.pins.items())
    return sum(sizes.values()) if whole else 0
